"""What a measure needs besides this package: libraries, and weights that were trained elsewhere."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from undegrade.environment import home, is_offline
from undegrade.errors import WeightsError
from undegrade.hashing import file_sha256
from undegrade.images.files import NewFile, make_folder

_PATIENCE = 30.0  # seconds without a byte after which a download has failed
_CHUNK = 2**20
_DIGITS = 64  # of a whole SHA-256


def weights_folder() -> Path:
    """Return the folder with the weights of measures, one file each, under their published names.

    Its last part is what PyTorch's own hub calls the folder of such files, so that a copy of
    ``~/.cache/torch/hub/checkpoints`` will do.
    """
    return home() / "metrics" / "checkpoints"


@dataclass(frozen=True)
class WeightFile:
    """Weights that somebody else trained.

    Args:
        name: Of the file in :func:`weights_folder`.
        url: Where it is published.
        megabytes: Its size, in units of 2^20 bytes, rounded.
        licence: Under which it is published.
        sha256: First digits of its SHA-256, as many as are published; empty if none are.
    """

    name: str
    url: str
    megabytes: float
    licence: str
    sha256: str = ""

    @property
    def path(self) -> Path:
        """Where it has to be."""
        return weights_folder() / self.name

    @property
    def is_pinned(self) -> bool:
        """Whether its whole SHA-256 is known, so that no other file can pass for it."""
        return len(self.sha256) == _DIGITS

    def __str__(self) -> str:
        return f"{self.name} ({self.megabytes:g} MB, {self.licence})"

    def check(self) -> None:
        """Refuse a file that is not the published one.

        Raises:
            WeightsError: It is not there, cannot be read, or has another hash.
        """
        if not self.path.is_file():
            raise WeightsError(f"{self.path} is not there", fix=f"take it from {self.url}")
        found = _sha256(self.path, self.path.stat().st_mtime_ns)
        if not found.startswith(self.sha256):
            raise WeightsError(
                f"{self.path} has the SHA-256 {found[:12]}…",
                expected=f"{self.sha256[:12]}…",
                fix=f"take it from {self.url} again",
            )

    def fetch(self) -> None:
        """Download the file; nothing is kept of one that is not the published one.

        Raises:
            WeightsError: Downloads are forbidden, it cannot be reached, or another one came.
            OutputError: It cannot be kept.
        """
        if is_offline():
            raise WeightsError(
                f"{self.path} is not there and UNDEGRADE_OFFLINE forbids downloads",
                fix=f"put {self.url} there",
            )
        make_folder(self.path.parent)
        new = NewFile(self.path)
        try:
            _download(self.url, new.path)
            digest = file_sha256(new.path)
            if not digest.startswith(self.sha256):
                raise WeightsError(f"what came from {self.url} is not the published file")
            new.commit()
        finally:
            new.discard()


@dataclass(frozen=True)
class Needs:
    """What has to be there before a measure can be taken.

    Args:
        modules: Libraries that are imported.
        extra: Of this package, that brings them.
        weights: Files of weights.
    """

    modules: tuple[str, ...] = ()
    extra: str = ""
    weights: tuple[WeightFile, ...] = ()

    def missing_library(self) -> str | None:
        """Return why it cannot be computed with what is installed; None if it can."""
        absent = [module for module in self.modules if find_spec(module) is None]
        if not absent:
            return None
        return f"needs {' and '.join(absent)}; install undegrade[{self.extra}]"

    def missing_weights(self) -> tuple[WeightFile, ...]:
        """Return the files that would have to be downloaded."""
        return tuple(file for file in self.weights if not file.path.is_file())


@cache
def _sha256(path: Path, _changed: int) -> str:
    """Return the hash of a file as it was when it was last changed."""
    return file_sha256(path)


def _download(url: str, path: Path) -> None:
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_PATIENCE) as source, path.open("wb") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"{url} cannot be fetched ({reason})",
            fix=f"put the file into {weights_folder()}",
        ) from error
