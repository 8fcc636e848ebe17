"""Measuring candidates whose results are known beforehand, with and without interruptions."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_methods import Noisy, Shifted, Simple, small_dtpm, small_resflow

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.evaluation.candidates.base import Candidate, Setting
from undegrade.evaluation.candidates.baselines import INPUT, find_baseline
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.contents import content_of
from undegrade.evaluation.names import FIRST_GUESS
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.rows import Journal, write_results
from undegrade.evaluation.running.measuring import Plan, check_steps, measure
from undegrade.inference import Restorer
from undegrade.methods.base import Method
from undegrade.metrics.catalogue import find_metrics

BOTH = find_metrics("psnr,ssim")


def clean(photo_folder: Path, limit: int = 2) -> PictureSet:
    return PictureSet.open(Place.parse(f"mine={photo_folder}"), Chain(), limit=limit)


def model(method: Method, name: str = "model") -> Model:
    return Model(Restorer(method, device="cpu"), name)


def the_input() -> Candidate:
    found = find_baseline(INPUT)
    assert found is not None
    return found


def test_a_method_that_changes_nothing_scores_as_its_input(
    photo_folder: Path, tmp_path: Path
) -> None:
    chain = Chain.parse(["noise:sigma=25"])
    pictures = PictureSet.open(Place.parse(str(photo_folder)), chain, limit=3)
    method, seen = Simple(), []
    rows = measure(
        [the_input(), model(method)],
        pictures,
        Plan(BOTH, (1, 4)),
        Journal(tmp_path),
        lambda *now: seen.append(now),
    )
    for name in pictures.names:
        same = {tuple(row.scores.values()) for row in rows if row.key.picture == name}
        assert len(same) == 1
        assert 19 < same.pop()[0] < 22
    assert method.steps == [1, 4] * 3
    assert seen == [(done, 9) for done in range(1, 10)]
    assert {(row.key.model, row.key.steps) for row in rows} == {
        (INPUT, 0),
        ("model", 1),
        ("model", 4),
    }


def test_equal_pictures_count_as_a_hundred_decibels_and_a_shift_as_its_size(
    photo_folder: Path, tmp_path: Path
) -> None:
    candidates = [the_input(), model(Shifted(2 / 255))]
    rows = measure(candidates, clean(photo_folder), Plan(BOTH, (1,)), Journal(tmp_path))
    scores = {row.key.model: row.scores for row in rows}
    assert scores[INPUT] == {"psnr": 100.0, "ssim": pytest.approx(1, abs=1e-4)}
    assert scores["model"]["psnr"] == pytest.approx(42.11, abs=0.05)  # 20 log10(255 / 2)


def test_every_seed_is_a_row_of_its_own(photo_folder: Path, tmp_path: Path) -> None:
    plan = Plan(BOTH, (1,), seeds=(3, 4))
    rows = measure([model(Noisy())], clean(photo_folder), plan, Journal(tmp_path))
    assert [row.key.seed for row in rows] == [3, 4] * 2
    assert rows[0].scores != rows[1].scores


class Failing(Simple):
    """Gives up after some pictures, as a machine does that is switched off."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def restore(self, lq, **options):  # type: ignore[no-untyped-def]
        if len(self.steps) == self.after:
            raise KeyboardInterrupt
        return super().restore(lq, **options)


def test_what_was_measured_before_an_interruption_is_not_done_again(
    photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    pictures, plan = clean(photo_folder, 4), Plan(BOTH, (1, 2))
    whole = measure([model(Simple())], pictures, plan, Journal(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        measure([model(Failing(3))], pictures, plan, Journal(tmp_path / "parts"))
    with (tmp_path / "parts" / "rows.jsonl").open("a") as file:
        file.write('{"data": "mine", "degr')  # killed while it wrote
    method = Simple()
    rows = measure([model(method)], pictures, plan, Journal(tmp_path / "parts"))
    assert len(method.steps) == 5
    assert [(row.key, row.scores) for row in rows] == [(row.key, row.scores) for row in whole]
    assert len(Journal(tmp_path / "parts").rows()) == 8
    again = Simple()
    measure([model(again)], pictures, plan, Journal(tmp_path / "parts"))
    assert again.steps == []


def test_one_more_measure_is_one_more_column(photo_folder: Path, tmp_path: Path) -> None:
    pictures, method = clean(photo_folder, 2), Simple()
    measure([model(method)], pictures, Plan(BOTH, (1,)), Journal(tmp_path))
    more = find_metrics("psnr,mae")
    rows = measure([model(method)], pictures, Plan(more, (1,)), Journal(tmp_path))
    assert method.steps == [1] * 4  # restored again, for there is no other way to see it
    assert [{*row.scores} for row in rows] == [{"psnr", "ssim", "mae"}] * 2
    assert len(Journal(tmp_path).rows()) == 2
    for plan in (Plan(BOTH, (1,)), Plan(more, (1,)), Plan(find_metrics("mae,ssim"), (1,))):
        assert measure([model(method)], pictures, plan, Journal(tmp_path)) == rows
    assert len(method.steps) == 4


def test_other_photos_of_the_same_names_are_measured(photo_folder: Path, tmp_path: Path) -> None:
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        photo = (photo_folder / f"scene-0{number}.png").read_bytes()
        (tmp_path / folder / "photo.png").write_bytes(photo)
        (tmp_path / folder / "same.png").write_bytes((photo_folder / "scene-02.png").read_bytes())
    found = []
    for folder in ("a", "b"):
        pictures = PictureSet.open(Place.parse(f"set={tmp_path / folder}"), Chain())
        found.append(measure([model(Noisy())], pictures, Plan(BOTH, (1,)), Journal(tmp_path)))
    assert found[0][0].key.picture == found[1][0].key.picture == "photo.png"
    assert found[0][0].scores != found[1][0].scores
    assert found[0][1] == found[1][1]
    assert len(Journal(tmp_path).rows()) == 3
    assert found[1][0].key.content == content_of([tmp_path / "b" / "photo.png"])


def test_each_precision_is_measured(photo_folder: Path, tmp_path: Path) -> None:
    for precision in ("float32", "bfloat16", "float32"):
        restorer = Restorer(small_resflow(), device="cpu", precision=precision)
        candidates = [the_input(), Model(restorer, "model")]
        rows = measure(candidates, clean(photo_folder, 1), Plan(BOTH, (1,)), Journal(tmp_path))
        assert [row.key.precision for row in rows] == ["", precision]
    assert len(Journal(tmp_path).rows()) == 3


def test_pictures_that_cannot_be_measured_are_left_out_for_all(
    photo_folder: Path, tmp_path: Path
) -> None:
    for number in range(20):
        picture = Image.open(photo_folder / "scene-00.png")
        (picture if number else picture.crop((0, 0, 10, 10))).save(tmp_path / f"{number:02}.png")
    pictures = clean(tmp_path, 20)
    rows = measure([the_input(), model(Simple())], pictures, Plan(BOTH, (1,)), Journal(tmp_path))
    assert {row.key.picture for row in rows} == {f"{number:02}.png" for number in range(1, 20)}
    assert "00.png: pictures of 10x10 pixels" in str(pictures.problems)
    plan = Plan(find_metrics("ms-ssim"))  # five scales need more pixels
    with pytest.raises(InputError, match="24 of 24 pictures cannot be used"):
        measure([the_input()], clean(photo_folder, 24), plan, Journal(tmp_path))


def test_the_file_says_the_same_as_the_rows(photo_folder: Path, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    measure([the_input()], clean(photo_folder), Plan(BOTH), journal)
    measure([the_input()], clean(photo_folder, 1), Plan(find_metrics("mae")), journal)
    write_results(tmp_path / "results.csv", journal.rows())
    with (tmp_path / "results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["picture"] for row in rows] == ["scene-00.png", "scene-01.png"]
    assert [(row["psnr"], row["mae"]) for row in rows] == [
        ("100.000000", "0.000000"),
        ("100.000000", ""),
    ]


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path, photo_folder: Path) -> None:
    (tmp_path / "rows.jsonl").mkdir()
    with pytest.raises(OutputError, match="cannot be read"):
        Journal(tmp_path)


@pytest.mark.parametrize("steps", [(2, 2), (-1,)])
def test_steps_that_are_none_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="different whole numbers"):
        Plan(BOTH, steps)


@pytest.mark.parametrize("steps", [(), (0, 1)])
def test_steps_that_are_none_for_a_flow_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="different whole numbers of at least 1"):
        check_steps(steps)


def test_steps_that_a_model_cannot_make_are_left_out() -> None:
    flow, diffusion = model(small_resflow()), model(small_dtpm())
    steps = (0, 1, 2, 10)
    assert [one.steps for one in flow.settings(steps, (0,))] == [1, 2, 10]
    assert [one.steps for one in diffusion.settings(steps, (0,))] == [FIRST_GUESS, 2, 10]
    (reason,) = flow.left_out(steps)
    assert reason.startswith("left out: steps=0 for the resflow model")
    (reason,) = diffusion.left_out(steps)
    assert reason.startswith("left out: steps=1 with the sampler 'ddim'")
    with pytest.raises(UsageError, match="steps=0 for the resflow model"):
        flow.settings((0,), (0,))


def test_each_model_has_its_own_number_of_steps() -> None:
    assert [one.steps for one in model(small_resflow()).settings((), (0,))] == [0]
    assert [one.steps for one in model(small_dtpm()).settings((), (0,))] == [4]


def test_a_first_guess_and_a_share_of_texture_are_measured() -> None:
    restorer = Restorer(small_dtpm(), device="cpu", precision="float32")
    picture = np.random.default_rng(0).random((24, 32, 3)).astype(np.float32)
    half = Model(restorer, "half", 0.5)
    expected = restorer(picture, steps=3, texture=0.5).image
    np.testing.assert_array_equal(half.restore(picture, Setting(3)).picture, expected)
    expected = restorer(picture, steps=0).image
    np.testing.assert_array_equal(half.restore(picture, Setting(FIRST_GUESS)).picture, expected)


@pytest.mark.parametrize(("own", "asked"), [(1.0, 0.0), (0.0, None)])
@pytest.mark.parametrize("changes", [{}, {"predictor": None}])
def test_without_texture_all_steps_are_one_first_guess(
    own: float, asked: float | None, changes: dict[str, None]
) -> None:
    """No denoiser runs, so that no number of steps is left out either."""
    method = small_dtpm(texture=own, **changes)
    restorer = Restorer(method, device="cpu", precision="float32")
    guess = Model(restorer, "guess", asked)
    for steps in ((), (2, 4), (1, 2, 4), (0, 4)):
        assert guess.settings(steps, (0, 7)) == (Setting(FIRST_GUESS, 0), Setting(FIRST_GUESS, 7))
        assert guess.left_out(steps) == guess.remarks(steps) == ()
    picture = np.random.default_rng(0).random((24, 32, 3)).astype(np.float32)
    found = guess.restore(picture, Setting(FIRST_GUESS)).picture
    np.testing.assert_array_equal(found, restorer(picture, texture=0.0).image)
    raised = Model(restorer, "raised", 0.5)
    assert [one.steps for one in raised.settings((2, 4), (0,))] == [2, 4]


def test_pictures_of_one_name_are_told_apart(tmp_path: Path, photo_folder: Path) -> None:
    photo = (photo_folder / "scene-00.png").read_bytes()
    for folder in ("one", "two", "three"):  # two would look like the halves of pairs
        (tmp_path / "set" / folder).mkdir(parents=True)
        (tmp_path / "set" / folder / "a.png").write_bytes(photo)
    pictures = PictureSet.open(Place.parse(str(tmp_path / "set")), Chain())
    assert pictures.names == ("one/a.png", "three/a.png", "two/a.png")
    assert [picture.name for picture in pictures] == [*pictures.names]


def test_pairs_of_one_name_are_told_apart(tmp_path: Path, photo_folder: Path) -> None:
    photo = (photo_folder / "scene-00.png").read_bytes()
    for name in ("outdoor/gt/7", "outdoor/hazy/7_0.8", "outdoor/hazy/7_0.9"):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo)
    pictures = PictureSet.open(Place.parse(f"sots-outdoor={tmp_path}"), Chain())
    assert pictures.names == ("7", "7 (2)")
    assert [picture.name for picture in pictures] == [*pictures.names]


def test_the_baselines_remove_noise(photo_folder: Path, tmp_path: Path) -> None:
    chain = Chain.parse(["noise:sigma=25"])
    pictures = PictureSet.open(Place.parse(str(photo_folder)), chain, limit=2)
    names = (INPUT, "median", "wavelet", "nlm", "tv")
    candidates = [found for name in names if (found := find_baseline(name))]
    rows = measure(candidates, pictures, Plan(BOTH), Journal(tmp_path))
    psnr = {
        name: np.mean([r.scores["psnr"] for r in rows if r.key.model == name]) for name in names
    }
    assert all(psnr[name] > psnr[INPUT] + 2 for name in names[1:])


def test_the_baselines_leave_a_flat_picture(tmp_path: Path) -> None:
    flat = np.full((24, 24, 3), 0.5, np.float32)
    for name in ("median", "wavelet", "nlm", "tv"):
        found = find_baseline(name)
        assert found is not None
        assert np.abs(found.restore(flat, found.settings((), ())[0]).picture - 0.5).max() < 1e-3
    assert find_baseline("resflow-general") is None
