"""Where models live: those inside the package, those pulled, and any folder given by path."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from undegrade.environment import home
from undegrade.errors import UsageError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.registry import did_you_mean
from undegrade.zoo.config import CONFIG_FILE, ModelConfig, read_config
from undegrade.zoo.files import CARD_FILE, WEIGHTS_FILE, TensorInfo, read_header

DEFAULT_MODEL = "resflow-general"
"""The model that is used where none is named."""

DETECTOR = "detector"
"""The model that says what a photo suffers from."""

BUNDLED = Path(__file__).parent / "weights"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_HUB_NAME = re.compile(rf"^{_NAME}/{_NAME}$")


@dataclass(frozen=True)
class ModelEntry:
    """A model: a folder with weights, configuration and card.

    Args:
        name: What it is called; for a folder given by path, the folder's own name.
        folder: Where it lies.
        config: What is known about it.
        card: Text of its card in Markdown; empty if it has none.
        bundled: Whether it came with the package.
    """

    name: str
    folder: Path
    config: ModelConfig
    card: str
    bundled: bool

    @property
    def weights_path(self) -> Path:
        """The file of the weights."""
        return self.folder / WEIGHTS_FILE

    @cached_property
    def sha256(self) -> str:
        """Hash of the file of the weights, computed from its bytes."""
        return file_sha256(self.weights_path)

    @property
    def size(self) -> int:
        """Bytes of the file of the weights."""
        return self.weights_path.stat().st_size

    @property
    def parameters(self) -> int:
        """Number of values, those of the base among them.

        Raises:
            WeightsError: The file of the weights is damaged, or the base is not at hand.
        """
        base = self.base()
        infos = {} if base is None else base.header()
        return sum(info.count for info in (infos | self.header()).values())

    def header(self) -> dict[str, TensorInfo]:
        """Return what its own file of the weights says it holds.

        Raises:
            WeightsError: The file is damaged.
        """
        with advising(self.folder):
            return read_header(self.weights_path)

    def base(self) -> "ModelEntry | None":
        """Return the model that holds the tensors which this one leaves out, if it leaves any out.

        It is looked for beside this one, then by its name.

        Raises:
            WeightsError: It is not at hand, or only another one of its name.
        """
        wanted = self.config.base
        if wanted is None:
            return None
        problem = "which is not here"
        for folder in filter(None, [self.folder.parent / wanted.name, _folders().get(wanted.name)]):
            try:
                found = read_entry(folder, wanted.name)
            except WeightsError as error:  # what can be used may lie elsewhere
                if os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises on names too long
                    problem = f"which cannot be used ({error})"
                continue
            if found.config.sha256 == wanted.sha256 and found.config.base is None:
                return found
            problem = f"and {folder} is another one"
        with advising(self.folder):
            raise WeightsError(
                f"model '{self.name}' holds only what differs from '{wanted.name}', {problem}",
                expected=f"a model '{wanted.name}' whose weights have the hash {wanted.sha256}",
                fix=f"copy it to {self.folder.parent}, or pull it",
            )

    def check_writable(self) -> None:
        """Check that the folder is the user's own.

        Raises:
            UsageError: The model came with the package.
        """
        if self.bundled:
            raise UsageError(
                f"model '{self.name}' came with the package and is not written to",
                fix=f"copy {self.folder} and name the copy",
            )

    def verify(self) -> None:
        """Check that the model is whole: its own file of the weights, and that of its base.

        Raises:
            WeightsError: See :meth:`base` and :meth:`check_file`.
        """
        if (base := self.base()) is not None:
            base.check_file()
        self.check_file()

    def check_file(self) -> None:
        """Check that the file of the weights is the one that the configuration speaks of.

        Raises:
            WeightsError: It is damaged or another one, or the configuration states no hash.
        """
        self.header()
        with advising(self.folder):
            if not self.config.sha256:
                raise WeightsError(
                    f"{self.folder / CONFIG_FILE} states no sha256", fix="save the model again"
                )
            if self.sha256 != self.config.sha256:
                raise WeightsError(
                    f"{self.weights_path} is damaged or was replaced: it has the hash "
                    f"{self.sha256}",
                    expected=self.config.sha256,
                    fix="pull or save the model again",
                )


@dataclass(frozen=True)
class Scan:
    """All model folders found: the usable ones, and what is wrong with the others."""

    entries: tuple[ModelEntry, ...]
    damaged: dict[str, WeightsError]


@contextmanager
def advising(folder: Path) -> Iterator[None]:
    """Say how to mend a model that came with the package: it cannot be pulled or saved.

    Raises:
        WeightsError: As the block has it, with other advice for a folder of the package.
    """
    try:
        yield
    except WeightsError as error:
        if folder.parent != BUNDLED:
            raise
        raise WeightsError(
            error.got, expected=error.expected, fix="install undegrade again"
        ) from error


def is_bundled(name: str) -> bool:
    """Return whether a model of that name came with the package, be it damaged."""
    return any(folder.name == name for folder in _subfolders(BUNDLED))


def is_hub_name(name: str) -> bool:
    """Return whether ``name`` has the form ``organisation/repository``."""
    return bool(_HUB_NAME.match(name)) and ".." not in name


def pulled_root() -> Path:
    """Return the folder of pulled models."""
    return home() / "models"


def scan() -> Scan:
    """Look at every bundled and pulled model; a bundled one hides a pulled one of its name."""
    entries: list[ModelEntry] = []
    damaged: dict[str, WeightsError] = {}
    for name, folder in _folders().items():
        try:
            entries.append(read_entry(folder, name))
        except WeightsError as error:
            damaged[name] = error
    return Scan(tuple(entries), damaged)


def list_models() -> list[ModelEntry]:
    """Return the usable models, bundled ones first; damaged ones are left to ``find_model``."""
    return [*scan().entries]


def is_here(name: str) -> bool:
    """Return whether a model of that name is bundled or pulled, be it damaged."""
    return name in _folders()


def find_model(name_or_folder: str | Path) -> ModelEntry:
    """Return the model of a name, or the one in a folder.

    Args:
        name_or_folder: Name of a bundled or pulled model, or path of a model folder. A name wins
            over a folder called the same in the working directory; ``./name`` is the folder.

    Raises:
        UsageError: There is no such model; the message names the nearest one.
        WeightsError: It is there but cannot be used, or it could be pulled but is not there yet.
    """
    name = str(name_or_folder)
    known = _folders()
    if name in known:
        return read_entry(known[name], name)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return read_entry(folder, folder.resolve().name)
    if is_hub_name(name):
        raise WeightsError(
            f"model '{name}' is not on this machine, neither as a folder nor pulled from the hub",
            fix=f"check the path, or run: undegrade models pull {name}",
        )
    if os.sep in name:
        raise UsageError(f"there is no model folder {name}", fix="check the path")
    raise UsageError(f"there is no model '{name}'", fix=did_you_mean(name, [*known]))


def read_entry(folder: Path, name: str) -> ModelEntry:
    """Read a model folder.

    Raises:
        WeightsError: Something is missing or not valid.
    """
    with advising(folder):
        config = read_config(folder)
        if not (folder / WEIGHTS_FILE).is_file():
            raise WeightsError(
                f"{folder} holds no {WEIGHTS_FILE}", fix="pull or save the model again"
            )
    card = folder / CARD_FILE
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    return ModelEntry(name, folder, config, text, folder.parent == BUNDLED)


def _folders() -> dict[str, Path]:
    """Return name to folder of every model folder, damaged or not."""
    found = {folder.name: folder for folder in _subfolders(BUNDLED)}
    root = pulled_root()
    for folder in _subfolders(root):
        if (folder / CONFIG_FILE).exists() or (folder / WEIGHTS_FILE).exists():
            found.setdefault(folder.name, folder)
            continue
        for inner in _subfolders(folder):
            found.setdefault(f"{folder.name}/{inner.name}", inner)
    return found


def _subfolders(root: Path) -> list[Path]:
    """Return the folders in ``root``, sorted; hidden ones are unfinished or not ours."""
    if not root.is_dir():
        return []
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith((".", "__")) and any(path.iterdir())
    )
