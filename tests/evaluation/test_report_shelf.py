"""Pictures that are kept while measuring: which, how large, through interruptions."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from report_folders import key, photo
from small_methods import Noisy, Simple

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import OutputError
from undegrade.evaluation.candidates.base import shown_setting
from undegrade.evaluation.candidates.baselines import find_baseline
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.kept.coding import LONGEST
from undegrade.evaluation.kept.maps import read_map
from undegrade.evaluation.kept.shelf import PictureShelf, worst_crop
from undegrade.evaluation.pictures import PictureSet, TruthPair
from undegrade.evaluation.results.rows import Journal
from undegrade.evaluation.running.measuring import Bench, Plan, measure
from undegrade.evaluation.running.session import Session
from undegrade.inference import Restorer
from undegrade.inference.report import ModelInfo
from undegrade.metrics.catalogue import find_metrics

METRICS = find_metrics("psnr")


def noisy(photo_folder: Path, limit: int) -> PictureSet:
    chain = Chain.parse(["noise:sigma=25"])
    return PictureSet.open(Place.parse(f"mine={photo_folder}"), chain, limit=limit)


def pixels(file: Path) -> np.ndarray:
    return pyvips.Image.new_from_buffer(file.read_bytes(), "").numpy()


class Stopping(Simple):
    """Is interrupted when it is asked once too often."""

    def restore(self, lq, **options):  # type: ignore[no-untyped-def]
        if len(self.steps) == 3:
            raise KeyboardInterrupt
        return super().restore(lq, **options)


def test_the_square_lies_where_the_restoration_is_furthest_off() -> None:
    hq = np.full((120, 200, 3), 0.5, np.float32)
    restored = hq.copy()
    restored[60:90, 110:140] += 0.4
    crop = worst_crop(restored, hq)
    assert crop.side == 48
    assert crop.top <= 60
    assert crop.left <= 110
    assert crop.top + crop.side >= 90
    assert crop.left + crop.side >= 140
    whole = worst_crop(restored[:20, :30], hq[:20, :30])
    assert whole.side == 20


def test_views_are_bounded_and_crops_are_not_shrunk(tmp_path: Path) -> None:
    hq = photo("large", 500, 1000)
    pair = TruthPair("large", np.clip(hq + 0.1, 0, 1).astype(np.float32), hq)
    shelf, about = PictureShelf(tmp_path), key("ours", "large", steps=1)
    shelf.keep(about, pair, hq)
    place = shelf.find(about)
    assert place is not None
    assert (place.width, place.height, place.crop.side) == (1000, 500, 160)
    assert pixels(place.restored(about).view).shape == (LONGEST // 2, LONGEST, 3)
    square = pixels(place.truth.crop)
    assert square.shape == (160, 160, 3)
    assert np.abs(square / 255 - place.crop.of(hq)).mean() < 0.03
    assert place.input.there
    assert place.truth.there
    assert not place.restored(key("median", "large")).there


def test_the_input_alone_is_not_kept_and_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    hq = photo("one")
    pair, shelf = TruthPair("one", hq, hq), PictureShelf(tmp_path)
    assert not shelf.wants(key("input", "one"))
    (tmp_path / "pictures").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        shelf.keep(key("ours", "one", steps=1), pair, hq)


def test_an_interrupted_run_that_goes_on_has_all_pictures(
    photo_folder: Path, tmp_path: Path
) -> None:
    pictures, shelf = noisy(photo_folder, 3), PictureShelf(tmp_path)
    plan = Plan(METRICS, (1, 2), shelf=shelf)
    with pytest.raises(KeyboardInterrupt):
        measure([_model(Stopping())], pictures, plan, Journal(tmp_path))
    rows = measure([_model(Simple())], pictures, plan, Journal(tmp_path))
    shown = [row.key for row in rows if row.key.steps == 2]
    assert len(shown) == 3
    for about in shown:
        place = shelf.find(about)
        assert place is not None
        assert place.restored(about).there
        assert place.truth.there
        assert place.input.there
    assert not any(shelf.find(about).restored(row.key).there for row in rows if row.key.steps == 1)


def test_a_setting_that_is_shown_is_the_usual_one_or_the_first() -> None:
    assert shown_setting(_model(Simple()), (1, 2), (5, 6)).steps == 2
    assert shown_setting(_model(Simple()), (4, 8), (5, 6)).steps == 4
    assert shown_setting(_model(Simple()), (4, 8), (5, 6)).seed == 5
    median = find_baseline("median")
    assert median is not None
    assert shown_setting(median, (4, 8), (5, 6)).steps == 0


def test_maps_are_drawn_once_and_know_how_they_kept_their_promise(
    photo_folder: Path, tmp_path: Path
) -> None:
    pictures, shelf, method = noisy(photo_folder, 2), PictureShelf(tmp_path), Noisy()
    candidates = [find_baseline("median"), _model(method)]
    plan = Plan(METRICS, (2,), shelf=shelf)
    rows = measure(candidates, pictures, plan, Journal(tmp_path))
    sets = [(pictures, plan)]
    session = Session(candidates, sets, Bench(candidates, sets).work, lambda _tasks: None)
    seen: list[tuple[int, int]] = []
    session.draw_maps(0, rows, lambda *now: seen.append(now))
    assert seen == [(1, 2), (2, 2)]
    for row in rows:
        place = shelf.find(row.key)
        assert place is not None
        if row.key.model == "median":  # has no draws that could differ
            assert read_map(place, row.key) is None
            continue
        found = read_map(place, row.key)
        assert found is not None
        file, facts = found
        assert pixels(file).shape == (72, 88, 3)
        assert 0 < facts.brightest <= 1
        assert len(facts.promised) == len(facts.observed) == 20
        assert list(facts.observed) == sorted(facts.observed)
    session.draw_maps(0, rows, lambda *now: seen.append(now))
    assert len(seen) == 2


def _model(method: Simple) -> Model:
    info = ModelInfo(name="ours", default_steps=2)
    return Model(Restorer(method, info, device="cpu"), "ours")
