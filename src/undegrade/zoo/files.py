"""Files of a model folder: the header of the weights, folders that appear as a whole."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from undegrade.errors import OutputError, WeightsError
from undegrade.images.files import new_folder, sibling
from undegrade.zoo.config import CONFIG_FILE

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"

_LONGEST_HEADER = 100 * 2**20  # bytes; the limit of the safetensors format itself


@dataclass(frozen=True)
class TensorInfo:
    """Kind and shape of a stored tensor, as the file's header states them."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Return what a safetensors file says it holds, without reading a tensor.

    Raises:
        WeightsError: The file is missing, cut off, or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_LONGEST_HEADER, path.stat().st_size - 8):
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        infos = {
            name: TensorInfo(str(entry["dtype"]), tuple(map(int, entry["shape"])))
            for name, entry in header.items()
            if name != "__metadata__"
        }
        end = max((header[name]["data_offsets"][1] for name in infos), default=0)
        if path.stat().st_size != 8 + length + end:
            raise ValueError(f"{path.stat().st_size} bytes instead of {8 + length + end}")
    except FileNotFoundError as error:
        raise WeightsError(
            f"{path.parent} holds no {WEIGHTS_FILE}", fix="pull or save the model again"
        ) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error})", fix="check the file") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise WeightsError(
            f"{path} is cut off or no safetensors file ({error})",
            fix="pull or save the model again",
        ) from error
    return infos


@contextmanager
def new_model_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``target`` when the block ends well, and only then.

    A model that ``target`` holds already is replaced; anything else there is left alone.

    Raises:
        OutputError: ``target`` is a file or a folder with other things in it, or its parent cannot
            be written to.
    """
    if target.is_file() or (_holds_files(target) and not (target / CONFIG_FILE).exists()):
        raise OutputError(
            f"{target} exists and is no model folder", fix="name a folder that does not exist yet"
        )
    old = sibling(target, "old")
    with new_folder(target) as temporary:
        yield temporary
        if target.exists():
            target.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
