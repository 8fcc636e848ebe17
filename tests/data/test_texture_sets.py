"""Texture sets: each pair is a patch and its structure, the same bytes however it came about."""

import io
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from undegrade.data.pack_options import PackOptions
from undegrade.data.packing import pack
from undegrade.data.photos import as_float, decode
from undegrade.data.samples import Crops
from undegrade.data.shards import ShardedSource, read_index
from undegrade.data.squares import some_squares
from undegrade.degradations import Chain, Mixture
from undegrade.degradations.texture import TextureRemoval
from undegrade.errors import RecipeError, UsageError
from undegrade.images.files import find_photos
from undegrade.randomness import generator
from undegrade.training.recipe import Data
from undegrade.training.twins import check_pairs

TEXTURE = "texture:strength=0.02,iterations=2,solver=multigrid"
SCALES = (1.0, 0.5)


def options(workers: int = 1, depth: int = 8) -> PackOptions:
    chain = Chain.parse([TEXTURE])
    return PackOptions(32, chain, workers=workers, patches=3, scales=SCALES, depth=depth)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def made(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texture") / "set"
    pack(find_photos(photo_folder, recursive=False)[:6], folder, options())
    return folder


@pytest.mark.parametrize(("depth", "most"), [(8, 0.5 / 255), (16, 0.5 / 65535)])
def test_each_pair_is_a_patch_and_its_structure(
    photo_folder: Path, tmp_path: Path, depth: int, most: float
) -> None:
    pack(find_photos(photo_folder, recursive=False)[:2], tmp_path / "set", options(depth=depth))
    source = ShardedSource(str(tmp_path / "set"))
    assert len(source) == 2 * 2 * 3
    removal = TextureRemoval(strength=0.02, iterations=2, solver="multigrid")
    for index in range(len(source)):
        pair, scale = source.read(index), SCALES[index // 3 % 2]
        assert pair.lq is not None
        assert pair.lq.dtype == (np.uint8 if depth == 8 else np.uint16)
        exact = removal.apply(as_float(pair.hq), generator(0))
        assert np.abs(as_float(pair.lq) - exact).max() <= most * 1.02  # and float32's own rounding
        photo = decode(photo_folder / source.name(index), scale)
        views = np.lib.stride_tricks.sliding_window_view(photo, (32, 32, 3))
        assert (views == pair.hq).all(axis=(-3, -2, -1)).any(), "a patch is cut from its photo"


def test_a_set_says_how_it_was_made(made: Path) -> None:
    index = read_index(str(made))
    assert (index.tile, index.patches, index.scales, index.depth) == (32, 3, SCALES, 8)
    assert index.made_with == (
        "texture:strength=0.02,sigma=3.0,edge=0.02,iterations=2,solver=multigrid",
    )
    [link] = Chain.parse(index.made_with).links
    assert link.draw(generator(0)) == TextureRemoval(strength=0.02, iterations=2)


def test_mixtures_may_all_state_how_a_set_was_made_and_none_otherwise(made: Path) -> None:
    [told] = read_index(str(made)).made_with
    same = {"weight": 1, "apply": [told]}
    other = {"weight": 1, "apply": [told.replace("iterations=2", "iterations=3")]}
    check_pairs(str(made), Data.model_validate({"degradations": [same], "mixtures": {"a": [same]}}))
    with pytest.raises(RecipeError, match=r"iterations=2.* or .*iterations=3"):
        check_pairs(
            str(made), Data.model_validate({"degradations": [same], "mixtures": {"a": [other]}})
        )


def test_sixteen_bits_reach_a_training(photo_folder: Path, tmp_path: Path) -> None:
    pack(find_photos(photo_folder, recursive=False)[:2], tmp_path / "set", options(depth=16))
    crops = Crops(ShardedSource(str(tmp_path / "set")), 16, 1, Mixture((Chain(),), (1.0,)), seed=0)
    sample = crops.sample(0, 0)
    assert 0 < sample.lq.max() <= 1
    assert np.abs(255 * sample.lq - np.rint(255 * sample.lq)).max() > 0
    assert np.abs(sample.lq - sample.hq).mean() < 0.1


def test_workers_write_the_same_bytes(photo_folder: Path, made: Path, tmp_path: Path) -> None:
    seen: list[float] = []
    photos = find_photos(photo_folder, recursive=False)[:6]
    pack(photos, tmp_path / "set", options(workers=2), lambda done, _: seen.append(done))
    assert content(tmp_path / "set") == content(made)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(6)


_COMMAND = """
import sys
from pathlib import Path
from undegrade.data import packing
from undegrade.data.pack_options import PackOptions
from undegrade.degradations import Chain
from undegrade.images.files import find_photos

if __name__ == "__main__":
    packing._MADE_SHARD_PIXELS = 1  # a shard of each photo
    chain = Chain.parse([sys.argv[4]])
    options = PackOptions(
        32, chain, workers=int(sys.argv[3]), patches=3, scales=(1.0, 0.5), depth=8
    )
    photos = find_photos(Path(sys.argv[1]), recursive=False)[:8]
    packing.pack(photos, Path(sys.argv[2]), options)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_packing_goes_on_to_the_same_bytes(
    photo_folder: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "texture:strength=0.02,iterations=5,solver=direct"
    folder, whole = tmp_path / "set", tmp_path / "whole"
    script = tmp_path / "pack.py"
    script.write_text(_COMMAND, encoding="utf-8")
    words = [sys.executable, str(script), str(photo_folder), str(folder), str(workers), slow]
    process = subprocess.Popen(words)
    try:
        deadline = time.monotonic() + 120
        while not [*folder.glob("*.json")][1:] and time.monotonic() < deadline:  # the plan is one
            assert process.poll() is None, "it was done before it could be killed"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / "shards.json").exists()
    finished = {file.name: file.stat().st_mtime_ns for file in folder.glob("0*.tar")}
    (folder / ".0123456789abcdef.undegrade-part").write_bytes(b"what a killed process leaves")
    monkeypatch.setattr("undegrade.data.packing._MADE_SHARD_PIXELS", 1)
    chain = Chain.parse([slow])
    for place in (folder, whole):
        again = PackOptions(32, chain, patches=3, scales=SCALES)
        pack(find_photos(photo_folder, recursive=False)[:8], place, again)
    assert content(folder) == content(whole)
    kept = [name for name in finished if (folder / name).stat().st_mtime_ns == finished[name]]
    assert kept, "what was finished is not made again"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"chain": Chain.parse(["texture:iterations=2"])},
            r"strength=0.02.*expected.*strength=0.01",
        ),
        ({"scales": (1.0, 0.25)}, r"scales 1.0 \+ 0.5; expected scales 1.0 \+ 0.25"),
        ({"patches": 4, "depth": 16}, "patches 3, depth 8; expected patches 4, depth 16"),
        ({"tile": 40}, "tile 32; expected tile 40"),
        ({"seed": 1}, "seed 0; expected seed 1"),
    ],
)
def test_a_set_is_not_gone_on_with_otherwise(
    photo_folder: Path, made: Path, change: dict[str, object], told: str
) -> None:
    from dataclasses import replace

    before = content(made)
    with pytest.raises(UsageError, match=told):
        pack(find_photos(photo_folder, recursive=False)[:6], made, replace(options(), **change))  # type: ignore[arg-type]
    assert content(made) == before


@pytest.mark.parametrize(
    "bad", [{"patches": -1}, {"tile": 0, "patches": 2}, {"scales": ()}, {"scales": (2.0,)},
            {"scales": (0.5, 0.5)}, {"depth": 12}],
)  # fmt: skip
def test_bad_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        PackOptions(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3, 6, 7, 20])
def test_squares_are_different_and_spread(count: int) -> None:
    rng = generator("squares")
    cut = some_squares(100, 140, 50, count, rng)  # six cover it
    places = {(rows.start, columns.start) for rows, columns in cut}
    assert len(places) == count
    assert all(0 <= top <= 50 and 0 <= left <= 90 for top, left in places)
    covered = np.zeros((100, 140), int)
    for rows, columns in cut:
        covered[rows, columns] += 1
    assert covered.min() > 0 or count != 6
    assert covered.max() <= 2 or count > 6


def test_a_small_picture_has_few_squares() -> None:
    rng = generator("squares")
    assert some_squares(20, 30, 32, 5, rng) == [(slice(0, 32), slice(0, 32))]
    assert len(some_squares(33, 32, 32, 5, rng)) == 2


def test_webdataset_layout_holds(made: Path) -> None:
    with tarfile.open(made / "000000.tar") as tar:
        names = tar.getnames()
        stream = tar.extractfile("00000000.lq.png")
        assert stream is not None
        assert io.BytesIO(stream.read()).getvalue().startswith(b"\x89PNG")
    assert names[:2] == ["00000000.hq.png", "00000000.lq.png"]
    assert len(names) == 2 * 6 * 2 * 3
