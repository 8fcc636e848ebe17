"""`undegrade evaluate --analyse h-space`: what changes in the middle of a prior do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.progress import Bar
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from torch import Tensor

    from undegrade.evaluation.candidates.base import Candidate
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.prior.denoising import PriorModel
    from undegrade.evaluation.prior.h_kept import ViewOf
    from undegrade.evaluation.prior.h_space import AtTime, Basis

_WALK = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # standard deviations, from left to right


def analyse_h_space(
    model: "PriorModel",
    candidates: "Sequence[Candidate]",
    pictures: "PictureSet",
    folder: Path,
    *,
    as_json: bool,
) -> None:
    """Change the middle along its principal components, then write, draw and tell.

    Args:
        model: The prior.
        candidates: What restores the pictures.
        pictures: What the prior is shown, clean, degraded and restored.
        folder: For tables, plot and pictures.
        as_json: Give facts for programs.

    Raises:
        InputError: Too few pictures can be used, or the folder holds another table.
    """
    from undegrade.evaluation.clock import Clock
    from undegrade.evaluation.prior.h_kept import CHANGES, DISTANCES, keep_changes, keep_distances
    from undegrade.evaluation.prior.h_plots import draw_changes, draw_walks
    from undegrade.evaluation.prior.h_space import TIMES, find_basis, look, measure
    from undegrade.evaluation.prior.kept import CLEAN

    called = ("h-space.csv", "h-distance.csv", "h-space.png", "h-pictures.png")
    files = tuple(folder / name for name in called)
    for table, file in zip((CHANGES, DISTANCES), files[:2], strict=True):
        table.read(file)  # what cannot be added to is told before the work
    make_folder(folder)
    degraded = pictures.condition != CLEAN
    kinds = 1 + degraded + len(candidates)
    side, seed = model.method.size, pictures.seed
    with Bar(1, lines=True) as bar:
        bar.begin("looking at the middle")
        tick = Clock(bar.advance, len(pictures) * (1 + kinds * len(TIMES))).tick
        looks = look(side, pictures, candidates, degraded=degraded, seed=seed, tick=tick)
        bases = [find_basis(model, looks.crops, t) for t in TIMES]
        found = [measure(model, looks.views, basis, tick=tick) for basis in bases]
    about = _views(model.name, pictures, [one.name for one in candidates], len(looks.views[0]))
    draw_changes(keep_changes(files[0], about, found), files[2])
    keep_distances(files[1], about, found)
    names = [_kind(key, not index).replace(" by ", " by\n") for index, key in enumerate(about)]
    rows = _walks(model, dict(zip(names, looks.views, strict=True)), bases[-1])
    heads = ["shown", *(f"{far:+g}" if far else "unchanged" for far in _WALK)]
    title = f"clean picture seen at t = {bases[-1].t}, changed by so many standard deviations"
    draw_walks(rows, heads, title, files[3])
    if as_json:
        json_result(_facts(about, found) | {"files": [str(file) for file in files]})
        return
    result(_table(about, found, len(looks.crops)))
    note(f"a row for each component and change is in {files[0]}, distances in {files[1]}")
    note(f"curves are in {files[2]}, one picture under change in {files[3]}")


def _views(
    model: str, pictures: "PictureSet", restorers: Sequence[str], count: int
) -> "list[ViewOf]":
    from undegrade.evaluation.prior.h_kept import ViewOf
    from undegrade.evaluation.prior.kept import CLEAN

    clean = ViewOf(model, pictures.name, CLEAN, "", count)
    degraded = clean._replace(degradation=pictures.condition)
    restored = [degraded._replace(restorer=name) for name in restorers]
    return [clean, *([degraded] if degraded != clean else []), *restored]


def _walks(
    model: "PriorModel", views: "Mapping[str, Tensor]", basis: "Basis"
) -> "list[tuple[str, Tensor]]":
    """Return a row of pictures for each component and kind: the first picture under change."""
    import torch

    from undegrade.evaluation.prior.h_space import WALKED, walk

    return [
        (
            f"{name}\ncomponent {number + 1}",
            torch.cat([view[:1], walk(model, view[0], basis, number, _WALK)]),
        )
        for name, view in views.items()
        for number in range(min(WALKED, len(basis.directions)))
    ]


def _kind(about: "ViewOf", clean: bool) -> str:
    if about.restorer:
        return f"restored by {about.restorer}"
    return "clean" if clean else "degraded"


def _facts(about: "Sequence[ViewOf]", found: "Sequence[AtTime]") -> dict[str, object]:
    from undegrade.evaluation.prior.h_space import SIZES

    return {
        **about[-1]._replace(restorer="")._asdict(),
        "deviations": SIZES,
        "times": [
            {
                "t": at.t,
                "shares": at.shares,
                "between": at.between,
                "kinds": [
                    {"kind": _kind(key, not index), **view._asdict()}
                    for index, (key, view) in enumerate(zip(about, at.views, strict=True))
                ],
            }
            for at in found
        ],
    }


def _table(about: "Sequence[ViewOf]", found: "Sequence[AtTime]", crops: int) -> str:
    from undegrade.evaluation.prior.h_space import SIZES
    from undegrade.evaluation.results.tables import markdown
    from undegrade.wording import counted

    head = ("t", "pictures", *(f"change at {size:g} σ" for size in SIZES), "distance", "/ between")
    lines = []
    for at in found:
        for index, (key, view) in enumerate(zip(about, at.views, strict=True)):
            changes = [f"{fmean(sizes):.2e}" for sizes in zip(*view.picture, strict=True)]
            beside = f"{view.distance / max(at.between, 1e-30):.3f}"
            away = (f"{view.distance:.3e}", beside) if index else ("", "")
            lines.append((str(at.t), _kind(key, not index), *changes, *away))
    last = about[-1]
    components = counted(len(found[0].shares), "component")
    title = (
        f"{last.model} on {last.data}, {last.degradation}, mean squared change of the clean "
        f"picture, {components} of {counted(crops, 'crop')}, {counted(last.pictures, 'picture')}"
    )
    return f"{title}\n\n{markdown(head, lines)}\n"
