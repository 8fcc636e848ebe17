"""Instruments for priors: what they draw, and how well they know the noise in pictures."""
