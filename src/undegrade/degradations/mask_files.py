"""Masks from files: one, one drawn from a folder, or the one that belongs to a photo."""

from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import Member
from undegrade.errors import InputError

Mask = npt.NDArray[np.bool_]
"""True where the picture is missing, ``(H, W)``."""


def choose_mask(path: Path, rng: np.random.Generator) -> Path:
    """Return the file itself, or one of a folder, drawn from ``rng``.

    Raises:
        InputError: There is no such file, or none in the folder.
    """
    if path.is_file():
        return path  # nothing is drawn: who names a folder's file gets what was drawn from it
    files = _files(path)
    return files[int(rng.integers(len(files)))]


def read_mask(file: Path, height: int, width: int) -> Mask:
    """Return a mask ``(H, W)`` from a picture file, stretched to fit.

    Raises:
        InputError: It is no picture.
    """
    import pyvips  # loads libvips; not wanted while a command line is parsed

    try:
        mask = pyvips.Image.new_from_file(str(file)).colourspace("b-w")[0]
        stretched = mask.resize(width / mask.width, vscale=height / mask.height, kernel="nearest")
        array = stretched.numpy()
    except pyvips.Error as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file} cannot be read ({reason})", expected="a mask") from error
    rows = np.minimum(np.arange(height), array.shape[0] - 1)
    columns = np.minimum(np.arange(width), array.shape[1] - 1)
    missing: Mask = array[rows][:, columns] >= 128
    return missing


def mask_of(folder: Path, match: str, photo: Member) -> Path:
    """Return the mask of a folder that belongs to a photo of a set.

    Args:
        folder: Holds the masks.
        match: ``order`` for the mask of the photo's number, ``name`` for that of its name.
        photo: The photo.

    Raises:
        InputError: There are not as many masks as photos, or not exactly one of that name.
    """
    files = _files(folder)
    if match == "order":
        if len(files) != photo.count:
            raise InputError(
                f"{folder} holds {len(files)} masks for {photo.count} photos",
                expected="as many of one as of the other, to go together by order",
                fix="name the folders of all, or let them go together by match=name",
            )
        return files[photo.number]
    stem = PurePath(photo.name).stem
    named = [file for file in files if file.stem == stem]
    if len(named) != 1:
        raise InputError(
            f"{folder} holds {len(named)} masks called {stem}",
            expected=f"one for the photo {photo.name}",
            fix="give it the photo's name, or let them go together by match=order",
        )
    return named[0]


def _files(path: Path) -> list[Path]:
    """Return the file itself, or what a folder holds, in order and but for hidden files."""
    if not path.exists():
        raise InputError(
            f"{path} does not exist", expected="a picture of a mask, or a folder of them"
        )
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")
    if not files:
        raise InputError(f"{path} holds no file", expected="pictures of masks, white is missing")
    return files
