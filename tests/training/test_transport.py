"""A training that is carried to another machine in parts, and parts that did not arrive whole."""

import io
import json
import os
import tarfile
from pathlib import Path
from typing import IO

import pytest

from undegrade.errors import InputError, UsageError
from undegrade.training import transport
from undegrade.training.parts import MANIFEST, Cut
from undegrade.training.transport import pack_run, unpack_run

STATE = "stage-1-flow/state.ckpt"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Make a folder as a training of three stages leaves it in its second one."""
    folder = tmp_path / "run"
    for stage in ("stage-0-flow", "stage-1-flow", "logs"):
        (folder / stage).mkdir(parents=True)
    (folder / "recipe.json").write_text("{}")
    changes = ["data.photos=/here", "data.pairs.rain=/here/rain", "seed=3"]
    (folder / "overrides.json").write_text(json.dumps(changes))
    (folder / "places.json").write_text('{"photos": "/here"}')
    (folder / "logs" / "events").write_bytes(b"log")
    (folder / "stage-0-flow" / "state.ckpt").write_bytes(b"outlived")
    (folder / "stage-0-flow" / "finished.ckpt").write_bytes(os.urandom(5000))
    (folder / STATE).write_bytes(os.urandom(70_000))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_what_going_on_needs_arrives_and_nothing_else(run: Path, tmp_path: Path) -> None:
    manifest = pack_run(run, tmp_path / "parts", 16_384)
    assert unpack_run(tmp_path / "parts", tmp_path / "there") == ["seed=3"]
    left = {"places.json", "logs/events", "stage-0-flow/state.ckpt"}
    wanted = {name: content for name, content in contents(run).items() if name not in left}
    there = contents(tmp_path / "there")
    assert json.loads(there.pop("overrides.json")) == ["seed=3"]  # and not where data lay
    wanted.pop("overrides.json")
    assert there == wanted
    sizes = [part.stat().st_size for part in (tmp_path / "parts").glob("part-*")]
    assert len(sizes) == len(manifest.parts) > 4
    assert max(sizes) == 16_384


def test_a_state_that_is_replaced_meanwhile_is_packed_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run)[STATE]
    add = tarfile.TarFile.addfile

    def replacing(archive: tarfile.TarFile, header: tarfile.TarInfo, content: IO[bytes]) -> None:
        (run / "new").write_bytes(os.urandom(90_000))
        (run / "new").replace(run / STATE)
        add(archive, header, content)

    files = [run / STATE, run / "recipe.json"]  # the state first: it has been replaced once, then
    monkeypatch.setattr(transport, "_files", lambda _: files)
    monkeypatch.setattr(tarfile.TarFile, "addfile", replacing)
    pack_run(run, tmp_path / "parts")
    unpack_run(tmp_path / "parts", tmp_path / "there")
    assert (tmp_path / "there" / STATE).read_bytes() == before


def test_the_same_state_gives_the_same_parts(run: Path, tmp_path: Path) -> None:
    first = pack_run(run, tmp_path / "parts", 16_384)
    os.utime(run / STATE, (1, 1))
    assert pack_run(run, tmp_path / "again", 16_384) == first


def test_a_training_that_cannot_be_read_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    (run / "overrides.json").write_text("{")
    with pytest.raises(InputError, match=r"overrides\.json cannot be read"):
        pack_run(run, tmp_path / "parts")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_parts_that_hold_nothing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        pack_run(run, tmp_path / "parts", 0)


def test_one_part_where_it_fits(run: Path, tmp_path: Path) -> None:
    assert len(pack_run(run, tmp_path / "parts").parts) == 1
    assert unpack_run(tmp_path / "parts", tmp_path / "there") == ["seed=3"]


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_a_part_that_did_not_arrive_whole_is_named(run: Path, tmp_path: Path, how: str) -> None:
    pack_run(run, tmp_path / "parts", 16_384)
    part = tmp_path / "parts" / "part-002"
    content = bytearray(part.read_bytes())
    if how == "missing":
        part.unlink()
    elif how == "cut":
        part.write_bytes(content[:-1])
    else:
        content[100] ^= 1
        part.write_bytes(content)
    with pytest.raises(InputError, match="part-002") as caught:
        unpack_run(tmp_path / "parts", tmp_path / "there")
    assert "part-001" not in str(caught.value)
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("text", ["", "{", '{"format": 1, "parts": []}', '{"format": 9}'])
def test_a_list_of_parts_that_is_none(run: Path, tmp_path: Path, text: str) -> None:
    pack_run(run, tmp_path / "parts")
    (tmp_path / "parts" / MANIFEST).write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        unpack_run(tmp_path / "parts", tmp_path / "there")


def test_parts_of_a_later_format(run: Path, tmp_path: Path) -> None:
    pack_run(run, tmp_path / "parts")
    listed = tmp_path / "parts" / MANIFEST
    listed.write_text(listed.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match="format 2"):
        unpack_run(tmp_path / "parts", tmp_path / "there")


def test_names_that_lead_elsewhere(run: Path, tmp_path: Path) -> None:
    pack_run(run, tmp_path / "parts")
    listed = tmp_path / "parts" / MANIFEST
    listed.write_text(listed.read_text().replace("part-000", "../run/recipe.json"))
    with pytest.raises(InputError, match="cannot be read"):
        unpack_run(tmp_path / "parts", tmp_path / "there")


@pytest.mark.parametrize(
    ("name", "content"),
    [("../recipe.json", b"{}"), ("overrides.json", b"{"), ("state.ckpt", b"a state")],
)
def test_parts_that_hold_something_else(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "parts").mkdir()
    cut = Cut(tmp_path / "parts", 4096)
    with tarfile.open(fileobj=cut, mode="w|") as archive:  # type: ignore[call-overload]
        header = tarfile.TarInfo(name)
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    cut.close()
    with pytest.raises(InputError, match="holds no training"):
        unpack_run(tmp_path / "parts", tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_a_folder_without_parts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no parts\.json"):
        unpack_run(tmp_path, tmp_path / "there")


def test_a_folder_without_a_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no training"):
        pack_run(tmp_path, tmp_path / "parts")


def test_a_training_before_its_first_state(run: Path, tmp_path: Path) -> None:
    for file in run.glob("stage-*/*"):
        file.unlink()
    with pytest.raises(UsageError, match="no state yet"):
        pack_run(run, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_what_is_there_is_left_alone(run: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(UsageError, match="there already"):
        pack_run(run, there)
    pack_run(run, tmp_path / "parts")
    with pytest.raises(UsageError, match="there already"):
        unpack_run(tmp_path / "parts", there)
    assert not [*there.iterdir()]
