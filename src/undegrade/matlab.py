"""Arrays from MATLAB files of either kind: up to version 7.2, and 7.3, which is HDF5."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError, MissingExtraError

Array = npt.NDArray[np.generic]


def read_arrays(path: Path) -> dict[str, list[Array]]:
    """Return the arrays of each variable; a cell array of version 7.3 gives one for each cell.

    Raises:
        InputError: The file cannot be read.
        MissingExtraError: It is of version 7.3, and h5py is not installed.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist", expected="a MATLAB file")
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        try:
            content = loadmat(str(path))
        except NotImplementedError:
            return _hdf5_arrays(path)
    except (OSError, ValueError, TypeError, IndexError, MatReadError) as error:
        raise InputError(f"{path} cannot be read ({error})", expected="a MATLAB file") from error
    return {key: [content[key]] for key in sorted(content) if not key.startswith("__")}


def _hdf5_arrays(path: Path) -> dict[str, list[Array]]:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{path} is a MATLAB file of version 7.3, which needs h5py",
            fix="install undegrade[train]",
        ) from error
    with h5py.File(path) as file:
        names = sorted(name for name, item in file.items() if isinstance(item, h5py.Dataset))
        return {name: _cells(file, file[name][()]) for name in names}


def _cells(file: object, array: Array) -> list[Array]:
    """Return what a variable refers to, or itself; HDF5 holds axes in the reverse order."""
    if array.dtype != object:
        return [array.T]
    return [np.asarray(file[cell]).T for cell in array.ravel()]  # type: ignore[index]
