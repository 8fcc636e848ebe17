"""Memory that a job is thought to need, beside the peak that was measured above an idle worker."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serving_client import make_photo

from undegrade.inference.host import free_memory, grant_memory
from undegrade.inference.options import RestoreOptions
from undegrade.methods.windowed import WindowedMethod
from undegrade.serving.estimates import drawing_bytes, needed_bytes
from undegrade.serving.forms import RestoreForm, restoring_models
from undegrade.serving.loaded import LoadedModels
from undegrade.serving.messages import Setting, Task
from undegrade.serving.orders import Order
from undegrade.zoo import SPECIALISTS, list_models, load_method

PLENTY = 1 << 40

DRAWN = [
    (1000, "jpeg", 71),
    (1000, "tiff of 16 bits", 75),
    (5000, "jpeg", 172),
    (5000, "progressive jpeg", 180),
    (5000, "webp", 271),
    (5000, "tiff of 16 bits", 281),
    (5000, "avif", 388),
]


RESTORED = [  # model, width, height, side of tiles, variants, MiB on a processor in float32
    ("resflow-general", 1024, 1024, None, 1, 929),
    ("resflow-general", 2048, 2048, 2048, 1, 3343),
    ("resflow-general", 1500, 1500, 1500, 1, 591),
    ("resflow-general", 1500, 1000, 400, 4, 254),
    ("resflow-general", 600, 600, 600, 1, 252),
    ("resflow-general", 600, 600, 600, 8, 404),
    ("resflow-general", 1500, 1500, 256, 1, 95),
    ("eedtp-ten", 1500, 1500, 1504, 1, 1175),
    ("eedtp-ten", 1000, 1000, 544, 1, 194),
]


def order_of(width: int, height: int, **options: Any) -> Order:
    return Order("restore", "a.png", width, height, "png", restore=RestoreOptions(**options))


@pytest.mark.parametrize(("model", "width", "height", "tile", "variants", "measured"), RESTORED)
def test_no_job_needs_more_than_is_thought(
    model: str, width: int, height: int, tile: int | None, variants: int, measured: int
) -> None:
    order = order_of(width, height, tile_size=tile, variants=variants)
    mebibytes = needed_bytes(order, PLENTY) >> 20
    assert measured < mebibytes, model
    assert mebibytes - 150 < 3.5 * measured, model


_MEASURE = """
import re, sys
from dataclasses import replace
from dataclasses import replace
from pathlib import Path
from undegrade.inference.options import RestoreOptions
from undegrade.serving.loaded import LoadedModels
from undegrade.serving.orders import Order
from undegrade.serving.messages import Finished, Setting, Task

def resident(of):
    return int(re.search(of + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10

def restore(name, side):
    options = RestoreOptions(steps=1, tile_size=2048)
    order = Order("restore", name, side, side, "png", model="tiny", restore=options)
    task = Task(order, folder / name, folder / f"restored-{name}")
    assert isinstance(models.do([task], lambda done, total: None)[0], Finished)

folder = Path(sys.argv[1])
models = LoadedModels(Setting("cpu", "float32"))
restore("small.png", 64)
Path("/proc/self/clear_refs").write_text("5")
idle = resident("VmRSS")
restore("large.png", 2000)
print(resident("VmHWM") - idle)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_a_large_tile_needs_what_is_thought(home: Path, tmp_path: Path) -> None:
    for name, side in (("small", 64), ("large", 2000)):
        (tmp_path / f"{name}.png").write_bytes(make_photo(side, side))
    told = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)],
        env=os.environ | {"UNDEGRADE_HOME": str(home), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    needed = int(told.stdout)
    assert needed > 600 << 20  # which is more than any photo needs in tiles of 1024 of this model
    assert needed < needed_bytes(order_of(2000, 2000, tile_size=2048), PLENTY)


def test_what_looks_at_all_of_a_photo_is_granted_that_much_or_all_there_is() -> None:
    sizes = [order_of(side, side) for side in (1000, 1500, 6000)]
    whole = [needed_bytes(replace(order, sees_all=True), 4 << 30) for order in sizes]
    tiled = [needed_bytes(order, 4 << 30) for order in sizes]
    assert whole[0] == tiled[0]
    assert tiled[1] < 1175 << 20 < whole[1] < 4 << 30
    assert whole[2] == 3 << 30
    assert needed_bytes(replace(sizes[2], sees_all=True), 1 << 30) == tiled[2]
    in_tiles = replace(order_of(6000, 6000, tile_size=256), sees_all=True)
    assert needed_bytes(in_tiles, 4 << 30) < 1 << 30


def test_small_tiles_need_no_less_than_the_photo_shrunk() -> None:
    order = order_of(6000, 4000, tile_size=64)
    alone = needed_bytes(order, PLENTY)
    shrunk = needed_bytes(replace(order, overview=512), PLENTY)
    assert 200 << 20 < shrunk - alone < 400 << 20
    in_usual_tiles = order_of(6000, 4000)
    assert needed_bytes(replace(in_usual_tiles, overview=512), PLENTY) == needed_bytes(
        in_usual_tiles, PLENTY
    )


def test_models_are_known_that_look_at_photos_shrunk() -> None:
    for entry in list_models():
        assert RestoreForm(model=entry.name).overview == max(
            entry.config.overview.values(), default=0
        )
    assert RestoreForm().overview == RestoreForm(task="haze").overview == 512
    assert RestoreForm(task="noise").overview == 0


def test_models_are_known_that_look_at_all_at_all_of_a_photo() -> None:
    for entry in list_models():
        if entry.name not in restoring_models():
            continue
        method = load_method(entry)
        assert RestoreForm(model=entry.name).sees_all or not (
            method.looks_at_all or isinstance(method, WindowedMethod)
        )
    assert RestoreForm(model="eedtp-ten").sees_all
    assert not RestoreForm(task="noise").sees_all
    taken = {RestoreForm(model=name).sees_all for name in SPECIALISTS.values()}
    assert RestoreForm().sees_all is (True in taken)
    for task, name in SPECIALISTS.items():
        assert RestoreForm(task=task).sees_all is RestoreForm(model=name).sees_all


def test_a_worker_keeps_to_what_is_granted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(home))
    granted: list[int | None] = []
    monkeypatch.setattr("undegrade.serving.loaded.grant_memory", granted.append)
    models = LoadedModels(Setting("cpu", "float32"))
    order = order_of(8, 8)
    for bytes_of in ((7,), (None,), (5, 6)):
        tasks = [Task(order, home / "none", home / "result", number) for number in bytes_of]
        with pytest.raises(FileNotFoundError):
            models.do(tasks, lambda done, total: None)
    assert granted == [7, None, 11]


def test_a_worker_counts_on_no_more_memory_than_is_granted() -> None:
    free = free_memory()
    try:
        grant_memory(1 << 20)
        assert free_memory() == 1 << 20
        grant_memory(1 << 60)
        assert 1 << 20 < free_memory() < 2 * free
    finally:
        grant_memory(None)


def test_memory_grows_with_the_tiles_that_are_asked_for() -> None:
    sides = (64, 256, 1024, 2048, 4096)
    sizes = [needed_bytes(order_of(4096, 4096, tile_size=side), PLENTY) for side in sides]
    assert sizes == sorted(set(sizes))
    assert needed_bytes(order_of(900, 900, tile_size=4096), PLENTY) == needed_bytes(
        order_of(900, 900), PLENTY
    )


def test_more_draws_need_more_and_looking_needs_less() -> None:
    sizes = [
        needed_bytes(Order(kind, "a.png", 4000, 3000, "png", restore=options), PLENTY)
        for kind, options in (
            ("detect", RestoreOptions()),
            ("restore", RestoreOptions()),
            ("restore", RestoreOptions(variants=2)),
            ("restore", RestoreOptions(uncertainty=True)),
        )
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(("side", "kind", "measured"), DRAWN)
def test_no_drawing_needs_more_than_is_thought(side: int, kind: str, measured: int) -> None:
    assert measured < drawing_bytes(side * side) >> 20 < 2.6 * measured, kind
