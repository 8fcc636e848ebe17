"""Restoring pictures of any kind and size with a model: load once, call many."""
