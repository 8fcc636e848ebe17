"""Many files: where results go, what is skipped, and that bad ones cost only themselves."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_methods import Shifted, Simple

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.images.writer import WriteOptions
from undegrade.inference.files import FileJob, FileOptions, plan_files, restore_files
from undegrade.inference.options import RestoreOptions
from undegrade.inference.report import FileReport
from undegrade.inference.restorer import Restorer


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


def run(inputs: list[Path], options: FileOptions, method: Simple | None = None) -> list[FileReport]:
    restorer = Restorer(method or Shifted(0.1), device="cpu", precision="float32")
    return list(restore_files(restorer, plan_files(inputs, options), options))


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
    assert [report.status for report in run([folder], options)] == ["done"] * 4
    with Image.open(tmp_path / "out/inner/deep/d.webp") as image:
        assert abs(int(np.asarray(image)[0, 0, 0]) - 126) <= 1


def test_a_single_photo_may_be_given_a_name(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "named.tif"
    jobs = plan_files([folder / "a.jpg"], FileOptions(target))
    assert [job.target for job in jobs] == [target]
    jobs = plan_files([folder / "a.jpg"], FileOptions(tmp_path / "new"))
    assert [job.target for job in jobs] == [tmp_path / "new" / "a.jpg"]


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
    first = run([folder], options)
    assert [report.status for report in first] == ["done"] * 4
    again = run([folder], options)
    assert [report.status for report in again] == ["skipped"] * 4
    assert [report.outputs for report in again] == [report.outputs for report in first]
    results = folder / "results"
    results.mkdir()
    shutil.copy(folder / "a.restored.jpg", results)
    [job] = plan_files([results], FileOptions())
    assert isinstance(job.error, InputError)


def test_an_output_folder_inside_the_input_is_no_input(folder: Path) -> None:
    options = FileOptions(folder / "out", recursive=True)
    assert len(run([folder], options)) == 4
    assert [report.status for report in run([folder], options)] == ["skipped"] * 4


def test_what_is_done_is_skipped_unless_told_otherwise(folder: Path) -> None:
    photo, result = folder / "b.png", folder / "b.restored.png"
    run([photo], FileOptions())
    before = result.read_bytes()
    [report] = run([photo], FileOptions(), Shifted(0.3))
    assert (report.status, report.outputs) == ("skipped", (result,))
    assert result.read_bytes() == before
    [report] = run([photo], FileOptions(overwrite=True), Shifted(0.3))
    assert report.status == "done"
    assert result.read_bytes() != before


def test_a_part_of_the_results_is_not_enough_to_skip(folder: Path) -> None:
    options = FileOptions(restore=RestoreOptions(variants=2))
    run([folder / "b.png"], options)
    (folder / "b.restored.2.png").unlink()
    assert run([folder / "b.png"], options)[0].status == "done"


def test_bad_files_cost_only_themselves(folder: Path, tmp_path: Path) -> None:
    (folder / "b.png").write_bytes(b"hello, I am text")
    missing, empty = tmp_path / "missing.jpg", tmp_path / "empty"
    empty.mkdir()
    reports = run([missing, empty, folder], FileOptions(tmp_path / "out"))
    assert [report.status for report in reports] == ["failed", "failed", "done", "failed"]
    errors = [str(report.error) for report in reports if report.error]
    for error, words in zip(errors, ["does not exist", "holds no photos", "is text"], strict=True):
        assert words in error
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.jpg"}
    values = reports[0].as_dict()
    assert (values["status"], values["exit_code"], values["info"]) == ("failed", 1, None)
    assert reports[2].as_dict()["exit_code"] == 0


def test_mistakes_of_the_program_cost_only_one_file_too(folder: Path) -> None:
    class Broken(Simple):
        def change(self, *_: object) -> object:  # type: ignore[override]
            raise ZeroDivisionError("oh")

    reports = run([folder], FileOptions(), Broken())
    assert [report.status for report in reports] == ["failed", "failed"]
    assert "ZeroDivisionError: oh" in str(reports[0].error)
    assert isinstance(reports[0].error.__cause__, ZeroDivisionError)


def test_an_interruption_ends_the_run(folder: Path) -> None:
    class Interrupted(Simple):
        def change(self, *_: object) -> object:  # type: ignore[override]
            raise KeyboardInterrupt

    before = set(folder.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        run([folder], FileOptions(), Interrupted())
    assert set(folder.rglob("*")) == before


def test_an_input_is_never_replaced(folder: Path) -> None:
    before = (folder / "a.jpg").read_bytes()
    reports = run([folder / "a.jpg"], FileOptions(folder))
    assert "would replace the input" in str(reports[0].error)
    reports = run([folder / "a.jpg"], FileOptions(folder / "a.jpg", overwrite=True))
    assert "would replace the input" in str(reports[0].error)
    (folder.parent / "link").symlink_to(folder)
    reports = run([folder], FileOptions(folder.parent / "link", overwrite=True))
    assert {report.status for report in reports} == {"failed"}
    assert (folder / "a.jpg").read_bytes() == before


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


def test_a_folder_that_cannot_be_made_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file")
    [report] = run([folder / "a.jpg"], FileOptions(tmp_path / "blocked" / "out"))
    assert "cannot be made" in str(report.error)


def test_progress_names_the_file(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    options = FileOptions(folder.parent / "out")
    restorer = Restorer(Simple())
    jobs = plan_files([folder], options)
    for _ in restore_files(
        restorer, jobs, options, lambda path, *at: seen.append((path.name, *at))
    ):
        pass
    assert seen == [("a.jpg", 1, 1), ("b.png", 1, 1)]
