"""What is read, where it goes, and what is done already."""

from pathlib import Path

import pytest

from undegrade.cli.jobs import STREAM, Job, plan_jobs
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.images import WriteOptions
from undegrade.inference import FileOptions, RestoreOptions


def plan(*inputs: str, output: str | None = None, **options: object) -> list[Job]:
    place = None if output is None else Path(output)
    return plan_jobs([Path(name) for name in inputs], FileOptions(place, **options))


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize(
    ("name", "output", "format_name", "target"),
    [
        ("a/photo.jpg", None, None, "a/photo.restored.jpg"),
        ("a/photo.JPG", None, None, "a/photo.restored.JPG"),
        ("a/photo.jpg", None, "png", "a/photo.restored.png"),
        ("a/photo.v2.jpg", None, "tiff", "a/photo.v2.restored.tif"),
        ("a/photo.jpg", "b.png", None, "b.png"),
        ("a/photo.jpg", "out", None, "out/photo.jpg"),
        ("a/photo.jpg", "there.d", None, "there.d/photo.jpg"),
        ("a/photo.jpg", "out", "webp", "out/photo.webp"),
    ],
)
def test_where_one_result_goes(
    name: str, output: str | None, format_name: str | None, target: str
) -> None:
    touch(name)
    Path("there.d").mkdir()
    (job,) = plan(name, output=output, write=WriteOptions(format=format_name))
    assert job == Job(Path(name), Path(target), (Path(target),))


def test_folders_are_mirrored() -> None:
    touch("in/b.jpg", "in/a.png", "in/sub/c.tif", "in/notes.txt")
    assert [job.outputs for job in plan("in", output="out", recursive=True)] == [
        ["out/a.png"],
        ["out/b.jpg"],
        ["out/sub/c.tif"],
    ]


def test_bad_inputs_stand_beside_good_ones() -> None:
    touch("good.png")
    Path("empty").mkdir()
    missing, empty, good = plan("missing.png", "empty", "good.png", output="out")
    assert isinstance(missing.problem, InputError)
    assert "does not exist" in str(missing.problem)
    assert isinstance(empty.problem, InputError)
    assert "holds no photos" in str(empty.problem)
    assert good.problem is None
    assert (missing.target, missing.outputs) == (None, [])


def test_what_is_there_is_done() -> None:
    touch("a.png", "b.png", "out/a.png")
    assert [job.done for job in plan("a.png", "b.png", output="out")] == [True, False]
    again = plan("a.png", "b.png", output="out", overwrite=True)
    assert [job.done for job in again] == [False, False]


def test_a_job_of_several_files_is_done_when_all_are_there() -> None:
    touch("a.png", "out/a.1.png", "out/a.2.png")
    options = RestoreOptions(variants=2)
    assert plan("a.png", output="out", restore=options)[0].done


def test_a_result_made_with_other_options_is_not_replaced_in_passing() -> None:
    touch("a.png", "out/a.png")
    options = RestoreOptions(uncertainty=True)
    (job,) = plan("a.png", output="out", restore=options)
    assert not job.done
    assert "out/a.png: there already, but not all" in str(job.problem)
    (job,) = plan("a.png", output="out", restore=options, overwrite=True)
    assert job.outputs == ["out/a.png", "out/a.uncertainty.png", "out/a.uncertainty.tiff"]


@pytest.mark.parametrize("output", ["a.png", ".", "link.png", "other/../a.png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_a_target(output: str, overwrite: bool) -> None:
    touch("a.png", "other/x")
    Path("link.png").symlink_to("a.png")
    (job,) = plan("a.png", output=output, overwrite=overwrite)
    assert isinstance(job.problem, OutputError)


def test_streams() -> None:
    touch("a.png")
    assert plan("-") == plan("-", output="-") == [Job(STREAM, STREAM)]
    assert plan("a.png", output="-") == [Job(Path("a.png"), STREAM)]
    assert isinstance(plan("b.png", output="-")[0].problem, InputError)
    assert plan("-", output="b.png") == [Job(STREAM, Path("b.png"), (Path("b.png"),))]
    touch("b.png")
    with pytest.raises(UsageError, match=r"b\.png: there already.*--overwrite"):
        plan("-", output="b.png")
    assert not plan("-", output="b.png", overwrite=True)[0].done
    with pytest.raises(UsageError, match="is a folder"):
        plan("-", output="new", into_folder=True)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (["a.png", "b.png"], "c.png"),
        (["a.png", "b.png"], "-"),
        (["-", "a.png"], None),
        (["-"], "in"),
        (["in"], "-"),
        (["in"], "a.png"),
    ],
)
def test_inputs_and_outputs_that_do_not_go_together(inputs: list[str], output: str) -> None:
    touch("a.png", "b.png", "in/a.png", "in/b.png")
    with pytest.raises(UsageError):
        plan(*inputs, output=output)
