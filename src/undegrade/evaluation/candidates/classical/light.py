"""Against low light and shadow: more contrast in each part, or a longer exposure afterwards."""

import numpy as np

from undegrade.degradations import Image
from undegrade.srgb import Floats, decode_srgb, encode_srgb

_PARTS = 8  # along each side, the library's own number
_LEAST_PART = 8  # pixels: in smaller ones there is no histogram to speak of
_MIDDLE = 0.18  # of the light of white: the grey card of photographers
_MOST_STOPS = 10.0  # that a picture is made brighter or darker
_HALVINGS = 20  # of the stops that are left in question: to a hundred-thousandth of one


def clahe(lq: Image) -> Image:
    """Equalise histograms of parts with limited contrast (Zuiderveld, *Graphics Gems IV* 1994).

    As scikit-image does with colour pictures: hue and saturation stay, and the value of HSV, the
    brightest of the three colours, is equalised in eighths of the sides. Where that is the same
    all over, nothing is.
    """
    from skimage.exposure import equalize_adapthist

    if np.ptp(lq.max(axis=2)) == 0:
        return lq
    part = [max(side // _PARTS, _LEAST_PART) for side in lq.shape[:2]]
    equalised: Image = equalize_adapthist(lq, kernel_size=part)
    return equalised


def stretch(lq: Image) -> Image:
    """Expose longer or shorter until the mean is that of a middle grey, which reflects 18 %.

    All light is multiplied by the same factor, at most 2 to the tenth, and what passes white is
    cut, as in a camera that meters the whole picture. Colours keep their balance.
    """
    light = decode_srgb(lq.astype(np.float64))
    middle = float(encode_srgb(np.array(_MIDDLE)))
    low, high = -_MOST_STOPS, _MOST_STOPS
    for _ in range(_HALVINGS):
        stops = (low + high) / 2
        if _exposed(light, stops).mean() < middle:
            low = stops
        else:
            high = stops
    return _exposed(light, (low + high) / 2)


def _exposed(light: Floats, stops: float) -> Image:
    """Return the picture of a light that is ``2**stops`` times as bright."""
    picture: Image = encode_srgb((light * 2**stops).clip(0, 1)).astype(np.float32)
    return picture
