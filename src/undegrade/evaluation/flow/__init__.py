"""What a ResFlow model's walk looks like: information, entropy, straightness, progress."""
