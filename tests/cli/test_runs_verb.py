"""`undegrade runs`: the command around parts of trainings."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Cli = Callable[..., Result]


def test_there_and_back(cli: Cli, tmp_path: Path) -> None:
    stage = tmp_path / "run" / "stage-0-flow"
    stage.mkdir(parents=True)
    (stage / "state.ckpt").write_bytes(bytes(5000))
    (tmp_path / "run" / "recipe.json").write_text("{}")
    (tmp_path / "run" / "overrides.json").write_text('["data.degradations=[]", "seed=3"]')
    parts, there = tmp_path / "parts", tmp_path / "there"
    packed = cli("runs", "pack", str(tmp_path / "run"), "-o", str(parts), "--part-size", "0.005")
    assert packed.exit_code == 0
    assert packed.stdout == f"{parts}\n"
    assert "parts, 0.0 MB" in packed.stderr
    unpacked = cli("runs", "unpack", str(parts), "-o", str(there))
    assert unpacked.exit_code == 0
    assert unpacked.stdout == f"{there}\n"
    assert f"'data.degradations=[]' seed=3 -o {there} --resume" in unpacked.stderr
    assert (there / "stage-0-flow" / "state.ckpt").read_bytes() == bytes(5000)


def test_a_damaged_part_is_an_error_of_the_user(cli: Cli, tmp_path: Path) -> None:
    result = cli("runs", "unpack", str(tmp_path), "-o", str(tmp_path / "there"))
    assert result.exit_code == 1
    assert "holds no parts.json" in result.stderr
    assert not (tmp_path / "there").exists()


def test_a_size_that_is_no_number(cli: Cli, tmp_path: Path) -> None:
    for size in ("nan", "inf"):
        args = ("runs", "pack", str(tmp_path), "-o", str(tmp_path / "there"), "--part-size", size)
        result = cli(*args)
        assert result.exit_code == 2
        assert "'--part-size'" in result.stderr
