"""Speed and memory of restoring, beside FFDNet and the machine's own matrix multiplication.

    python benchmarks/restore.py --megapixels 1,12,24 --steps 1,4 --precision float32
    python benchmarks/restore.py --untrained recipes/small/dtpm.yaml --steps 0,4,10,50

Speed is seconds per megapixel of the restored photo, with the weights loaded. Every row runs the
command in a process of its own, on a photo made for it, and takes that process's peak of resident
memory from the operating system. The reference is FFDNet for colour (Zhang et al. 2018; 12
convolutions of 96 channels at half resolution, 0.85 million parameters), untrained, which costs the
same as trained, on one megapixel in float32.

With ``0`` first among the steps, a model that has a first guess is timed without one, and every
other row beside that: predictor and semantic code are evaluated once, the denoiser once a step.
Weights do not matter for speed: ``--untrained`` times the method of a recipe, one that extends no
other, before any training.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
import yaml
from machine import best_time, matrix_multiplication_rate, processor
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from undegrade.allocator import keep_freed_memory
from undegrade.methods import build_method, parse_options
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.zoo import ModelConfig, find_model, load_method, save_model

SIDE = 1024  # of the photo on which the references are timed


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    megapixels: float
    steps: int
    precision: str
    bits: int


@dataclass(frozen=True)
class Measurement:
    """What one run of the command took."""

    seconds: float
    peak_bytes: int


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.untrained is not None:
            arguments.model = str(save_untrained(arguments.untrained, Path(folder)))
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Measure a model and print a row for each case."""
    keep_freed_memory()  # as the command does
    peak = matrix_multiplication_rate()
    ffdnet = seconds_per_megapixel(build_ffdnet())
    guess, step = operations_per_pixel(arguments.model)
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"matrix multiplication, float32: {peak / 1e9:.0f} GFLOP/s")
    print(f"FFDNet, float32: {ffdnet:.2f} s per megapixel")
    once = f" and {guess / 1e6:.3f} once" if guess else ""
    name = Path(arguments.untrained or arguments.model).stem
    print(f"{name}: {step / 1e6:.3f} MFLOP per pixel and step{once}\n")
    chosen = cases(arguments)
    beside = chosen[0].steps == 0
    more = " against no step |" * beside
    print(
        "| photo | steps | precision | s per megapixel | against FFDNet |"
        f"{more} GFLOP/s | peak RSS |"
    )
    print("|---" * (7 + beside) + "|", flush=True)
    paces: dict[Case, float] = {}
    for case in chosen:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            result = measure(case, arguments.model, Path(folder))
        pace = result.seconds / case.megapixels
        paces[case] = pace
        ratio = f" {pace / paces[replace(case, steps=0)]:.2f}x |" if beside else ""
        rate = (guess + step * case.steps) * 1e6 / pace
        print(
            f"| {case.megapixels:g} MP, {case.bits} bit | {case.steps} | {case.precision} "
            f"| {pace:.2f} | {pace / ffdnet:.2f}x |{ratio} {rate / 1e9:.0f} ({rate / peak:.0%}) "
            f"| {result.peak_bytes / 2**30:.2f} GiB |",
            flush=True,
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="resflow-general", help="name or folder")
    parser.add_argument("--untrained", type=Path, help="a recipe, whose method is timed instead")
    parser.add_argument("--megapixels", default="1,12,24")
    parser.add_argument("--steps", default="1,4")
    parser.add_argument("--precision", default="float32,bfloat16")
    parser.add_argument("--bits", type=int, choices=[8, 16], default=8)
    parser.add_argument("--folder", type=Path, help="for the photos; about 3 bytes per pixel")
    return parser.parse_args()


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Return every combination that was asked for."""
    return [
        Case(float(size), int(steps), precision, arguments.bits)
        for size in arguments.megapixels.split(",")
        for steps in arguments.steps.split(",")
        for precision in arguments.precision.split(",")
    ]


def measure(case: Case, model: str, folder: Path) -> Measurement:
    """Restore a photo of the given size in a process of its own."""
    photo = folder / "photo.tif"
    write_photo(photo, case.megapixels, case.bits)
    command = [
        *(str(Path(sys.executable).with_name("undegrade")), "restore", str(photo)),
        *("--model", model, "--steps", str(case.steps), "--precision", case.precision),
        *("--json", "-o", str(folder / "restored.tif")),
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    line = child.stdout.readline()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed with status {status}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Measurement(float(json.loads(line)["seconds"]), usage.ru_maxrss * scale)


def write_photo(path: Path, megapixels: float, bits: int) -> None:
    """Write a noisy gradient as TIFF, band by band, 4:3 or so."""
    import pyvips

    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    grey = pyvips.Image.gaussnoise(width, height, mean=0, sigma=20, seed=1)
    picture = pyvips.Image.xyz(width, height)
    ramp = (picture[0] * (200 / width) + picture[1] * (50 / height)) + grey
    colour = ramp.bandjoin([ramp + 10, 250 - ramp])
    top = 2**bits - 1
    samples = (colour * (top / 255)).cast("uchar" if bits == 8 else "ushort")
    kind = "srgb" if bits == 8 else "rgb16"
    samples.copy(interpretation=kind).tiffsave(str(path), compression="none")


def build_ffdnet() -> nn.Module:
    """Return FFDNet for colour with its noise map as three more channels, untrained."""
    widths = [15, *[96] * 11, 12]
    layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.ConstantPad3d((0, 0, 0, 0, 0, 3), 0.1)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
    network = nn.Sequential(*layers[:-1], nn.PixelShuffle(2))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def seconds_per_megapixel(network: nn.Module) -> float:
    """Return the time of one evaluation on a picture of ``SIDE`` squared, per megapixel."""
    x = torch.rand(1, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return best_time(lambda: network(x)) / SIDE**2 * 1e6


def operations_per_pixel(model: str) -> tuple[float, float]:
    """Return floating-point operations for each pixel: once, and of each step."""
    method = load_method(find_model(model))
    lq = torch.rand(1, 3, 256, 256)

    def count(steps: int) -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            method.restore(lq, steps=steps, noise=FieldNoise([NoiseField((0,))]))
        return float(counter.get_total_flops()) / 256**2

    first, second = count(1), count(2)
    return 2 * first - second, second - first


def save_untrained(recipe: Path, folder: Path) -> Path:
    """Write a model folder of a recipe's method as it is before a training."""
    values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    method = build_method(parse_options(values["method"]))
    return save_model(folder / recipe.stem, method, ModelConfig()).folder


if __name__ == "__main__":
    main()
