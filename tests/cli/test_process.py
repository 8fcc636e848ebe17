"""The command as a process of its own: what it imports, what signals do, bytes in and out."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = [sys.executable, "-c", "from undegrade.cli.main import run; run()"]

# Prints what was imported after the command, which leaves by SystemExit.
AUDIT = """
import atexit, sys
heavy = {"torch", "numpy", "pyvips", "lightning", "pydantic", "rich", "huggingface_hub"}
heavy |= {"importlib.metadata", "email", "asyncio", "multiprocessing"}
atexit.register(lambda: print("imported:", *sorted(heavy & {*sys.modules})))
from undegrade.cli.main import run
run()
"""


def audit(*args: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", AUDIT, *args],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.mark.parametrize("args", [["--help"], ["restore", "--help"], ["--version"]])
def test_parsing_imports_nothing_heavy(args: list[str]) -> None:
    imported = audit(*args).splitlines()[-1].removeprefix("imported:").split()
    # Recent versions of typer check the values of a verb's options by pydantic.
    by_typer = {"pydantic", "importlib.metadata", "email"}
    assert set(imported) <= (by_typer if "restore" in args else set())


def test_completion_of_models_needs_no_torch(model: Path) -> None:
    text = audit(
        _UNDEGRADE_COMPLETE="complete_bash",
        COMP_WORDS="undegrade models show ti",
        COMP_CWORD="3",
        UNDEGRADE_HOME=str(model.parent.parent),
    )
    assert "torch" not in text
    assert "imported:" in text


@pytest.mark.parametrize("more", [["--metrics", "psmr"], ["--metrics", "psnr,psnr"]])
def test_measures_that_there_are_not_are_refused_without_torch(
    make_photo: Callable[..., Path], more: list[str]
) -> None:
    make_photo("photos/one.png")
    command = ["evaluate", "input", "--data", "photos", "-o", "out", *more]
    result = subprocess.run(
        [sys.executable, "-c", AUDIT, *command], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2, result.stderr
    assert "torch" not in result.stdout
    assert "numpy" in result.stdout
    assert not Path("out").exists()


def test_names_that_are_no_text_come_out_as_they_went_in(make_photo: Callable[..., Path]) -> None:
    name = b"caf\xe9.png"
    try:
        make_photo().rename(os.fsdecode(name))
    except OSError:
        pytest.skip("this file system takes only names that are text")
    result = subprocess.run(
        [*RUN, "degrade", name, "-o", "out", "--with", "blur"], capture_output=True, check=True
    )
    assert result.stdout == b"out/" + name + b"\n"
    assert b"caf\\udce9.png" in result.stderr
    assert Path(os.fsdecode(b"out/" + name)).is_file()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_that_is_asked_for_leaves_no_part_of_a_file(
    make_photo: Callable[..., Path], model: Path, number: int, code: int
) -> None:
    photo = make_photo("photo.png", 600, 600)
    Path("out").mkdir()
    command = [*RUN, "restore", str(photo), "-o", "out", "--model", str(model)]
    with subprocess.Popen(
        [*command, "--steps", "1000", "--device", "cpu"], stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not any(Path("out").iterdir()) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "cancelled; 0 of 1 restored" in errors
    assert "Traceback" not in errors
    assert list(Path("out").iterdir()) == []


def test_a_broken_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [*RUN, "degrade", "--list"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert "Traceback" not in result.stderr
