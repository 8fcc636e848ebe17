"""The two halves of a set of pairs: a folder of degraded and one of clean photos, told by name."""

from collections.abc import Iterable
from pathlib import Path

from undegrade.errors import InputError

LQ_FOLDERS = (
    *("lq", "low", "input", "in", "degraded", "noisy", "rain", "rainy", "hazy", "haze", "blur"),
    *("blurry", "snow", "synthetic", "shadow", "data", "source", "jpeg", "lr", "foggy"),
    *("compressed", "distorted", "train_a", "test_a"),
)
HQ_FOLDERS = (
    *("hq", "high", "target", "gt", "clean", "clear", "groundtruth", "norain", "sharp"),
    *("shadow_free", "normal", "reference", "ref", "hr", "ground_truth", "original"),
    *("train_c", "test_c"),
)

KNOWN_HALVES = (
    f"degraded photos in a folder called {', '.join(LQ_FOLDERS[:-1])} or {LQ_FOLDERS[-1]}, and "
    f"clean ones beside it in one called {', '.join(HQ_FOLDERS[:-1])} or {HQ_FOLDERS[-1]}"
)


def has_halves(folder: Path) -> bool:
    """Tell whether a folder holds one of degraded and one of clean photos, by their names."""
    return folder.is_dir() and are_halves(_folders(folder))


def are_halves(names: Iterable[str]) -> bool:
    """Tell whether there is one of degraded and one of clean photos among names of folders."""
    return {"lq", "hq"} <= {side(name) for name in names}


def side(name: str) -> str:
    """Return ``lq`` or ``hq`` where a folder's name says which half it is, else nothing."""
    if name.lower() in LQ_FOLDERS:
        return "lq"
    return "hq" if name.lower() in HQ_FOLDERS else ""


def find_halves(folder: Path) -> tuple[Path, Path]:
    """Return the folders of the degraded and of the clean photos in a folder, by their names.

    Raises:
        InputError: There are no two such folders.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", expected="a folder with one for each half")
    inside = _folders(folder)
    lq, hq = (
        next((inside[name] for name in names if name in inside), None)
        for names in (LQ_FOLDERS, HQ_FOLDERS)
    )
    if lq is None or hq is None:
        raise InputError(
            f"{folder} holds the folders {', '.join(p.name for p in inside.values()) or '(none)'}",
            expected="one of degraded photos, such as lq or input, and one of clean ones, such as "
            "hq or target",
        )
    return lq, hq


def _folders(folder: Path) -> dict[str, Path]:
    return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
