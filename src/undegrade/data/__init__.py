"""Pairs for training and testing."""
