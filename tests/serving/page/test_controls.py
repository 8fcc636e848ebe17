"""From the controls to the form, and from the form to words and to the command line."""

import shlex
import subprocess
from typing import Any

import pytest

from undegrade.cli.options import Format
from undegrade.inference.detected import Detection, about_task
from undegrade.methods.detector import LEAST_SIDE
from undegrade.processes.ddim_options import DdimOptions
from undegrade.processes.sampling import SamplerOptions
from undegrade.serving.forms import RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.page import controls, words
from undegrade.serving.page.command import command_line
from undegrade.serving.page.controls import FIELDS, form_of
from undegrade.serving.page.layout import _FORMATS, _MORE_FORMATS
from undegrade.serving.page.page_jobs import LEAST_SEEN
from undegrade.serving.page.results import detail_part, labels_of
from undegrade.serving.page.sketches import Part
from undegrade.serving.problems import HttpError
from undegrade.zoo import SPECIALISTS

UNTOUCHED: dict[str, Any] = {
    "task": "auto",
    "variants": 1,
    "uncertainty": False,
    "model": "auto",
    "steps": "",
    "sampler": "",
    "texture": 1,
    "seed": 0,
    "deterministic": False,
    "tile_size": "",
    "format": "keep",
    "quality": 95,
    "strip_metadata": False,
    "page": "",
}

_TILE = "expected auto, or a whole number of pixels from 64 to 4096."


def test_untouched_controls_ask_for_nothing() -> None:
    assert set(UNTOUCHED) == set(FIELDS)
    assert form_of(UNTOUCHED) == RestoreForm()


def test_controls_fill_the_form() -> None:
    form = form_of(UNTOUCHED | {"task": "derain", "steps": " 4 ", "seed": 7.0, "page": "2"})
    assert form == RestoreForm(task="derain", steps=4, seed=7, page=2)
    form = form_of(UNTOUCHED | {"sampler": "heun", "tile_size": " 256"})
    assert form == RestoreForm(sampler="heun", tile_size=256)
    assert command_line(form, "a.jpg").endswith(" --sampler heun --tile-size 256")


def test_a_texture_is_left_out_where_none_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert form_of(UNTOUCHED | {"texture": 0.5, "model": "eedtp-ten"}).texture is None
    monkeypatch.setattr(controls, "own_texture", lambda model: 1.0)
    assert form_of(UNTOUCHED | {"texture": 0.5}).texture == 0.5


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("steps", "many", "Steps: many; expected a valid integer"),
        ("tile_size", "many", f"Tile size: 'many'; {_TILE}"),
        ("tile_size", "0.5", f"Tile size: '0.5'; {_TILE}"),
        ("tile_size", "63", f"Tile size: '63'; {_TILE}"),
    ],
)
def test_a_wrong_value_is_told_of_in_words(field: str, value: str, said: str) -> None:
    with pytest.raises(HttpError) as caught:
        form_of(UNTOUCHED | {field: value}).check(Limits())
    assert words.told(caught.value.reason, caught.value.hint).startswith(said)


def test_every_sampler_is_called_something_and_offered_where_it_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [*controls.SAMPLERS] == [*SamplerOptions.settings, *DdimOptions.settings]
    assert [value for _, value in controls.samplers()] == ["", *controls.SAMPLERS]
    monkeypatch.setattr(controls, "find_spec", lambda library: None)
    offered = [value for _, value in controls.samplers()]
    assert offered == ["", "euler", "heun", "midpoint", "ddim"]


def test_all_that_can_be_chosen_is_known_to_the_form() -> None:
    assert [task for _, task in controls.tasks()] == ["auto", *SPECIALISTS]
    assert {"auto", "resflow-general", "eedtp-ten"} <= {model for _, model in controls.models()}
    assert not {"detector", "prior-64"} & {model for _, model in controls.models()}
    formats = {value for _, value in _FORMATS + _MORE_FORMATS}
    assert formats == {str(one) for one in Format}
    for value in formats:
        assert form_of({"format": value}).format == value


@pytest.mark.parametrize(
    "name",
    ["photo.jpg", "my photo.jpg", "it's.jpg", "-rf.jpg", "a$HOME`id`.jpg", 'q"\\.jpg', "ä;.jpg"],
)
def test_a_shell_reads_back_what_is_meant(name: str) -> None:
    line = command_line(RestoreForm(task="derain", sampler="heun:x=1;2"), name)
    printed = subprocess.run(
        ["sh", "-c", line.replace("undegrade", "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    meant = f"./{name}" if name.startswith("-") else name
    asked = ["restore", meant, "--task", "derain", "--sampler", "heun:x=1;2"]
    assert printed.stdout.splitlines() == asked


def test_the_command_says_what_differs_and_no_more() -> None:
    assert command_line(RestoreForm(), "a.jpg") == "undegrade restore a.jpg"
    form = RestoreForm(
        uncertainty=True, steps=0, texture=0.0, strip_metadata=True, tile_size=256, page=3
    )
    told = "--page 3 --steps 0 --texture 0 --uncertainty --tile-size 256 --strip-metadata"
    assert shlex.split(command_line(form, "a.jpg"))[3:] == told.split()


def test_nothing_from_outside_becomes_markup() -> None:
    bad = "<img src=x onerror=alert(1)>"
    found = {
        "probabilities": {bad: 0.9},
        "guess": None,
        "confidence": 0.9,
        "transparent": True,
    }
    job = Job(Order("restore", bad, 8, 8, "png"), "me", 0.0, report={"model": bad, "task": bad})
    for html in (
        words.message(bad),
        words.problem(HttpError(422, bad, hint=bad)),
        words.chips(found, bad),
        words.outcome(job),
        words.downloads("a/b", [(bad, f'"{bad}')]),
    ):
        assert "<img" not in html
    links = words.downloads("a/b", [("x", '"><b>.jpg')])
    assert 'href="api/v1/jobs/a%2Fb/files/%22%3E%3Cb%3E.jpg"' in links
    assert "<b>" not in links


def test_what_only_another_command_could_do_is_not_advised() -> None:
    told = words.problem(HttpError(422, "0.2 megapixels", fix="raise it with `--max-megapixels 1`"))
    assert told == '<p class="message problem">0.2 megapixels.</p>'
    told = words.problem(HttpError(422, "steps=200", 50, "at most 50"))
    assert told == '<p class="message problem">Steps: 200. At most 50.</p>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--task decides otherwise", "'What to remove' decides otherwise"),
        ("choose one with `--page N`", "choose one with 'Page' (below 'More options')"),
        ("add `--page 1` for it", "add 'Page' 1 for it (below 'More options')"),
        ("at most 50", "at most 50"),
        ("`undegrade models list`", None),
        ("raise it with `--max-megapixels 1`", None),
    ],
)
def test_options_are_named_by_their_controls(text: str, said: str | None) -> None:
    assert words.by_controls(text) == said


def test_no_probability_is_said_to_be_certain() -> None:
    found = Detection({"dejpeg": 0.9987})
    assert "99 % sure" in about_task(found, "dejpeg", ["dejpeg"])


def test_a_page_that_is_busy_says_so() -> None:
    told = words.problem(HttpError(429, "8 jobs of this client are not finished", hint="wait"))
    assert "The server has much to do: 8 jobs" in told


def test_the_detector_looks_at_no_smaller_photo_than_the_page_asks_it_to() -> None:
    assert LEAST_SEEN == LEAST_SIDE


def test_chips_name_what_is_there_and_how_sure_that_is() -> None:
    found = {
        "probabilities": {"derain": 0.999, "dejpeg": 0.2, "denoise": 0.01},
        "guess": "derain",
        "confidence": 0.999,
        "transparent": False,
    }
    html = words.chips(found, "Seen")
    assert html.index("Rain <b>99 %") < html.index("JPEG blocks <b>20 %")
    assert "Noise" not in html
    clean = found | {"probabilities": {"derain": 0.02}, "guess": "clean", "confidence": 0.98}
    assert "Nothing to undo <b>98 %" in words.chips(clean, "Seen")
    unsure = found | {"probabilities": {"derain": 0.4}, "guess": None, "confidence": 0.5}
    assert "Not sure of anything" in words.chips(unsure, "Seen")


def test_progress_tells_of_turn_share_and_time() -> None:
    job = Job(Order("restore", "a.png", 8, 8, "png"), "me", 0.0)
    assert "Waiting for 2 photos before this one" in words.progress(job, 2, 0.0)
    assert "Next in turn" in words.progress(job, 0, 0.0)
    job.state, job.begun = State.RUNNING, 100.0
    assert "Starting" in words.progress(job, 0, 100.0)
    job.done, job.total = 1, 4
    bar = words.progress(job, 0, 110.0)
    assert 'value="0.250"' in bar
    assert "25%, about 30 s left" in bar
    assert "5 min left" in words.progress(job, 0, 200.0)
    job.state = State.DONE
    assert words.progress(job, 0, 111.0) == ""


@pytest.mark.parametrize(
    ("asked", "files", "labels"),
    [
        ({}, ["a"], ["Restored"]),
        ({"variants": 2}, ["a", "b"], ["Variant 1", "Variant 2"]),
        ({"uncertainty": True}, ["a", "heat", "data"], ["Mean of 8"]),
        (
            {"variants": 2, "uncertainty": True},
            ["m", "a", "b", "heat", "data"],
            ["Mean of 2", "Variant 1", "Variant 2"],
        ),
    ],
)
def test_pictures_are_called_what_they_are(
    asked: dict[str, Any], files: list[str], labels: list[str]
) -> None:
    order = Order("restore", "a", 8, 8, "png", restore=RestoreForm(**asked).restore)
    job = Job(order, "me", 0.0, files=tuple(files))
    assert labels_of(job) == [*zip(labels, files, strict=False)]


def test_a_part_stays_within_the_photo() -> None:
    assert detail_part(4000, 300, 100, 50) == Part(3488, 0, 512, 300)
    assert detail_part(600, 600, 0, 100) == Part(0, 88, 512, 512)
