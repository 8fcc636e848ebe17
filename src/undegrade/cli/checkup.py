"""The checks behind `undegrade doctor`; each gives findings and never raises."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from undegrade import __version__

_PROCESSOR = "processor and memory"

EXTRAS = {"train": ("lightning", "tensorboard"), "metrics": ("torchmetrics",)}
"""Packages that each optional extra brings."""

VARIABLES = (
    "UNDEGRADE_DEVICE",
    "UNDEGRADE_HOME",
    "UNDEGRADE_OFFLINE",
    "UNDEGRADE_DEBUG",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "TMPDIR",
)
"""Environment variables that change what undegrade does."""


_FORMATS = "image formats"


@dataclass(frozen=True)
class Finding:
    """One fact about the machine or the installation.

    Args:
        section: Heading that it belongs under.
        name: What it is about.
        value: The fact itself, made of JSON values.
        advice: What to do about it, if something should be done.
        broken: Whether undegrade cannot do its work like that.
    """

    section: str
    name: str
    value: Any
    advice: str = ""
    broken: bool = False

    @property
    def text(self) -> str:
        """The value for people."""
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value)) or "none"
        return "-" if self.value is None else str(self.value)


def check_up() -> list[Finding]:
    """Run all checks; one that breaks is itself a finding."""
    checks = (
        _versions,
        _devices,
        _arithmetic,
        _processor,
        _formats,
        _models,
        _extras,
        _variables,
    )
    return _findings(checks)


def surroundings() -> list[Finding]:
    """Return what numbers may depend on: versions, devices, processor and threads, no paths.

    Of devices and of how PyTorch computes nothing is said where nobody has loaded it.
    """
    passing = {"memory free in GB"}
    private = {"executable", "TMPDIR", "UNDEGRADE_HOME"}
    computing = (_devices, _arithmetic) if "torch" in sys.modules else ()
    found = _findings((_versions, _libvips, *computing, _processor, _variables))
    return [finding for finding in found if finding.name not in passing | private]


def revision() -> str:
    """Return the commit of the checkout that runs, ``-dirty`` if it was changed; empty if none."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return ""
    command = ["git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(
            [*command, "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no git, or a folder that it does not trust
        return ""
    return found.stdout.strip()


def _findings(checks: Sequence[Callable[[], Iterator[Finding]]]) -> list[Finding]:
    findings: list[Finding] = []
    for check in checks:
        try:
            findings.extend(check())
        except Exception as error:  # a broken library may raise anything, even while imported
            name = check.__name__.lstrip("_")
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            advice = "install undegrade again in a fresh environment"
            findings.append(Finding(name, name, reason, advice, broken=True))
    return findings


def _versions() -> Iterator[Finding]:
    section = "versions"
    yield Finding(section, "undegrade", __version__)
    yield Finding(section, "python", platform.python_version())
    yield Finding(section, "system", f"{platform.system()} {platform.release()}")
    yield Finding(section, "machine", platform.machine())
    for package in ("torch", "numpy", "pyvips", "safetensors", "huggingface_hub"):
        found = _version(package)
        yield Finding(
            section,
            package,
            found,
            advice="" if found else f"pip install {package}",
            broken=found is None,
        )


def _devices() -> Iterator[Finding]:
    import torch

    section = "devices"
    works = float(torch.ones(8, 8).matmul(torch.ones(8, 8)).sum()) == 512
    yield Finding(section, "cpu", works, broken=not works)
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Finding(section, "cuda", names)
    else:
        value, advice = why_no_cuda()
        yield Finding(section, "cuda", value, advice)
    yield Finding(section, "mps", torch.backends.mps.is_available())


def why_no_cuda() -> tuple[str, str]:
    """Return why there is no CUDA device, and what to do for one."""
    import torch

    if torch.version.cuda is None:
        build = "ROCm" if torch.version.hip else "CPU"
        return (
            f"no: torch {torch.__version__} is a {build} build",
            "only for NVIDIA cards: install torch as pytorch.org says for your CUDA version",
        )
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        return "no: CUDA_VISIBLE_DEVICES hides every device", "unset CUDA_VISIBLE_DEVICES"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        return f"no: {reason}", "check the driver with nvidia-smi"
    return "no: the driver shows no device", "check the driver with nvidia-smi"


def _arithmetic() -> Iterator[Finding]:
    import torch

    from undegrade.inference.device import cpu_has_bfloat16

    yield Finding(_PROCESSOR, "instructions", torch.backends.cpu.get_cpu_capability())
    yield Finding(_PROCESSOR, "torch threads", torch.get_num_threads())
    yield Finding(_PROCESSOR, "bfloat16", cpu_has_bfloat16())


def _processor() -> Iterator[Finding]:
    from undegrade.inference.host import free_memory, usable_cores

    section = _PROCESSOR
    yield Finding(section, "cores", usable_cores())
    total, free = _total_memory(), free_memory() / 1e9
    yield Finding(section, "memory in GB", None if total is None else round(total, 1))
    advice = "close other programs: restoring wants about 1 GB" if free < 1 else ""
    yield Finding(section, "memory free in GB", round(free, 1), advice)


def _total_memory() -> float | None:
    """Return the machine's memory in units of 1e9 bytes; None if the system hides it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _libvips() -> Iterator[Finding]:
    import pyvips

    version_of = ".".join(str(pyvips.version(part)) for part in range(3))
    yield Finding(_FORMATS, "libvips", version_of)


def _formats() -> Iterator[Finding]:
    from undegrade.images.formats import FORMATS
    from undegrade.images.vips import can_write, has_operation

    section = _FORMATS
    yield from _libvips()
    for name, entry in FORMATS.items():
        reads, writes = has_operation(entry.loader), can_write(name)
        essential = name in {"jpeg", "png"} and not (reads and writes)
        if reads and writes:
            value = "read and write"
        elif reads and name == "heic":  # one loader for AVIF and HEIC: it may lack the latter
            value = "no writing, and reading only where the decoder is installed"
        else:
            value = "read only" if reads else "write only" if writes else "no"
        advice = "install a libvips with it" if value != "read and write" else ""
        yield Finding(section, name, value, advice, broken=essential)


def _models() -> Iterator[Finding]:
    from undegrade.errors import WeightsError
    from undegrade.zoo import DEFAULT_MODEL, scan

    section = "models"
    found = scan()
    problems = {name: str(error) for name, error in found.damaged.items()}
    for entry in found.entries:
        try:
            entry.verify()
        except WeightsError as error:
            problems[entry.name] = str(error)
        else:
            yield Finding(section, entry.name, f"whole, {entry.sha256[:12]}")
    for name, problem in problems.items():
        yield Finding(section, name, problem, broken=True)
    if DEFAULT_MODEL not in {entry.name for entry in found.entries} | problems.keys():
        yield Finding(section, DEFAULT_MODEL, "missing", "install undegrade again", broken=True)


def _extras() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        missing = [package for package in packages if _version(package) is None]
        value = f"without {', '.join(missing)}" if missing else "installed"
        advice = f'pip install "undegrade[{extra}]"' if missing else ""
        yield Finding("extras", extra, value, advice)


def _variables() -> Iterator[Finding]:
    for name in VARIABLES:
        if name in os.environ:
            yield Finding("environment", name, os.environ[name])
    yield Finding("environment", "executable", sys.executable)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
