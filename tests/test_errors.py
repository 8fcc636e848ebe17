"""Errors say what was got, what was expected and what to do, and keep saying it."""

import pickle

import pytest

from undegrade import errors

EXIT_CODES = {
    errors.UndegradeError: 1,
    errors.InputError: 1,
    errors.TooLargeError: 1,
    errors.TransferError: 1,
    errors.OutputError: 1,
    errors.UsageError: 2,
    errors.RecipeError: 2,
    errors.TrainingError: 1,
    errors.DeviceError: 2,
    errors.MissingExtraError: 2,
    errors.WeightsError: 3,
    errors.MemoryExhaustedError: 4,
}


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_every_error_has_the_exit_code_of_the_design() -> None:
    ours = {
        kind for kind in subclasses(errors.UndegradeError) if kind.__module__ == errors.__name__
    }
    assert {kind: kind.exit_code for kind in ours} == EXIT_CODES


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "a frog"),
        ({"expected": "a photo"}, "a frog; expected a photo"),
        ({"fix": "kiss it"}, "a frog; kiss it"),
        ({"expected": "a photo", "fix": "kiss it"}, "a frog; expected a photo; kiss it"),
    ],
)
def test_a_message_is_made_of_its_parts(parts: dict[str, str], message: str) -> None:
    assert str(errors.InputError("a frog", **parts)) == message


@pytest.mark.parametrize("kind", EXIT_CODES)
def test_an_error_survives_the_way_from_a_worker(kind: type[errors.UndegradeError]) -> None:
    error = pickle.loads(pickle.dumps(kind("this", expected="that", fix="do so")))
    assert type(error) is kind
    assert (error.got, error.expected, error.fix) == ("this", "that", "do so")
    assert str(error) == "this; expected that; do so"
