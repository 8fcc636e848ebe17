"""`undegrade evaluate` by several processes: the same rows, no orphans, nothing is lost."""

import csv
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from typer.testing import Result

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import UndegradeError, WeightsError
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.kept.commands import FAILED, STOPPED, read_commands
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.running.crew import BenchOrders, Crew, Staff
from undegrade.evaluation.running.measuring import Plan
from undegrade.evaluation.running.tasks import Task
from undegrade.metrics.base import Measure
from undegrade.metrics.catalogue import METRICS

Cli = Callable[..., Result]
Make = Callable[..., Path]

RUN = [sys.executable, "-c", "from undegrade.cli.main import run; run()"]


@pytest.fixture
def float32_unless_asked() -> None:
    """Leave the choice of precision alone: processes of their own would know nothing of it."""


@pytest.fixture
def photos(make_photo: Make) -> str:
    for number in range(6):
        make_photo(f"photos/{number}.png", 32, 48)
    return "mine=photos"


def rows_of(folder: str) -> list[dict[str, str]]:
    """The rows without what is different in each run."""
    with Path(folder, "results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    return [{k: v for k, v in row.items() if k not in ("seconds", "peak_mb")} for row in rows]


def test_two_processes_measure_what_one_does(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "median", "--data", photos, "--degrade", "noise", "--device"]
    command += ["cpu", "--steps", "1,2"]
    one = cli(*command, "-o", "one", "--workers", "1")
    two = cli(*command, "-o", "two", "--workers", "2")
    assert (one.exit_code, two.exit_code) == (0, 0), two.stderr
    assert rows_of("one") == rows_of("two")
    assert len(rows_of("two")) == 6 * 4
    lines = Path("two/rows.jsonl").read_text().splitlines()
    assert len(lines) == 6 * 4
    assert all(json.loads(line)["megapixels"] == 32 * 48 / 1e6 for line in lines)
    assert "precision" in two.stderr  # what a process chose is told, once
    assert two.stderr.count("precision") == one.stderr.count("precision")
    again = cli(*command, "-o", "two", "--workers", "2")
    assert again.stdout == two.stdout
    assert Path("two/rows.jsonl").read_text().splitlines() == lines


def test_two_processes_draw_the_maps_that_one_does(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "--degrade", "noise", "--steps", "1"]
    command += ["--device", "cpu", "--uncertainty", "--pictures", "3"]
    found = []
    for workers in ("1", "2"):
        assert cli(*command, "-o", workers, "--workers", workers).exit_code == 0
        found.append(sorted(path.read_text() for path in Path(workers).rglob("*.map.json")))
    assert len(found[0]) == 3
    assert found[0] == found[1]


def test_what_is_left_out_is_told_in_the_same_words(cli: Cli, make_photo: Make) -> None:
    for number in range(60):
        make_photo(f"many/{number:02}.png", 12, 12)
    Path("many/07.png").write_text("no picture")
    make_photo("many/03.png", 10, 12)  # too small for SSIM
    told = []
    for workers in ("1", "2"):
        command = ["evaluate", "median", "--data", "many", "-o", workers, "--workers", workers]
        result = cli(*command)
        assert result.exit_code == 1
        told.append([line for line in result.stderr.splitlines() if "left out" in line])
    assert told[0] == told[1]
    assert "1 that cannot be measured (03.png" in told[0][0]
    assert rows_of("1") == rows_of("2")


class UnsendableError(Exception):
    """What no other process can read: it is made of two things and tells of one."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one}{other}")


def without_weights(restored: torch.Tensor, hq: torch.Tensor) -> torch.Tensor:
    raise WeightsError("weights of the third kind", expected="others", fix="fetch them")


def broken(restored: torch.Tensor, hq: torch.Tensor) -> torch.Tensor:
    raise ZeroDivisionError("of one's own making")


def unsendable(restored: torch.Tensor, hq: torch.Tensor) -> torch.Tensor:
    raise UnsendableError("a", "b")


def test_an_error_in_a_process_is_told_as_if_there_were_one(
    cli: Cli, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "mae", replace(METRICS["mae"], measure=without_weights))
    command = ["evaluate", "median", "--data", photos, "--metrics", "psnr,mae"]
    results = [cli(*command, "-o", number, "--workers", number) for number in ("1", "2")]
    assert [result.exit_code for result in results] == [3, 3]
    told = [result.stderr.splitlines()[-1] for result in results]
    assert told[0] == told[1]
    assert "weights of the third kind; expected others; fetch them" in told[1]
    assert "Traceback" not in results[1].stderr


@pytest.mark.parametrize(
    ("measure", "kind", "words"),
    [
        (broken, ZeroDivisionError, "of one's own making"),
        (unsendable, UndegradeError, "UnsendableError: ab"),
    ],
)
def test_an_error_of_any_kind_comes_from_a_process_with_its_place(
    photos: str, measure: Measure, kind: type[Exception], words: str
) -> None:
    pictures = PictureSet.open(Place.parse(photos), Chain())
    plan = Plan((replace(METRICS["mae"], measure=measure),))
    choice = Choice(("median",), "cpu")
    keys = plan.keys(choice.load(idle=True), pictures)
    tasks = [Task(0, name, tuple(lines)) for name, lines in keys.items()]
    orders = BenchOrders(choice, ((pictures, plan),), 1)
    with Crew(Staff(("cpu",), 1, 1), orders, pytest.fail) as crew:
        with pytest.raises(kind, match=words) as caught:
            crew.work(tasks, pytest.fail)
        assert multiprocessing.active_children() == []
    (place,) = caught.value.__notes__
    assert place.startswith("In a worker process:\nTraceback")
    assert f"in {measure.__name__}" in place


def begin(make_photo: Make, workers: int) -> subprocess.Popen[str]:
    """Start a measurement that takes long, and wait until it has some rows."""
    for number in range(24):
        make_photo(f"slow/{number:02}.png", 250, 300)
    command = [*RUN, "evaluate", "nlm", "tv", "--data", "slow", "-o", "out", "--workers"]
    process = subprocess.Popen([*command, str(workers)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    journal = Path("out/rows.jsonl")
    while not journal.exists() or journal.read_text().count("\n") < 4:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize("how", ["interrupt", "kill the parent", "kill a worker"])
def test_an_end_before_the_end(cli: Cli, make_photo: Make, how: str) -> None:
    process = begin(make_photo, 2)
    children = psutil.Process(process.pid).children()
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    if how == "kill the parent":
        process.kill()
    elif how == "kill a worker":
        workers[0].kill()
    else:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    wait_until_gone(children)
    assert "Traceback" not in errors
    if how == "interrupt":
        assert process.returncode == 130
        told = r"undegrade: cancelled; (\d+) of 72 rows are kept in out: run the same command again"
        found = re.search(told, errors)
        assert found is not None, errors
        assert int(found[1]) == len(Path("out/rows.jsonl").read_text().splitlines())
    if how == "kill a worker":
        assert process.returncode == 1
        assert "a worker process was killed by signal 9 while it worked on" in errors
        assert "what was measured is kept" in errors
    kept = Path("out/rows.jsonl").read_text().splitlines()
    assert 4 <= len(kept) < 24 * 3
    if how != "kill the parent":
        assert len(Path("out/results.csv").read_text().splitlines()) == 1 + len(kept)
        (command,) = read_commands(Path("out"))
        assert command.state == (STOPPED if how == "interrupt" else FAILED)
    gone_on = cli("evaluate", "nlm", "tv", "--data", "slow", "-o", "out", "--pictures", "4")
    assert gone_on.exit_code == 0
    assert Path("out/rows.jsonl").read_text().splitlines()[: len(kept)][:4] == kept[:4]


WITHOUT_TORCH = """
import sys
from pathlib import Path
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.running.crew import BenchOrders
from undegrade.evaluation.running.measuring import Plan
from undegrade.evaluation.running.tasks import Task
from undegrade.metrics.catalogue import find_metrics

pictures, plan = PictureSet.open(Place.parse("pairs"), Chain()), Plan(find_metrics("psnr,ssim"))
bench = BenchOrders(Choice(("input",)), ((pictures, plan),), 1).open()
for name, keys in plan.keys(bench.candidates, pictures).items():
    (row,) = bench.do(Task(0, name, tuple(keys)))
    print(*row.scores, "torch" in sys.modules, "scipy.ndimage" in sys.modules)
"""


def test_pairs_on_disk_are_measured_without_torch(make_photo: Make) -> None:
    pytest.importorskip("numba")
    for half in ("lq", "hq"):
        make_photo(f"pairs/{half}/large.png", 400, 420)
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "psnr ssim False False\n"


def test_processes_are_started_for_what_is_missing_alone(
    cli: Cli, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    start = Crew.start
    monkeypatch.setattr(
        Crew, "start", lambda self, tasks: (begun.append(tasks), start(self, tasks))
    )
    command = ["evaluate", "input", "--data", photos, "-o", "out", "--workers", "2"]
    assert cli(*command, "--pictures", "4").exit_code == 0
    assert cli(*command).exit_code == 0
    assert cli(*command).exit_code == 0
    # Before it is known what the pictures hold, and when they are to be measured.
    assert begun == [4, 4, 2, 2, 0, 0]
    assert len(rows_of("out")) == 6


def test_more_devices_than_there_are_and_no_workers_are_refused(cli: Cli, photos: str) -> None:
    command = ["evaluate", "median", "--data", photos, "-o", "out"]
    for more, message in (
        (["--workers", "0"], "workers"),
        (["--device", "cpu,cpu"], "one, or several of CUDA"),
        (["--device", "cuda:97,cpu"], "cuda:97"),
        (["--device", "tpu"], "tpu"),
    ):
        result = cli(*command, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
