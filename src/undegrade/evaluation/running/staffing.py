"""How many processes are worth starting, and where they run."""

from undegrade.errors import UsageError
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.running.crew import Staff
from undegrade.inference.host import free_memory, usable_cores

_PICTURES_EACH = 16  # for which it takes as long to start a process as it saves
_CORES_OF_A_MODEL = 4  # which a network keeps busy by itself, at the memory of one process
_BYTES_EACH = 1 << 30  # of a process with its libraries and a picture of some megapixels


def choose_staff(choice: Choice, asked: int | None, pictures: int) -> Staff:
    """Decide how many processes measure.

    Without a model there is one for each core, with one on a CPU one for each four, and on
    accelerators one for each device; fewer if there are few pictures or little memory.

    Args:
        choice: What is measured; its device may be several with commas, or ``"auto"``.
        asked: That many; None to decide here.
        pictures: How many there are.

    Raises:
        DeviceError: A device is not there.
        UsageError: More processes than accelerators were asked for.
    """
    cores, names = usable_cores(), _devices(choice)
    if not choice.has_models or names[0] == "cpu":
        names = ("cpu",)
        each = _CORES_OF_A_MODEL if choice.has_models else 1
        room = free_memory() // _BYTES_EACH
        count = asked or max(1, min(cores // each, pictures // _PICTURES_EACH, room))
    else:
        if asked is not None and asked > len(names):
            raise UsageError(
                f"{asked} workers on {', '.join(names)}", expected="at most one for each device"
            )
        count = asked or len(names)
    return Staff(names, count, max(1, cores // count))


def _devices(choice: Choice) -> tuple[str, ...]:
    """Return the devices that are meant; where no model runs, nobody waits for PyTorch to look."""
    if not choice.has_models and choice.device == "auto":
        return ("cpu",)
    from undegrade.inference.device import choose_devices

    return tuple(map(str, choose_devices(choice.device)))
