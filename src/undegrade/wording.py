"""Small matters of English."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 shard``, ``2 shards``."""
    return f"{count} {noun}{'s' * (count != 1)}"
