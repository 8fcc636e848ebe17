"""Restorations from before networks: what a model has to be better than.

Each is given the degraded picture alone, as a model is, and whatever it has to know it estimates.
Settings are those of the papers or of the library's documentation; docs/evaluate.md names the few
that were chosen by trying.
"""

from importlib.util import find_spec

from undegrade.errors import MissingExtraError


def check_installed() -> None:
    """Refuse early what cannot be run.

    Raises:
        MissingExtraError: scikit-image or PyWavelets is not installed.
    """
    if any(find_spec(library) is None for library in ("pywt", "skimage")):
        raise MissingExtraError(
            "the classical baselines need scikit-image and PyWavelets",
            fix="install undegrade[metrics]",
        )
