"""Against rain and snow: what is bright and narrow goes."""

from undegrade.degradations import Image

_WIDTH = 5  # pixels of a row: streaks and flakes that are narrower go


def opening(lq: Image) -> Image:
    """Remove what is brighter than its surroundings and narrow, each colour by itself.

    A morphological opening (Serra 1982): every pixel takes the darkest value of five in its row,
    then the brightest of five of those. A row crosses streaks of rain, which fall, where they are
    narrow; of upright things in the photo only bright ones that are as narrow are lost. A bright
    line along the row stays.
    """
    from scipy.ndimage import grey_opening

    opened: Image = grey_opening(lq, size=(1, _WIDTH, 1), mode="reflect")
    return opened
