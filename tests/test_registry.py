"""The registry: names to classes, open to others, helpful when a name is wrong."""

import importlib.metadata
from importlib.metadata import EntryPoint

import pytest

from undegrade.errors import UsageError
from undegrade.registry import Registry, did_you_mean, near_misses


class Fruit:
    pass


@pytest.fixture
def fruits() -> Registry[Fruit]:
    fruits: Registry[Fruit] = Registry("fruit")
    for name in ("pear", "apple"):
        fruits.register(name)(type(name, (Fruit,), {}))
    return fruits


def test_a_registered_class_is_found_by_name(fruits: Registry[Fruit]) -> None:
    assert fruits.get("apple").__name__ == "apple"
    assert fruits.names() == ["apple", "pear"]


def test_registering_gives_the_class_back(fruits: Registry[Fruit]) -> None:
    assert fruits.register("fig")(Fruit) is Fruit
    assert fruits.get("fig") is Fruit


def test_a_name_can_be_taken_only_once(fruits: Registry[Fruit]) -> None:
    with pytest.raises(ValueError, match="fruit 'pear' is registered twice"):
        fruits.register("pear")(Fruit)
    assert fruits.get("pear") is not Fruit


def test_an_unknown_name_comes_with_the_nearest_one(fruits: Registry[Fruit]) -> None:
    with pytest.raises(UsageError, match=r"no fruit 'aple'; did you mean 'apple'.*apple, pear"):
        fruits.get("aple")


def test_other_packages_add_entries(
    fruits: Registry[Fruit], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [
        EntryPoint("kiwi", f"{__name__}:Fruit", "undegrade.fruits"),
        EntryPoint("pear", f"{__name__}:Fruit", "undegrade.fruits"),
    ]

    def entry_points(*, group: str) -> list[EntryPoint]:
        return points if group == "undegrade.fruits" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert fruits.get("kiwi").__name__ == "Fruit"
    assert fruits.get("pear").__name__ == "pear", "what is built in is not replaced"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rain10l", ["rain100l"]),  # one letter missing,
        ("rain1000l", ["rain100l"]),  # too many,
        ("rain100x", ["rain100l", "rain100h"]),  # wrong,
        ("rian100l", ["rain100l"]),  # swapped,
        ("Rain-100_L", ["rain100l"]),  # or hyphens elsewhere
        ("rain1400", []),  # other people's set
        ("my-rain100l", []),
        ("", []),
    ],
)
def test_a_slip_is_told_from_another_name(name: str, meant: list[str]) -> None:
    assert near_misses(name, ["rain100l", "rain100h", "gopro"]) == meant


def test_advice_lists_all_names_when_none_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", []) == "known: (none)"
    assert did_you_mean("bb", ["b", "a"], ["a"]) == "did you mean 'b'? Known: a"
