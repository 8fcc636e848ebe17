"""Small matters of English."""


def article(noun: str) -> str:
    """Return a word with its article: ``a flow``, ``an eedtp model``."""
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 shard``, ``2 shards``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def percent(share: float) -> str:
    """Return a probability in per cent, never rounded to what is certain: ``99 %`` of 0.9987."""
    return f"{min(max(round(share * 100), 1), 99)} %"
