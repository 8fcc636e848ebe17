"""Shards: what is packed comes out, anywhere, in any order; damage is named and survived."""

import json
from itertools import islice
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from damaged_shards import spoil
from PIL import Image

from undegrade.data.batches import StepBatches, load_batches
from undegrade.data.caching import Cache
from undegrade.data.packing import PackOptions, pack
from undegrade.data.pairs import find_pairs
from undegrade.data.photos import decode
from undegrade.data.places import open_photos
from undegrade.data.problems import Problems
from undegrade.data.samples import Crops
from undegrade.data.shards import ShardedSource, is_sharded
from undegrade.degradations import Chain, Mixture
from undegrade.errors import (
    InputError,
    MissingExtraError,
    TransferError,
    UndegradeError,
    UsageError,
)
from undegrade.images.files import find_photos

NOISE = Mixture((Chain.parse(["noise:sigma=25"]),), (1.0,))


@pytest.fixture(scope="module")
def shards(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shards"
    pack(find_photos(photo_folder, recursive=False), folder, PackOptions(tile=48))
    return folder


def test_the_squares_cover_the_photo(photo_folder: Path, shards: Path) -> None:
    source = ShardedSource(str(shards))
    assert len(source) == 24 * 4  # 72x88 takes two by two
    photo = decode(photo_folder / "scene-00.png")
    assert {source.name(index) for index in range(4)} == {"scene-00.png"}
    tiles = [source.read(index).hq for index in range(4)]
    assert np.array_equal(tiles[0], photo[:48, :48])
    assert np.array_equal(tiles[3], photo[24:, 40:])
    assert source.size(0) == tiles[0].shape[:2]


def test_webdataset_reads_them_too(shards: Path) -> None:
    import webdataset

    reader = webdataset.WebDataset(str(shards / "000000.tar"), shardshuffle=False).decode("rgb8")
    sample = next(iter(reader))
    assert np.array_equal(sample["hq.png"], ShardedSource(str(shards)).read(0).hq)


def test_scales_are_items_of_their_own(shards: Path) -> None:
    source = ShardedSource(str(shards), [1.0, 0.5])
    assert len(source) == 24 * 4 * 2
    assert source.size(1) == source.read(1).hq.shape[:2] == (24, 24)


def test_pairs_are_packed_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for half in ("lq", "hq"):
        (tmp_path / half).mkdir()
        for name in "ab":
            samples = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(samples).save(tmp_path / half / f"{name}.png")
    pairs = find_pairs(tmp_path, Problems())
    index, _ = pack(pairs, tmp_path / "shards", PackOptions(tile=0))
    source = ShardedSource(str(tmp_path / "shards"))
    assert index.pictures == len(source) == 2
    lq, hq = pairs[1].read()
    assert np.array_equal(source.read(1).hq, hq)
    lq_read = source.read(1).lq
    assert lq_read is not None
    assert np.array_equal(lq_read, lq)


def test_twins_can_be_made_ahead(photo_folder: Path, tmp_path: Path) -> None:
    paths = find_photos(photo_folder, recursive=False)[:2]
    options = PackOptions(tile=48, chain=Chain.parse(["noise:sigma=20"]), seed=3)
    for folder, workers in (("a", 1), ("b", 2)):
        pack(paths, tmp_path / folder, PackOptions(48, options.chain, 3, workers))
    first, second = (ShardedSource(str(tmp_path / folder)) for folder in "ab")
    pictures = first.read(5)
    assert pictures.lq is not None
    assert 15 < (pictures.lq.astype(float) - pictures.hq).std() < 21
    assert np.array_equal(pictures.lq, second.read(5).lq)


def test_photos_keep_their_place_in_the_name(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.png", "b.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), "grey").save(tmp_path / "photos" / name)
    root = tmp_path / "photos"
    options = PackOptions(0, Chain.parse(["noise:sigma=20"]), root=root)
    pack(find_photos(root, recursive=True), tmp_path / "shards", options)
    folder = open_photos(str(root), [1.0], Cache(tmp_path / "cache"), Problems())
    shards = ShardedSource(str(tmp_path / "shards"))
    names = [shards.name(index) for index in range(3)]
    assert names == [folder.name(index) for index in range(3)]
    assert sorted(names) == ["b.png", "one/a.png", "two/a.png"]
    degraded = [shards.read(index).lq for index in range(3)]
    assert not np.array_equal(degraded[1], degraded[2]), "each name draws noise of its own"


def test_shards_of_before_are_read(shards: Path, tmp_path: Path) -> None:
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    table = json.loads((tmp_path / "000000.json").read_text())
    fields = {"name", "height", "width", "hq", "lq"}
    table["pictures"] = [{key: item[key] for key in fields} for item in table["pictures"]]
    (tmp_path / "000000.json").write_text(json.dumps(table))
    old, new = ShardedSource(str(tmp_path)), ShardedSource(str(shards))
    assert [old.name(index) for index in (0, 95)] == ["scene-00.png", "scene-23.png"]
    assert np.array_equal(old.read(7).hq, new.read(7).hq)


@pytest.mark.parametrize("link", ["kernel-blur", "kernel-blur:chance=0.01", "holes:file=nowhere"])
def test_options_that_fail_leave_nothing_behind(
    photo_folder: Path, tmp_path: Path, link: str
) -> None:
    paths = find_photos(photo_folder, recursive=False)[:2]
    with pytest.raises(UndegradeError, match=r"without a file|nowhere"):
        pack(paths, tmp_path / "shards", PackOptions(chain=Chain.parse([link])))
    assert not (tmp_path / "shards").exists()


def test_what_cannot_be_read_is_left_out_and_named(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    paths = [*find_photos(photo_folder, recursive=False), tmp_path / "bad.jpg"]
    index, problems = pack(paths, tmp_path / "shards", PackOptions())
    assert index.pictures == 24
    assert "bad.jpg" in str(problems)
    with pytest.raises(InputError, match="1 of 3 pictures to be packed cannot be used"):
        pack([*paths[:2], paths[-1]], tmp_path / "others", PackOptions())
    assert not (tmp_path / "others" / "shards.json").exists()


@pytest.mark.parametrize(
    ("done", "kept"), [(12, "2 of 5 shards are kept: run"), (2, "none of 5 shards is whole: run")]
)
def test_who_stops_a_packing_is_told_what_is_kept(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int, kept: str
) -> None:
    monkeypatch.setattr("undegrade.data.packing._SHARD_PIXELS", 5 * 72 * 88)

    def stop(now: float, _total: int) -> None:
        if now == done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        pack(find_photos(photo_folder, recursive=False), tmp_path / "set", PackOptions(), stop)
    assert caught.value.__notes__[0].startswith(kept)


def test_an_interrupted_packing_goes_on(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.data.packing._SHARD_PIXELS", 5 * 72 * 88)
    paths = find_photos(photo_folder, recursive=False)
    whole, folder = tmp_path / "whole", tmp_path / "parts"
    pack(paths, whole, PackOptions())

    class CutError(Exception):
        pass

    def cut(done: float, total: int) -> None:
        assert total == 24
        if done == 12:  # five to a shard
            raise CutError

    with pytest.raises(CutError):
        pack(paths, folder, PackOptions(), cut)
    assert not is_sharded(str(folder))
    seen: list[float] = []
    pack(paths, folder, PackOptions(), lambda done, _: seen.append(done))
    assert seen == [*range(10, 25)], "two shards were done"
    for file in whole.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    with pytest.raises(UsageError, match="made with other options: tile 512; expected tile 64"):
        pack(paths, folder, PackOptions(tile=64))
    with pytest.raises(UsageError, match="holds shards of other photos"):
        pack(paths[1:], folder, PackOptions())
    (folder / "plan.json").write_text("{")
    with pytest.raises(UsageError, match=r"plan.json cannot be read; name another folder"):
        pack(paths, folder, PackOptions())


def test_a_shard_that_was_cut_short_is_packed_again(photo_folder: Path, tmp_path: Path) -> None:
    photos = find_photos(photo_folder, recursive=True)
    pack(photos, tmp_path, PackOptions(tile=48))
    (shard,) = tmp_path.glob("*.tar")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:1000])
    pack(photos, tmp_path, PackOptions(tile=48))
    assert shard.read_bytes() == whole
    shard.unlink()
    pack(photos, tmp_path, PackOptions(tile=48))
    assert shard.read_bytes() == whole


def test_shards_are_read_from_afar(shards: Path) -> None:
    memory = fsspec.filesystem("memory")
    for file in shards.iterdir():
        memory.pipe(f"/bucket/{file.name}", file.read_bytes())
    source = ShardedSource("memory://bucket")
    assert is_sharded("memory://bucket")
    assert np.array_equal(source.read(17).hq, ShardedSource(str(shards)).read(17).hq)


def test_places_that_are_no_shards_are_refused(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(InputError, match=r"holds no shards.*made by `undegrade data pack`"):
        ShardedSource(str(tmp_path))
    with pytest.raises(InputError, match="no address that is known"):
        ShardedSource("nonsense://bucket")
    with pytest.raises((MissingExtraError, TransferError)):
        ShardedSource("s3://bucket-that-is-not/there")
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "000000.json").write_text("{")
    with pytest.raises(InputError, match="table of shard 000000"):
        ShardedSource(str(tmp_path))


def test_no_picture_comes_twice_in_an_epoch_whatever_the_workers(shards: Path) -> None:
    source = ShardedSource(str(shards))
    crops = Crops(source, 48, 8, Mixture((Chain(),), (1.0,)), seed=2)
    seen = []
    for rank in range(2):
        batches = StepBatches(crops, range(rank, 8, 2))
        for batch in islice(load_batches(batches, workers=2), 12):  # 96 pictures, 8 a step
            seen += [round(float(item.sum()), 1) for item in batch.hq]
    everything = [round(float(source.read(i).hq.sum()) / 255, 1) for i in range(96)]
    assert np.allclose(sorted(seen), sorted(everything), atol=0.5)


def test_a_damaged_shard_is_named_and_survived(shards: Path, tmp_path: Path) -> None:
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoilt = spoil(tmp_path, slice(20))
    source = ShardedSource(str(tmp_path))
    batch = StepBatches(Crops(source, 24, 96, NOISE, 0), range(96)).batch(0)
    assert len(batch.damaged) >= 5
    assert {text.split(" in ")[0] for text in batch.damaged} == spoilt
    assert torch.isfinite(batch.lq).all()
    truncated = (tmp_path / "000000.tar").read_bytes()[:-200_000]
    (tmp_path / "000000.tar").write_bytes(truncated)
    with pytest.raises(InputError, match=r"scene-\d\d\.png in 000000\.tar"):
        source.read(95)
