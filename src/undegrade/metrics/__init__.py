"""Measures of quality, each named with the protocol by which it is computed."""
