"""`undegrade data`: what is known, what is wrong, what is packed."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damaged_shards import spoil
from PIL import Image
from typer.testing import Result

from undegrade.data.shards import ShardedSource
from undegrade.signals import Cancelled

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for half in ("lq", "hq"):
        (tmp_path / "set" / half).mkdir(parents=True)
        for name in ("a", "b"):
            samples = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(samples).save(tmp_path / "set" / half / f"{name}.png")
    return tmp_path / "set"


def test_benchmarks_are_listed_and_shown(cli: Cli) -> None:
    listed = cli("data", "list")
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == 35
    assert "rain100l          derain" in listed.stdout
    shown = cli("data", "show", "dense-haze").stdout
    assert "licence" in shown
    assert "hazy/{id}_hazy with GT/{id}_GT" in shown
    assert "\ntest: 5 pictures (numbers 51 to 55), laid out as\n" in shown
    assert "\ntrain49: 49 pictures (numbers all but 21, 25, 29, 40, 45, 55), laid out as" in shown
    assert "\ntest6: 6 pictures (numbers 21, 25, 29, 40, 45, 55), laid out as" in shown
    facts = json.loads(cli("data", "show", "gopro", "--json").stdout)
    assert facts["splits"]["test"]["count"] == 1111
    assert [json.loads(line)["name"] for line in cli("data", "list", "--json").stdout.splitlines()]
    missing = cli("data", "show", "gapro")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "did you mean 'gopro'" in missing.stderr


def test_a_good_folder_is_good(cli: Cli, pairs: Path) -> None:
    result = cli("data", "check", pairs)
    assert (result.exit_code, result.stdout) == (0, f"{pairs}: 2 pairs, 2 of them can be used\n")


def test_everything_wrong_is_told_at_once(cli: Cli, pairs: Path) -> None:
    (pairs / "lq" / "c.png").write_bytes(b"")
    Image.new("RGB", (3, 3)).save(pairs / "hq" / "b.png")
    result = cli("data", "check", pairs)
    assert result.exit_code == 1
    assert "2 pairs, 1 of them can be used" in result.stdout
    assert "without a partner: " in result.stderr
    assert "b.png is 30x20" in result.stderr
    facts = json.loads(cli("data", "check", pairs, "--json").stdout)
    assert (facts["pairs"], facts["readable"], len(facts["problems"])) == (2, 1, 2)


def test_a_benchmark_of_another_size_is_remarked_upon(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "kodak"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "kodim01.png")
    result = cli("data", "check", f"kodak24={folder}")
    assert result.exit_code == 0
    assert "kodak24/test has 1 pictures here, 24 as published" in result.stderr
    assert cli("data", "check", f"kodak24/train={folder}").exit_code == 2
    wrong = cli("data", "check", f"gopro={folder}")
    assert wrong.exit_code == 1
    assert "found 1 pictures in .; expected test/{scene}/blur/{id}" in wrong.stderr


def test_a_bad_folder_is_refused_with_all_that_is_wrong(
    cli: Cli, pairs: Path, tmp_path: Path
) -> None:
    (pairs / "lq" / "c.png").write_bytes(b"")
    (pairs / "lq" / "d.png").write_bytes(b"no picture")
    Image.new("RGB", (3, 3)).save(pairs / "hq" / "b.png")
    Image.new("RGB", (3, 3)).save(pairs / "hq" / "d.png")
    result = cli("data", "pack", pairs, "-o", tmp_path / "shards")
    assert result.exit_code == 1
    for text in ("without a partner: ", "b.png is 30x20 and ", "d.png", "3 of 4 pictures"):
        assert text in result.stderr
    assert not (tmp_path / "shards").exists()


def test_photos_are_packed_and_degraded_ahead(cli: Cli, photo_folder: Path, tmp_path: Path) -> None:
    command = ["data", "pack", photo_folder, "-o", tmp_path / "shards", "--tile", "48"]
    result = cli(*command, "--with", "noise:sigma=20", "--workers", "2")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'shards'}\n")
    assert "96 pictures in 1 shard" in result.stderr
    assert ShardedSource(str(tmp_path / "shards")).read(0).lq is not None
    assert cli(*command, "--with", "noise:sigma=20").exit_code == 0  # nothing is left to do
    other = cli(*command)
    assert other.exit_code == 2
    assert "made with other options" in other.stderr
    refused = cli("data", "pack", photo_folder, "-o", tmp_path / "tiny", "--tile", "7")
    assert (refused.exit_code, "at least 32 pixels" in refused.stderr) == (2, True)


def test_shards_are_read_back(cli: Cli, photo_folder: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    assert cli("data", "pack", photo_folder, "-o", shards, "--tile", "48").exit_code == 0
    good = cli("data", "check", shards)
    assert (good.exit_code, good.stdout) == (
        *(0, f"{shards}: 96 pictures, 96 of them can be used\n"),
    )
    spoil(shards, slice(2))
    bad = cli("data", "check", shards)
    assert (bad.exit_code, "96 pictures, 94 of them can be used" in bad.stdout) == (1, True)
    assert bad.stderr.count("cannot be used: scene-00.png in 000000.tar") == 1
    facts = json.loads(cli("data", "check", shards, "--json").stdout)
    assert (facts["pairs"], facts["photos"], facts["readable"]) == (0, 96, 94)
    assert len(facts["problems"]["that cannot be used"]) == 2
    (shards / "000000.json").write_text("{")
    broken = cli("data", "check", shards)
    assert (broken.exit_code, "table of shard 000000" in broken.stderr) == (1, True)


def test_shards_of_pairs_are_read_back(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    assert cli("data", "pack", pairs, "-o", tmp_path / "shards").exit_code == 0
    for text in (tmp_path / "shards", f"gopro={tmp_path / 'shards'}"):
        result = cli("data", "check", text)
        assert (result.exit_code, "2 pairs, 2 of them" in result.stdout) == (0, True)


def test_unpaired_halves_are_told_of_apart(cli: Cli, pairs: Path) -> None:
    for name in ("a", "b"):
        (pairs / "lq" / f"{name}.png").rename(pairs / "lq" / f"street-{name}.png")
    assert "--unpaired" in cli("data", "check", pairs).stderr
    good = cli("data", "check", "--unpaired", pairs)
    assert (good.exit_code, len(good.stdout.splitlines())) == (0, 2)
    assert "lq: 2 photos, 2 of them can be used, 30 pixels wide and 20 high" in good.stdout
    (pairs / "lq" / "street-a.png").write_bytes(b"")
    (pairs / "hq" / "b.png").write_bytes(b"")
    bad = cli("data", "check", "--unpaired", pairs)
    assert bad.exit_code == 1
    assert "street-a.png" in bad.stderr
    assert "b.png" in bad.stderr
    facts = json.loads(cli("data", "check", "--unpaired", pairs, "--json").stdout)
    assert facts["degraded"] == {"photos": 2, "readable": 1, "sizes": [[30, 20]]}


def test_a_texture_set_is_made_and_not_gone_on_with_otherwise(
    cli: Cli, photo_folder: Path, tmp_path: Path
) -> None:
    made = tmp_path / "texture"
    smoothing = "texture:iterations=1,solver=direct"
    command = ["data", "texture", photo_folder, "-o", made, "--patch", "40", "--scales", "1,0.5"]
    result = cli(*command, "--patches", "2", "--with", smoothing)
    assert (result.exit_code, result.stdout) == (0, f"{made}\n")
    assert "96 pictures in 1 shard" in result.stderr
    source = ShardedSource(str(made))
    assert source.holds_pairs
    assert source.name(0) == "scene-00.png", "named as by a training that reads the folder"
    assert cli(*command, "--patches", "2", "--with", smoothing).exit_code == 0
    other = cli(*command, "--patches", "2", "--with", "texture:iterations=2,solver=direct")
    assert other.exit_code == 2
    assert "iterations=1,solver=direct; expected made with texture" in other.stderr
    assert "iterations=2,solver=direct" in other.stderr
    example = cli("data", "texture", "--help").stdout
    assert "undegrade data texture PHOTOS -o texture --patches 16 --workers 8" in example


def test_photos_of_several_folders_keep_apart(cli: Cli, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40), "grey").save(tmp_path / name / "a.png")
    made = tmp_path / "texture"
    command = ["data", "texture", tmp_path / "one", tmp_path / "two", tmp_path / "one", "-o", made]
    result = cli(*command, "--patch", "32", "--with", "texture:iterations=1,solver=direct")
    assert result.exit_code == 0
    source = ShardedSource(str(made))
    assert {source.name(index) for index in range(len(source))} == {"one/a.png", "two/a.png"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--with", "rain"], "expected texture and its settings"),
        (["--with", "texture:strength=2"], "strength=2; expected a number from 0 to 0.05"),
        (["--scales", "0.5;1"], "--scales 0.5;1; expected numbers with commas between"),
        (["--scales", "2"], "expected one or more above 0, up to 1"),
        (["--depth", "12"], "depth=12; expected 8 or 16"),
    ],
)
def test_texture_sets_that_cannot_be_are_refused(
    cli: Cli, photo_folder: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    result = cli("data", "texture", photo_folder, "-o", tmp_path / "texture", *words)
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "texture").exists()


def test_pairs_have_no_textures_to_smooth(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    result = cli("data", "texture", pairs, "-o", tmp_path / "texture")
    assert result.exit_code == 2
    assert "holds pairs; expected clean photos" in result.stderr


def test_shards_are_not_packed_among_their_photos(cli: Cli, make_photo: Make) -> None:
    for name in "ab":
        make_photo(f"photos/{name}.png", 64, 64)
    for output in ("photos", ".", "photos/../photos"):
        refused = cli("data", "pack", "photos", "-o", output)
        assert refused.exit_code == 2
        assert "holds what is to be packed, as photos/a.png" in refused.stderr
    assert sorted(path.name for path in Path("photos").iterdir()) == ["a.png", "b.png"]
    for _ in range(2):  # a folder inside is none of the photos
        packed = cli("data", "pack", "photos", "-o", "photos/shards")
        assert "2 pictures in 1 shard" in packed.stderr.splitlines()[-1]
        assert not packed.stderr.splitlines()[-1].endswith("shards")


def test_a_check_ends_with_what_would_become_of_the_set(cli: Cli, make_photo: Make) -> None:
    for number in range(20):
        make_photo(f"photos/{number}.png", 8, 8)
    whole = cli("data", "check", "photos")
    assert whole.exit_code == 0
    assert whole.stderr.splitlines()[-1].endswith("would take it whole")
    for count, verdict in ((1, "would leave these 1 out and go on"), (2, "would refuse this")):
        Path(f"photos/{count}.png").write_text("no picture")
        checked = cli("data", "check", "photos")
        assert checked.exit_code == 1
        assert verdict in checked.stderr.splitlines()[-1]
        facts = json.loads(cli("data", "check", "photos", "--json").stdout)
        assert verdict in facts["verdict"]


def test_facts_of_a_benchmark_are_in_plain_words(cli: Cli) -> None:
    assert "scenes    not told apart" in cli("data", "show", "cbsd68").stdout
    assert "scenes    kept whole" in cli("data", "show", "gopro").stdout


def test_who_stops_a_texture_set_is_told_how_to_go_on(
    cli: Cli, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise Cancelled(signal.SIGTERM)

    monkeypatch.setattr("undegrade.data.packing.write_shards", stop)
    result = cli("data", "texture", photo_folder, "-o", tmp_path / "texture", "--patch", "40")
    assert (result.exit_code, result.stdout) == (143, "")
    told = "cancelled; none of 1 shard is whole: run the same command again to begin anew"
    assert told in result.stderr
