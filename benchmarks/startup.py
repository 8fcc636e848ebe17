"""What is waited for before any work: the command line's start, and the loading of weights.

    python benchmarks/startup.py
    python benchmarks/startup.py --models NAME...

All bundled models are loaded, unless some are named or given by their folders.

Processor time, the shortest of several runs, so that other work on the machine counts little. The
references are what the libraries alone take: typer for the help, torch for a command that needs it,
safetensors for weights that are read, but neither checked by their hash nor built into a network.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from undegrade.methods import build_method, parse_options
from undegrade.zoo import ModelConfig, find_model, list_models, load_method, save_model

RUNS = 5
COMMAND = "from undegrade.cli.main import run; run()"


def shortest(work: Callable[[], float]) -> float:
    """Return the least of what several runs of ``work`` give, in seconds."""
    return min(work() for _ in range(RUNS))


def process_seconds(code: str, *args: str) -> float:
    """Return the processor time of a new interpreter that runs ``code``, in seconds."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", code, *args],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    once()  # compiles what has never been imported
    return shortest(once)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of ``work`` in this process, in seconds."""

    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    work()
    return shortest(once)


def print_row(what: str, took: float, reference: str, alone: float) -> None:
    """Print one row of the table."""
    print(f"| {what} | {took:.3f} | {reference} | {alone:.3f} | {took / alone:.2f}x |", flush=True)


def loading(model: str, title: str) -> None:
    """Print how long a model takes to load, beside reading its tensors."""
    from safetensors.torch import load_file

    entry = find_model(model)
    took = seconds(lambda: load_method(find_model(model)))
    print_row(
        f"loading {title}", took, "safetensors", seconds(lambda: load_file(entry.weights_path))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    bundled = [entry.name for entry in list_models() if entry.bundled]
    parser.add_argument("--models", nargs="+", default=bundled, help="names or folders of models")
    models = parser.parse_args().models
    print("| what | s | reference | s | ratio |\n|---|---|---|---|---|")
    typer, torch = process_seconds("import typer"), process_seconds("import torch")
    print_row("`undegrade --help`", process_seconds(COMMAND, "--help"), "`import typer`", typer)
    listing = process_seconds(COMMAND, "models", "list")
    print_row("`undegrade models list`", listing, "`import typer`", typer)
    degrading = process_seconds(COMMAND, "degrade", "--list")
    print_row("`undegrade degrade --list`", degrading, "`import torch`", torch)
    for model in models:
        loading(model, f"`{model}`")
    with tempfile.TemporaryDirectory() as folder:
        options = parse_options({"name": "resflow"})
        save_model(
            Path(folder) / "usual", build_method(options), ModelConfig(method=options.model_dump())
        )
        loading(f"{folder}/usual", "ResFlow's default size")


if __name__ == "__main__":
    main()
