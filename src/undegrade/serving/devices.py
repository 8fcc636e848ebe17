"""Whether the device that is asked for is there, found out by a process that knows PyTorch."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from undegrade.errors import DeviceError

_EVERYWHERE = ("auto", "cpu")


def check_device(name: str) -> None:
    """Refuse a device that no worker could use; see :class:`undegrade.Restorer`.

    The server itself does without PyTorch, which takes seconds and hundreds of megabytes.

    Raises:
        DeviceError: It is not there.
        UsageError: There is no such kind of device.
    """
    if name in _EVERYWHERE:
        return
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            pool.submit(_choose, name).result()
        except BrokenProcessPool as error:
            reason = f"who looked for device '{name}' ended"
            raise DeviceError(reason, fix="see whether `undegrade doctor` finds it") from error


def _choose(name: str) -> None:
    from undegrade.inference.device import choose_device

    choose_device(name)
