"""undegrade: a photo goes in, the same photo without its degradation comes out."""

__version__ = "0.1.0"
