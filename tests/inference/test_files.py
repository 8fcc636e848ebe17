"""Many files: which photos are restored, and where results go."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.images.writer import WriteOptions
from undegrade.inference.files import FileJob, FileOptions, plan_files
from undegrade.inference.options import RestoreOptions
from undegrade.inference.targets import plan_targets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    for name in ("b.png", "a.jpg", "inner/c.png", "inner/deep/d.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 6, 3), 100, np.uint8)).save(path)
    (root / "notes.txt").write_text("not a photo")
    return root


def planned(jobs: list[FileJob], root: Path) -> list[tuple[str, str]]:
    assert not any(job.error for job in jobs)
    return [
        (str(job.source.relative_to(root)), str(job.target.relative_to(root)))
        for job in jobs
        if job.target
    ]


def test_results_lie_beside_their_photos(folder: Path) -> None:
    assert planned(plan_files([folder], FileOptions()), folder) == [
        ("a.jpg", "a.restored.jpg"),
        ("b.png", "b.restored.png"),
    ]
    assert len(plan_files([folder], FileOptions(recursive=True))) == 4


def test_folders_are_mirrored(folder: Path, tmp_path: Path) -> None:
    options = FileOptions(tmp_path / "out", recursive=True, write=WriteOptions(format="webp"))
    assert planned(plan_files([folder], options), tmp_path) == [
        ("in/a.jpg", "out/a.webp"),
        ("in/b.png", "out/b.webp"),
        ("in/inner/c.png", "out/inner/c.webp"),
        ("in/inner/deep/d.png", "out/inner/deep/d.webp"),
    ]


def test_a_single_photo_may_be_given_a_name(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "named.tif"
    jobs = plan_files([folder / "a.jpg"], FileOptions(target))
    assert [job.target for job in jobs] == [target]
    jobs = plan_files([folder / "a.jpg"], FileOptions(tmp_path / "new"))
    assert [job.target for job in jobs] == [tmp_path / "new" / "a.jpg"]


@pytest.mark.parametrize("name", ["out.gif", "out.bmp", "out.jpgg"])
def test_an_unknown_ending_is_taken_for_a_slip(folder: Path, tmp_path: Path, name: str) -> None:
    photo, output = folder / "a.jpg", tmp_path / name
    with pytest.raises(UsageError, match=r"\.jpg, .*\.heif.*slash"):
        plan_files([photo], FileOptions(output))
    [job] = plan_files([photo], FileOptions(output, into_folder=True))
    assert job.target == output / "a.jpg"
    output.mkdir()
    [job] = plan_files([photo], FileOptions(output))
    assert job.target == output / "a.jpg"


def test_several_photos_do_not_fit_into_one_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "one.png"
    with pytest.raises(OutputError, match="2 inputs for the one file"):
        plan_files([folder / "a.jpg", folder / "b.png"], FileOptions(target))
    target.write_bytes(b"")
    with pytest.raises(OutputError, match="for the one file"):
        plan_files([folder], FileOptions(target))


def test_an_unknown_format_is_refused_at_once(folder: Path) -> None:
    with pytest.raises(UsageError, match="no image format 'pngg'"):
        plan_files([folder], FileOptions(write=WriteOptions(format="pngg")))


def test_earlier_results_are_no_inputs(folder: Path) -> None:
    options = FileOptions(recursive=True, restore=RestoreOptions(uncertainty=True))
    first = plan_files([folder], options)
    assert len(first) == 4
    for job in first:
        assert job.target is not None
        for path in plan_targets(job.target, options.restore).files:
            shutil.copy(folder / "b.png", path)
    assert plan_files([folder], options) == first
    results = folder / "results"
    results.mkdir()
    shutil.copy(folder / "a.restored.jpg", results)
    [job] = plan_files([results], FileOptions())
    assert isinstance(job.error, InputError)


def test_results_and_maps_are_not_restored_into_another_folder_either(
    folder: Path, tmp_path: Path
) -> None:
    options = FileOptions(tmp_path / "out", restore=RestoreOptions(uncertainty=True))
    first = plan_files([folder], options)
    for name in ("a.restored.jpg", "a.uncertainty.png", "a.uncertainty.tiff", "b.restored.2.png"):
        shutil.copy(folder / "a.jpg", folder / name)
    assert plan_files([folder], options) == first
    [named] = plan_files([folder / "a.restored.jpg"], options)
    assert named.error is None


def test_a_folder_is_not_restored_into_itself(folder: Path) -> None:
    jobs = plan_files([folder], FileOptions(folder, overwrite=True))
    assert len(jobs) == 2
    assert all("would replace the input" in str(job.error) for job in jobs)


def test_an_output_folder_inside_the_input_is_no_input(folder: Path) -> None:
    options = FileOptions(folder / "out", recursive=True)
    first = plan_files([folder], options)
    assert len(first) == 4
    shutil.copytree(folder / "inner", folder / "out" / "inner")
    assert plan_files([folder], options) == first


def test_a_folder_without_photos_costs_only_itself(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    bad, *good = plan_files([empty, folder], FileOptions(tmp_path / "out"))
    assert (bad.source, bad.target) == (empty, None)
    assert "holds no photos" in str(bad.error)
    assert [job.error for job in good] == [None, None]


def test_an_input_is_never_replaced(folder: Path) -> None:
    for output in (folder, folder / "a.jpg"):
        [job] = plan_files([folder / "a.jpg"], FileOptions(output, overwrite=True))
        assert "would replace the input" in str(job.error)
    (folder.parent / "link").symlink_to(folder)
    jobs = plan_files([folder], FileOptions(folder.parent / "link", overwrite=True))
    assert jobs
    assert all(isinstance(job.error, InputError | OutputError) for job in jobs)


def test_two_inputs_never_share_a_result(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "b.png", tmp_path / "b.png")
    jobs = plan_files([folder / "b.png", tmp_path / "b.png"], FileOptions(tmp_path / "out"))
    assert jobs[0].error is None
    assert "have the same result" in str(jobs[1].error)
    shutil.copy(folder / "b.png", folder / "a.png")
    png = FileOptions(write=WriteOptions(format="png"))
    jobs = plan_files([folder / "a.jpg", folder / "a.png"], png)
    assert [job.error is None for job in jobs] == [True, False]


def test_a_photo_named_twice_is_restored_once(folder: Path) -> None:
    jobs = plan_files([folder / "a.jpg", folder, folder / "inner" / ".." / "a.jpg"], FileOptions())
    assert [job.source.name for job in jobs] == ["a.jpg", "b.png"]
