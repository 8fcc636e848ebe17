"""Measures of whole sets: features kept through interruptions, one number in the end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_methods import Noisy, Shifted

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.evaluation.candidates.baselines import INPUT, find_baseline
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.papers.runs import gather_runs
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.report.gathering import gather_sets
from undegrade.evaluation.report.plots import give_marks
from undegrade.evaluation.report.tables import set_table
from undegrade.evaluation.results import set_scores
from undegrade.evaluation.results.features import FeatureStore
from undegrade.evaluation.results.rows import Journal, Row
from undegrade.evaluation.results.set_scores import Sets, Together, score_sets
from undegrade.evaluation.results.summary import summarise
from undegrade.evaluation.running.choosing import Chosen
from undegrade.evaluation.running.measuring import Plan, measure
from undegrade.inference import Restorer
from undegrade.metrics.catalogue import find_metrics
from undegrade.metrics.distributions import (
    Extractor,
    Features,
    SetMetric,
    frechet_distance,
)

PSNR = find_metrics("psnr")


class Eye:
    """Sees the mean colour of each picture, and counts how often it looked."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        self.looks += 1
        return picture.double().mean(dim=(2, 3))


def distance(eye: Eye, least_side: int = 1) -> SetMetric:
    extractor = Extractor("eye", eye)
    about = ("mean-fid", "lower", 0.0, 9.0, "", "nobody", "RGB", least_side)
    return SetMetric(*about, extractor, frechet_distance)  # type: ignore[arg-type]


def sets(eye: Eye, folder: Path) -> Sets:
    return Sets((distance(eye),), FeatureStore(folder / "features"))


def pictures(folder: Path, limit: int = 4, *texts: str) -> PictureSet:
    return PictureSet.open(Place.parse(f"mine={folder}"), Chain.parse(texts), limit=limit)


def candidates(shift: float) -> list:
    found = find_baseline(INPUT)
    assert found is not None
    return [found, Model(Restorer(Shifted(shift), device="cpu"), "model")]


def run(photo_folder: Path, folder: Path, eye: Eye, limit: int = 4) -> tuple[Row, ...]:
    plan = Plan(PSNR, (1,), sets=sets(eye, folder))
    return measure(candidates(0.1), pictures(photo_folder, limit), plan, Journal(folder))


def test_a_shift_of_all_colours_is_the_distance(photo_folder: Path, tmp_path: Path) -> None:
    eye = Eye()
    rows = run(photo_folder, tmp_path, eye)
    assert eye.looks == 4 * 3  # the truth once, and two candidates
    [column] = score_sets(rows, sets(eye, tmp_path))
    assert column.means[INPUT, 0].value == pytest.approx(0, abs=1e-9)
    found = column.means["model", 1]
    assert found.value == pytest.approx(3 * 0.1**2, abs=2e-3)  # bright pixels are clipped
    assert found.low <= found.value <= found.high
    summary = summarise(rows, [INPUT, "model"], PSNR, [column])
    head, rule, first, second = summary.table().splitlines()[2:6]
    assert head == "|  | psnr dB ↑ [95 %] | mean-fid ↓ [95 %] | s per megapixel |"
    assert rule.count("---") == 4
    assert "**0.0000** [" in first
    assert f"*{found.value:.4f}* [" in second
    assert "mean-fid" not in summary.comparisons()
    facts = json.loads(json.dumps(summary.facts()))
    assert facts["entries"][1]["sets"]["mean-fid"]["value"] == found.value


def test_what_was_seen_is_not_looked_at_again_unless_it_is_lost(
    photo_folder: Path, tmp_path: Path
) -> None:
    first, again, later = Eye(), Eye(), Eye()
    rows = run(photo_folder, tmp_path, first)
    assert [row.scores for row in run(photo_folder, tmp_path, again)] == [r.scores for r in rows]
    assert again.looks == 0
    kept = sorted((tmp_path / "features").iterdir())
    assert len(kept) == 12
    kept[0].unlink()
    run(photo_folder, tmp_path, later)
    assert 1 <= later.looks <= 2 + 1  # both rows of a lost truth, and the truth
    assert sorted((tmp_path / "features").iterdir()) == kept


def test_rows_of_a_run_without_sets_are_measured_again(photo_folder: Path, tmp_path: Path) -> None:
    measure(candidates(0.1), pictures(photo_folder), Plan(PSNR, (1,)), Journal(tmp_path))
    eye = Eye()
    run(photo_folder, tmp_path, eye)
    assert eye.looks == 12


def test_sets_alone_are_enough(photo_folder: Path, tmp_path: Path) -> None:
    eye = Eye()
    together = sets(eye, tmp_path)
    plan = Plan((), (1,), sets=together)
    rows = measure(candidates(0), pictures(photo_folder), plan, Journal(tmp_path))
    assert {row.scores == {} for row in rows} == {True}
    summary = summarise(rows, [INPUT, "model"], (), score_sets(rows, together))
    assert summary.comparisons() == ""
    assert len(Journal(tmp_path).rows()) == len(rows) == 8


def test_seeds_are_sets_of_their_own(photo_folder: Path, tmp_path: Path) -> None:
    eye = Eye()
    plan = Plan(PSNR, (1,), seeds=(0, 1), sets=sets(eye, tmp_path))
    rows = measure(candidates(0.1)[1:], pictures(photo_folder), plan, Journal(tmp_path))
    [column] = score_sets(rows, sets(eye, tmp_path))
    alone = score_sets([row for row in rows if row.key.seed == 1], sets(eye, tmp_path))
    assert column.means["model", 1].value == pytest.approx(alone[0].means["model", 1].value)


def test_seeds_of_fewer_pictures_do_not_count(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eye, journal = Eye(), Journal(tmp_path)
    monkeypatch.setattr(set_scores, "SET_METRICS", {"mean-fid": distance(eye)})
    together = Together(("mean-fid",), FeatureStore(tmp_path / "features"))
    noisy = [Model(Restorer(Noisy(), device="cpu"), "model")]
    for seeds, limit in (((0, 1), 4), ((2,), 3)):
        plan = Plan(PSNR, (1,), seeds=seeds, sets=sets(eye, tmp_path))
        measure(noisy, pictures(photo_folder, limit), plan, journal)
    rows = journal.rows()
    assert len(rows) == 4 * 2 + 3
    [whole] = together.score([row for row in rows if row.key.seed < 2])
    [column] = together.score(rows)
    assert column.means == whole.means
    [one] = gather_sets(rows, [], ["model"], together)
    assert one.summary.entries[0].of_sets == (whole.means["model", 1],)
    [run] = gather_runs(rows, together)
    assert run.together["mean-fid"] == whole.means["model", 1]
    first = rows[0].key.picture
    parted = [row for row in rows if (row.key.picture == first) == (row.key.seed == 1)]
    assert together.score(parted) == ()  # no seed has all pictures


def test_features_are_whole_or_refused(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features")
    extractor = Extractor("eye", Eye())
    features: Features = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert not store.has(("mine", "a"), extractor)
    store.keep(("mine", "a"), extractor, features)
    assert store.has(("mine", "a"), extractor)
    assert not store.has(("mine", "b"), extractor)
    assert np.array_equal(store.read(("mine", "a"), extractor), features)
    [file] = store.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(OutputError, match="remove it"):
        store.read(("mine", "a"), extractor)
    with pytest.raises(OutputError, match="cannot be read"):
        store.read(("mine", "b"), extractor)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        FeatureStore(tmp_path / "file" / "x").keep(("mine", "a"), extractor, features)


def test_what_cannot_be_measured_of_a_set_is_told(photo_folder: Path) -> None:
    told: list[str] = []
    chosen = Chosen(find_metrics("psnr,consistency"), (distance(Eye()),))
    few = chosen.on(pictures(photo_folder, 2, "noise:sigma=9"), told.append)
    assert [metric.name for metric in few.metrics] == ["psnr"]
    assert few.sets == ()
    assert [one.name for one in few.skipped] == ["consistency", "mean-fid"]
    assert "mine: consistency is not measured: all that is done" in told[0]
    assert "mine: mean-fid is not measured: 2 pictures are no set; 3 are" in told[1]
    assert chosen.on(pictures(photo_folder, 3, "blur"), told.append) == chosen
    alone = Chosen(find_metrics("consistency"), ())
    with pytest.raises(UsageError, match="mine: nothing can be measured: consistency is not"):
        alone.on(pictures(photo_folder), told.append)


def test_pictures_that_are_too_small_for_a_set_are_left_out(
    photo_folder: Path, tmp_path: Path
) -> None:
    plan = Plan((), (1,), sets=Sets((distance(Eye(), 999),), FeatureStore(tmp_path / "f")))
    with pytest.raises(InputError, match="4 of 4 pictures cannot be used"):
        measure(candidates(0), pictures(photo_folder), plan, Journal(tmp_path))


def test_the_report_has_what_was_kept_of_every_picture(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eye = Eye()
    rows = run(photo_folder, tmp_path, eye)
    store = FeatureStore(tmp_path / "features")
    monkeypatch.setattr(set_scores, "SET_METRICS", {"mean-fid": distance(eye)})
    together = Together(("mean-fid",), store)
    [one] = gather_sets(rows, [], [INPUT, "model"], together)
    table = set_table(one, give_marks([one]))
    assert [head.name for head in table.heads][:3] == ["candidate", "psnr dB", "mean-fid"]
    [column] = score_sets(rows, sets(eye, tmp_path))
    expected = [f"{column.means[name].value:.4f}" for name in ((INPUT, 0), ("model", 1))]
    assert [row[2].shown for row in table.rows] == expected
    assert expected[0] < expected[1]
    for other in (
        Together(("mean-fid",), FeatureStore(tmp_path / "none")),
        Together(("fid-of-old",), store),  # that other versions knew
        Together((), store),
    ):
        [less] = gather_sets(rows, [], [INPUT, "model"], other)
        assert not less.summary.sets
