"""What is asked of a detector about photos, and what it says."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image
from seeing import BRIGHT, DARK, bundle_seeing, flat, seeing_light
from small_methods import Simple

from undegrade.errors import InputError, UsageError
from undegrade.inference import Detection, PhotoDetector, detect
from undegrade.inference.detection import look
from undegrade.inference.pixels import ArrayPicture
from undegrade.methods.views import spread
from undegrade.zoo import store


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the detector that takes brightness for rain the one of this machine."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "BUNDLED", tmp_path / "bundled")
    return bundle_seeing()


@pytest.mark.parametrize(
    ("chances", "found", "guess", "confidence", "text"),
    [
        ((0.9, 0.1, 0.0), ("derain",), "derain", 0.9, "rain 0.90"),
        ((0.7, 0.1, 0.95), ("brighten", "derain"), "brighten", 0.95, "low-light 0.95, rain 0.70"),
        ((0.1, 0.1, 0.1), (), "clean", 0.729, "clean 0.73"),
        ((0.55, 0.1, 0.1), ("derain",), None, 0.55, "rain 0.55 (unsure)"),
        ((0.4, 0.3, 0.0), (), None, 0.42, "unsure (clean 0.42)"),
        ((0.45, 0.4, 0.0), (), None, 0.45, "unsure (rain 0.45)"),
    ],
)
def test_what_is_named_and_what_is_guessed(
    chances: tuple[float, ...],
    found: tuple[str, ...],
    guess: str | None,
    confidence: float,
    text: str,
) -> None:
    detection = Detection(dict(zip(("derain", "dehaze", "brighten"), chances, strict=True)))
    assert detection.found == found
    assert detection.guess == guess
    assert detection.confidence == pytest.approx(confidence)
    assert str(detection) == text


def test_a_task_of_another_package_is_called_by_its_name() -> None:
    assert str(Detection({"demoire": 0.8})) == "demoire 0.80"


@pytest.mark.parametrize(
    "size", [(64, 70), (72, 300), (130, 129), (481, 321), (700, 1100), (64, 5000)]
)
def test_what_is_seen_of_a_photo_that_is_read_once_is_what_is_seen_of_it_in_memory(
    size: tuple[int, int],
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    picture = pixels.astype(np.float32) / 255
    asked: list[tuple[int, int]] = []

    def rows(top: int, deep: int) -> np.ndarray:
        asked.append((top, deep))
        return picture[top : top + deep]

    streamed = look(rows, *size)
    expected = spread(torch.from_numpy(picture).permute(2, 0, 1))
    torch.testing.assert_close(streamed.tiles, expected.tiles)
    torch.testing.assert_close(streamed.whole, expected.whole)
    ends = np.cumsum([deep for _, deep in asked])
    assert [top for top, _ in asked] == [0, *ends][:-1]  # one after the other
    assert ends[-1] == size[0]
    assert max(deep for _, deep in asked) < 256


def test_of_a_photo_256_levels_are_seen_and_it_is_left_as_it_was() -> None:
    picture = np.random.default_rng(0).uniform(-0.1, 1.1, (64, 96, 3)).astype(np.float32)
    before = picture.copy()
    streamed = look(lambda top, deep: picture[top : top + deep], 64, 96)
    np.testing.assert_array_equal(picture, before)
    levels = torch.from_numpy(np.rint(before.clip(0, 1) * 255) / 255).permute(2, 0, 1).float()
    assert torch.equal(streamed.tiles[0], levels)


def test_a_file_and_its_pixels_are_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 420, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    detector = PhotoDetector(seeing_light(steep=1.0), "light", "ab", device="cpu")
    found = detector.detect_file(tmp_path / "a.png")
    assert found == detector.detect_picture(ArrayPicture(pixels))
    assert found == detector.detect_file((tmp_path / "a.png").read_bytes())
    assert (found.model, found.weights_hash) == ("light", "ab")
    assert [*found.probabilities] == ["derain", "dehaze"]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_transparent_parts_leave_the_guess_open(tmp_path: Path, kind: type) -> None:
    full = np.iinfo(kind).max
    pixels = np.full((300, 80, 4), full, kind)
    pixels[290:, 70:, :3] = 0  # what a cut-out hides
    detector = PhotoDetector(seeing_light(), device="cpu")
    assert detector.detect_picture(ArrayPicture(pixels)).guess == "derain"
    pixels[290:, 70:, 3] = 0
    found = detector.detect_picture(ArrayPicture(pixels))
    assert (found.transparent, found.guess, found.likeliest) == (True, None, "derain")
    assert str(found) == f"rain {found.confidence:.2f} (transparent parts: unsure)"
    pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / "a.png"))
    assert detector.detect_file(tmp_path / "a.png") == found


def test_all_tiles_count_the_same(tmp_path: Path) -> None:
    """A photo of two halves: bright and dark tiles make up for each other."""
    detector = PhotoDetector(seeing_light(), device="cpu")
    both = np.concatenate([flat(BRIGHT, 128, 256), flat(48, 128, 256)])
    found = detector.detect_picture(ArrayPicture(both))
    assert found.probabilities["derain"] == pytest.approx(0.5, abs=0.03)


def test_a_call_takes_what_restoring_takes(bundled: Path, tmp_path: Path) -> None:
    Image.fromarray(flat(BRIGHT)).save(tmp_path / "a.png")
    for image in (tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), flat(BRIGHT)):
        found = detect(image, device="cpu")
        assert isinstance(found, Detection)
        assert found.guess == "derain"
    batch = torch.stack([torch.full((3, 64, 64), level / 255) for level in (BRIGHT, DARK)])
    several = detect(batch, device="cpu")
    assert isinstance(several, list)
    assert [one.guess for one in several] == ["derain", "clean"]


def test_what_is_too_small_or_no_detector_is_refused() -> None:
    detector = PhotoDetector(seeing_light(), device="cpu")
    with pytest.raises(InputError, match=r"has 63 x 80 pixels, too few .* expected at least 64"):
        detector.detect_picture(ArrayPicture(flat(BRIGHT, 80, 63)))
    with pytest.raises(UsageError, match=r"a simple model to say what.*of the method detector"):
        PhotoDetector(Simple(), device="cpu")
