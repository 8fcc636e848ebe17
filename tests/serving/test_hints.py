"""Advice about options as the form of the API has it."""

import pytest

from undegrade.errors import InputError
from undegrade.serving.forms import RestoreForm
from undegrade.serving.hints import FIELDS, by_fields
from undegrade.serving.problems import HttpError, problem_of


def test_fields_are_those_of_the_form() -> None:
    assert {f.alias or name for name, f in RestoreForm.model_fields.items()} == FIELDS


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("choose one with `--page N`, from 1", "choose one with -F page=N, from 1"),
        (
            "write TIFF, for instance with `--format tiff`",
            "write TIFF, for instance with -F format=tiff",
        ),
        ("--task decides otherwise", "the field task decides otherwise"),
        ("name it: --task TASK", "name it: -F task=TASK"),
        ("leave out `--steps`, or name --steps 4", "leave out the field steps, or name -F steps=4"),
        ("at most 50", "at most 50"),
        ("see `undegrade models list`", None),
        ("try again with `--precision float32`", None),
    ],
)
def test_options_are_told_as_fields(advice: str, told: str | None) -> None:
    assert by_fields(advice) == told


def test_a_problem_keeps_what_the_command_advises_and_tells_it_as_fields() -> None:
    problem = problem_of(InputError("the input has 2 pages", fix="add `--page 1` for its first"))
    assert HttpError.of_dict(problem.as_dict()).fix == "add `--page 1` for its first"
    assert problem.body["hint"] == "add -F page=1 for its first"
    assert "fix" not in problem.body
