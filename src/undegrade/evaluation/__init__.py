"""Measuring models on test pictures: tables, curves and figures."""
