"""Names of results."""

from pathlib import Path

import pytest

from undegrade.errors import UsageError
from undegrade.inference.options import RestoreOptions
from undegrade.inference.targets import is_result, plan_targets, restored_name


@pytest.mark.parametrize(
    ("source", "image_format", "name"),
    [
        ("a/photo.jpg", None, "a/photo.restored.jpg"),
        ("photo.JPEG", None, "photo.restored.JPEG"),
        ("photo.JPEG", "jpg", "photo.restored.JPEG"),
        ("photo.jpg", "png", "photo.restored.png"),
        ("v1.2.tiff", "webp", "v1.2.restored.webp"),
        ("photo", None, "photo.restored"),
        ("photo", "png", "photo.restored.png"),
        ("my.photo", "png", "my.photo.restored.png"),
        ("фото é.jpg", None, "фото é.restored.jpg"),
    ],
)
def test_results_are_named_after_their_photos(
    source: str, image_format: str | None, name: str
) -> None:
    assert restored_name(Path(source), image_format) == Path(name)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'jpeg'"):
        restored_name(Path("a.jpg"), "jpgg")


def names(target: str, **options: int) -> list[str]:
    targets = plan_targets(Path(target), RestoreOptions(**options))  # type: ignore[arg-type]
    return [str(path) for path in targets.files]


def test_one_picture_is_one_file() -> None:
    assert names("x/photo.restored.jpg") == ["x/photo.restored.jpg"]


def test_variants_are_numbered() -> None:
    assert names("x/photo.restored.jpg", variants=2) == [
        "x/photo.restored.1.jpg",
        "x/photo.restored.2.jpg",
    ]


def test_uncertainty_adds_maps() -> None:
    maps = ["x/photo.uncertainty.png", "x/photo.uncertainty.tiff"]
    assert names("x/photo.restored.jpg", uncertainty=True) == ["x/photo.restored.jpg", *maps]
    assert names("x/photo.jpg", uncertainty=True, variants=2) == [
        "x/photo.jpg",
        "x/photo.1.jpg",
        "x/photo.2.jpg",
        *maps,
    ]


def test_results_are_told_from_photos() -> None:
    for name in ("a.jpg", "restored.jpg", "a.1.jpg", "a.restored", "a.restored.old.jpg"):
        assert not is_result(Path(name)), name
    for options in ({}, {"variants": 2}, {"uncertainty": True, "variants": 12}):
        for name in names("my.photo.restored.jpg", **options):
            assert is_result(Path(name)), name
