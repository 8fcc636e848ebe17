"""Where the network runs and in which number type: what was asked for, or the best there is."""

from pathlib import Path

import torch

from undegrade.errors import DeviceError, UsageError
from undegrade.registry import did_you_mean

_DEVICES = ["auto", "cpu", "cuda", "mps"]

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """Return the device that is meant.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:N"``, ``"mps"``, or ``"auto"`` for the first of CUDA,
            MPS and CPU that is there.

    Raises:
        DeviceError: It is not there; never is another one used instead.
        UsageError: There is no such kind of device.
    """
    kind, _, number = name.partition(":")
    if kind not in _DEVICES or (number and (kind != "cuda" or not number.isdecimal())):
        raise UsageError(
            f"there is no device '{name}'",
            fix=did_you_mean(name, [*_DEVICES, "cuda:0"]),
        )
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if kind == "cuda":
        return _cuda(name, int(number or 0))
    if kind == "mps" and not _has_mps():
        raise DeviceError("device 'mps' was asked for", expected=_seen(), fix=_USE_AUTO)
    return torch.device(kind)


def choose_devices(names: str) -> tuple[torch.device, ...]:
    """Return the devices that are meant, for work that several can share.

    Args:
        names: Names as :func:`choose_device` takes them, with commas; ``"auto"`` alone for all of
            CUDA, else for what that chooses.

    Raises:
        DeviceError: One is not there.
        UsageError: There is no such kind of device, one is named twice, or several are not CUDA.
    """
    if names == "auto" and torch.cuda.is_available():
        return tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))
    devices = tuple(choose_device(name.strip()) for name in names.split(","))
    if len(devices) > 1 and any(device.type != "cuda" for device in devices):
        raise UsageError(f"devices {names}", expected="one, or several of CUDA")
    if len({*devices}) < len(devices):
        raise UsageError(f"devices {names}", expected="each at most once")
    return devices


_USE_AUTO = "use `auto` or `cpu`, or install a torch that supports the device"


def _cuda(name: str, index: int) -> torch.device:
    if not torch.cuda.is_available():
        raise DeviceError(f"device '{name}' was asked for", expected=_seen(), fix=_USE_AUTO)
    if index >= torch.cuda.device_count():
        raise DeviceError(f"device '{name}' was asked for", expected=_seen())
    return torch.device("cuda", index)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _seen() -> str:
    """Say which devices torch sees."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    devices += ["mps"] * _has_mps()
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    return f"one of: {', '.join(['cpu', *devices])} (torch {torch.__version__}, built with {built})"


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number type that is meant.

    Args:
        name: ``"float32"``, ``"bfloat16"``, ``"float16"``, or ``"auto"``: bfloat16 where the device
            computes in it directly, else float32.
        device: Where the network runs.

    Raises:
        UsageError: There is no such precision.
    """
    if name == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    if name not in PRECISIONS:
        raise UsageError(
            f"there is no precision '{name}'", fix=did_you_mean(name, ["auto", *PRECISIONS])
        )
    return PRECISIONS[name]


def _has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has instructions for bfloat16; to imitate it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and cpu_has_bfloat16()


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the CPU multiplies matrices of bfloat16 (AMX or AVX-512 BF16).

    Args:
        cpuinfo: Where Linux lists the CPU's features; asked where torch does not say.
    """
    probes = [
        getattr(torch.cpu, name, None)
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    ]
    if all(probes):
        return any(bool(probe()) for probe in probes if probe)
    try:
        words = set(cpuinfo.read_text(encoding="ascii", errors="replace").split())
    except OSError:  # not Linux
        return False
    return bool(words & {"amx_bf16", "avx512_bf16"})


def precision_name(dtype: torch.dtype) -> str:
    """Return what users call a number type (``"bfloat16"``)."""
    return str(dtype).removeprefix("torch.")
