"""`undegrade calibrate`: measure what a model's uncertainty means, and let the model know."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.console import json_result, note, reporting, result
from undegrade.cli.loading import Runner, TestPictures
from undegrade.cli.options import (
    DeviceOption,
    JsonOption,
    ModelArgument,
    Precision,
    PrecisionOption,
    SamplerOption,
    SeedOption,
    TaskOption,
    TestDataOption,
    TestDegradeOption,
)
from undegrade.cli.progress import Bar
from undegrade.errors import UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.calibrating import Calibrated


@reporting()
def calibrate(  # noqa: PLR0913  (a command line has as many parameters as options)
    model: ModelArgument,
    data: TestDataOption,
    degrade: TestDegradeOption = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Network evaluations of a draw; the model's own.")
    ] = None,
    seed: SeedOption = 0,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many pictures.")
    ] = None,
    few: Annotated[
        bool, typer.Option("--few", help="Take as few as 4 pictures; at least 8 unless given.")
    ] = False,
    task: TaskOption = "auto",
    sampler: SamplerOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Measure what a model's uncertainty means, and write it into the model's folder.

    From then on `restore --uncertainty` gives what 68 % of the errors do not exceed, for photos
    like those that were measured, instead of the deviation over draws.
    """
    from undegrade.evaluation.calibrating import FEWEST_PICTURES, LEAST_PICTURES, check_count
    from undegrade.evaluation.calibrating import calibrate as measure
    from undegrade.inference import RestoreOptions
    from undegrade.zoo import check_restores, find_model, record_uncertainty

    if len(data) > 1:
        raise UsageError(f"--data {' and '.join(data)}", expected="one set of pictures")
    entry = find_model(model)
    check_restores(entry)
    entry.check_writable()
    opened = TestPictures(data[0], degrade or [], seed, pictures).open()
    if opened.condition == "clean":
        note("clean photos are restored as they are; --degrade makes them worse")
    least = FEWEST_PICTURES if few else LEAST_PICTURES
    warning = check_count(len(opened), least)
    if warning is not None:
        note(warning)
    restorer = Runner(model, device, str(precision), sampler).load()
    task = restorer.model.own_task(task)  # what is measured must not hang on a detector
    restorer.check(RestoreOptions(task, steps))
    with Bar(1) as bar:
        bar.begin("restoring")
        measured = measure(
            restorer, opened, task=task, steps=steps, least=least, progress=bar.advance
        )
    before = entry.config.uncertainty
    record_uncertainty(entry, measured.curve)
    if before is not None:
        note(f"this replaces what was measured on {before.measured_on or 'other photos'}")
    if as_json:
        facts = {"model": entry.name, "pictures": measured.pictures}
        parts = {"before": asdict(measured.before), "after": asdict(measured.after)}
        draws = {"draws": None if measured.draws is None else asdict(measured.draws)}
        json_result(facts | draws | {"curve": measured.curve.model_dump()} | parts)
    else:
        _print(measured)
        note(f"written into {entry.folder}")
    if opened.problems.count:
        note(f"left out: {opened.problems}")
        raise typer.Exit(1)


def _print(measured: "Calibrated") -> None:
    result(f"{measured.curve.measured_on}: {measured.pictures} pictures")
    draws = measured.draws
    if draws is not None:
        result(
            f"draws: standard deviation {draws.spread:.2f} of 255; PSNR of one "
            f"{draws.psnr_of_one:.2f} dB, of their mean {draws.psnr_of_mean:.2f} dB"
        )
    kept = measured.pictures // 2
    result(f"on {kept} of them that the curve was not fitted on, truth within the map:")
    for name, found in (("deviation over draws", measured.before), ("curve", measured.after)):
        result(
            f"  {name}: {found.within_one:.1%} (68.3 % is right), "
            f"mean distance from what all bands promise {found.error:.3f}"
        )
