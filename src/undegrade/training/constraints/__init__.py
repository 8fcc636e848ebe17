"""Losses that any method's objective can be given besides its own, by what they are made of."""
