"""`undegrade evaluate --analyse matching` and `experts`: models that are told a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.progress import Bar
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.told.experts import Shares
    from undegrade.evaluation.told.kept import CurveOf, SharesOf
    from undegrade.evaluation.told.matching import Error, Search
    from undegrade.evaluation.told.model import ToldModel


def search_matching(
    model: "ToldModel",
    pictures: "PictureSet",
    folder: Path,
    own: tuple[str, int] | None,
    *,
    renoise: bool,
    as_json: bool,
) -> None:
    """Restore at every time, then write, draw and tell where the error is least.

    Args:
        model: What restores.
        pictures: What it is given.
        folder: For table and plot.
        own: A task and the matching step that the model has for it; None if none is told.
        renoise: Diffuse pictures to each time before they are restored.
        as_json: Give facts for programs.

    Raises:
        InputError: Too few pictures can be used, or the folder holds another table.
    """
    from undegrade.evaluation.clock import Clock
    from undegrade.evaluation.told.kept import AS_IT_IS, CURVES, RENOISED, CurveOf, keep_curve
    from undegrade.evaluation.told.matching import Renoising, search
    from undegrade.evaluation.told.plots import draw_curves

    files = folder / "matching.csv", folder / "matching.png"
    CURVES.read(files[0])  # what cannot be added to is told before the work
    make_folder(folder)
    renoising = Renoising(model.diffuse, pictures.seed) if renoise else None
    with Bar(1, lines=True) as bar:
        bar.begin("searching")
        tick = Clock(bar.advance, len(pictures) * model.times).tick
        found = search(model.restore, model.middles(pictures), model.times, renoising, tick)
    about = CurveOf(
        model.info.name,
        pictures.name,
        pictures.condition,
        RENOISED if renoise else AS_IT_IS,
        found.pictures,
    )
    curves = keep_curve(files[0], about, found.curve)
    draw_curves(curves, files[1])
    if as_json:
        json_result(_matching_facts(about, found, own) | {"files": [str(file) for file in files]})
        return
    result(_matching_table(about, found, own))
    if found.curve.is_flat:
        note("all times give the same: the network does not heed the time")
    if own is None:
        note("no line of the model's own step, as it has several and none is told; add --task TASK")
    note(f"a row for each time is in {files[0]}, a curve for each degradation in {files[1]}")


def _matching_table(about: "CurveOf", found: "Search", own: tuple[str, int] | None) -> str:
    from undegrade.evaluation.results.tables import markdown
    from undegrade.wording import counted

    def line(name: str, t: int | None, error: "Error | None") -> tuple[str, ...]:
        values = ("not searched", "") if error is None else (f"{error.l1:.3f}", f"{error.psnr:.2f}")
        return (name, "" if t is None else str(t), *values)

    curve = found.curve
    lines = [
        line("degraded, as it is", None, found.degraded),
        line("least L1", curve.best, curve.at(curve.best)),
        line("most PSNR", curve.best_psnr, curve.at(curve.best_psnr)),
    ]
    if own is not None:
        task, t = own
        lines.append(line(f"the model's own step for {task}", t, curve.at(t)))
    title = f"{about.model} on {about.data}, {about.degradation}, {about.variant}, "
    table = markdown(("", "t", "L1 of 255 ↓", "psnr dB ↑"), lines)
    return f"{title}{counted(about.pictures, 'picture')}\n\n{table}\n"


def _matching_facts(
    about: "CurveOf", found: "Search", own: tuple[str, int] | None
) -> dict[str, object]:
    curve = found.curve
    own_facts = None
    if own is not None:
        error = curve.at(own[1])
        values = None if error is None else error._asdict()
        own_facts = {"task": own[0], "t": own[1], "errors": values}
    return {
        **about._asdict(),
        "best": curve.best,
        "best_psnr": curve.best_psnr,
        "own": own_facts,
        "degraded": found.degraded._asdict(),
        "errors": [{"t": t, **error._asdict()} for t, error in enumerate(curve.errors, 1)],
    }


def analyse_experts(
    model: "ToldModel", pictures: "PictureSet", folder: Path, *, as_json: bool
) -> None:
    """See what routers give experts, then write, draw and tell.

    Args:
        model: A model that was told its task.
        pictures: What it is given.
        folder: For table and plot.
        as_json: Give facts for programs.

    Raises:
        UsageError: The model has no experts.
        InputError: Too few pictures can be used, or the folder holds another table.
    """
    from undegrade.evaluation.clock import Clock
    from undegrade.evaluation.told.experts import adapters_of, measure_shares
    from undegrade.evaluation.told.kept import SHARES, SharesOf, keep_shares
    from undegrade.evaluation.told.plots import draw_shares

    adapters_of(model)
    files = folder / "experts.csv", folder / "experts.png"
    SHARES.read(files[0])
    make_folder(folder)
    with Bar(1, lines=True) as bar:
        bar.begin("looking at routers")
        tick = Clock(bar.advance, len(pictures)).tick
        shares, count = measure_shares(model, model.middles(pictures), tick)
    about = SharesOf(model.info.name, pictures.name, model.method.task, pictures.condition, count)
    draw_shares(keep_shares(files[0], about, shares), files[1])
    if as_json:
        named = {"files": [str(file) for file in files]}
        json_result(about._asdict() | {"shares": shares} | named)
        return
    result(_experts_table(about, shares))
    note(f"all shares are in {files[0]}, a map of them in {files[1]}")


def _experts_table(about: "SharesOf", shares: "Shares") -> str:
    from undegrade.evaluation.results.tables import markdown
    from undegrade.wording import counted

    most = max(map(len, shares))
    head = ("level", *(f"expert {number}" for number in range(1, most + 1)))
    lines = [
        (str(level), *(f"{share:.3f}" for share in row)) for level, row in enumerate(shares, 1)
    ]
    title = f"{about.model} on {about.data}, {about.degradation}, {about.task}, "
    return f"{title}{counted(about.pictures, 'picture')}\n\n{markdown(head, lines)}\n"
