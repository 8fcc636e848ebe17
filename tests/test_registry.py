"""The registry: names to classes, open to others, helpful when a name is wrong."""

from importlib.metadata import EntryPoint

import pytest

from undegrade import registry
from undegrade.errors import UsageError
from undegrade.registry import Registry, did_you_mean


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

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert fruits.get("kiwi").__name__ == "Fruit"
    assert fruits.get("pear").__name__ == "pear", "what is built in is not replaced"


def test_advice_lists_all_names_when_none_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", []) == "known: (none)"
