"""Measuring: what is chosen, on which pictures, by how many processes."""
