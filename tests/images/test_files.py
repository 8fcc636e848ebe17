"""Photos in folders, and files that appear whole or not at all."""

import io
import os
import stat
import tempfile
from pathlib import Path

import pytest

from undegrade.errors import InputError, OutputError
from undegrade.images import find_photos
from undegrade.images.files import NewFile, find_foreign, spool_folder
from undegrade.images.formats import FORMATS, has_foreign_name


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_photos_are_found_by_ending_and_sorted(tmp_path: Path) -> None:
    tree(tmp_path, "b.JPG", "a.webp", "c.txt", ".hidden.png", "sub/d.tiff", ".git/e.png", "png")
    (tmp_path / "folder.png").mkdir()
    assert find_photos(tmp_path, False) == [tmp_path / "a.webp", tmp_path / "b.JPG"]
    assert find_photos(tmp_path, True) == [
        tmp_path / "a.webp",
        tmp_path / "b.JPG",
        tmp_path / "sub" / "d.tiff",
    ]


def test_pictures_that_cannot_be_read_are_found_too(tmp_path: Path) -> None:
    tree(tmp_path, "b.BMP", "a.gif", "c.txt", "d.png", ".e.gif", "sub/f.cr2", "notes.md", "bmp")
    (tmp_path / "folder.gif").mkdir()
    assert find_foreign(tmp_path, False) == [tmp_path / "a.gif", tmp_path / "b.BMP"]
    assert find_foreign(tmp_path, True)[2:] == [tmp_path / "sub" / "f.cr2"]
    assert not any(
        has_foreign_name(Path(f"x{suffix}"))
        for entry in FORMATS.values()
        for suffix in entry.suffixes
    )


def test_a_hidden_folder_may_be_asked_for_itself(tmp_path: Path) -> None:
    tree(tmp_path, ".secret/a.png")
    assert find_photos(tmp_path / ".secret", False) == [tmp_path / ".secret" / "a.png"]


def test_folders_that_lead_back_are_not_entered(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "sub/b.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    assert len(find_photos(tmp_path, True)) == 2


def test_folders_without_photos(tmp_path: Path) -> None:
    tree(tmp_path, "sub/a.png", "file.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no photos.*add `--recursive`"):
        find_photos(tmp_path / "empty", False)
    with pytest.raises(InputError, match="does not exist"):
        find_photos(tmp_path / "nowhere", True)
    with pytest.raises(InputError, match="is not a folder"):
        find_photos(tmp_path / "file.png", True)


def test_a_new_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_text("old")
    new = NewFile(target)
    assert new.path.parent == tmp_path
    new.path.write_text("new")
    assert target.read_text() == "old"
    new.commit()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    new = NewFile(tmp_path / "a.bin")
    new.discard()
    new.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    new = NewFile(tmp_path / "a.bin")
    new.commit()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (ordinary, tmp_path / "a.bin")]
    assert modes[0] == modes[1]


def test_a_link_keeps_pointing_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    new = NewFile(link)
    new.path.write_text("new")
    new.commit()
    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "nowhere" / "a.png"):
        with pytest.raises(OutputError, match="cannot be written"):
            NewFile(target)
    assert list(tmp_path.iterdir()) == []


class _Full(io.RawIOBase):
    """A stream without room."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(28, "No space left on device")


def test_streams_are_written_at_the_end_and_failures_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    stream = io.BytesIO()
    new = NewFile(stream)
    new.path.write_bytes(b"content")
    assert stream.getvalue() == b""
    new.commit()
    assert stream.getvalue() == b"content"
    full = NewFile(_Full())
    full.path.write_bytes(b"content")
    with pytest.raises(OutputError, match=r"the output stream cannot be written \(No space"):
        full.commit()
    assert list(tmp_path.iterdir()) == []


def test_large_temporary_files_go_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert spool_folder() == tmp_path
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    expected = Path("/var/tmp")
    if expected.is_dir() and os.access(expected, os.W_OK):
        assert spool_folder() == expected
    else:
        assert spool_folder() == Path(tempfile.gettempdir())
