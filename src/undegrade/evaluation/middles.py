"""The middle of pictures, for instruments that need not see all of each."""

from undegrade.errors import InputError
from undegrade.evaluation.pictures import TruthPair


def middle(pair: TruthPair, side: int, multiple: int) -> TruthPair:
    """Return the middle of a pair, of a size that a network takes.

    Args:
        pair: Degraded and clean.
        side: Longest side of the part, in pixels.
        multiple: What height and width have to be divisible by.

    Raises:
        InputError: The picture is too small for that.
    """
    height, width = (min(side, length) // multiple * multiple for length in pair.hq.shape[:2])
    if not height or not width:
        raise InputError(
            f"{pair.name} is {pair.hq.shape[1]}x{pair.hq.shape[0]} pixels large",
            expected=f"at least {multiple}x{multiple}",
        )
    top, left = (pair.hq.shape[0] - height) // 2, (pair.hq.shape[1] - width) // 2
    rows, columns = slice(top, top + height), slice(left, left + width)
    return TruthPair(pair.name, pair.lq[rows, columns], pair.hq[rows, columns])
