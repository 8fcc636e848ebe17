"""The papers' published tables as data, and our own measurements laid beside them."""
