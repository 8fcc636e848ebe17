"""Networks: tensors in, tensors out; they know no process."""
