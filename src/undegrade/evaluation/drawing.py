"""Figures as PNG files; needs matplotlib, of the extra ``[metrics]``."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undegrade.errors import MissingExtraError
from undegrade.images.files import write_whole

Axes = Any  # matplotlib's classes are not followed
Figure = Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Those of Okabe and Ito, which colour-blind people tell apart."""

_STYLES = ("-", "--", ":", "-.")
_DPI = 100
_FAR = 10.0  # ratio from which on small values would be flat beside large ones


def check_drawing() -> None:
    """Refuse early what cannot be drawn in the end.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "drawing figures needs matplotlib", fix="install undegrade[metrics]"
        ) from error


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure.

    Args:
        size: Width and height in inches, of 100 pixels.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=_DPI, layout="constrained")


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})  # the same in any version
    write_whole(file, content.getvalue())


def colours(count: int) -> list[str]:
    """Return so many colours, the first ones again where there are not enough."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def styles(count: int) -> list[str]:
    """Return a style for each of so many lines: another one once :func:`colours` begins again."""
    return [_STYLES[index // len(COLOURS) % len(_STYLES)] for index in range(count)]


def stretch(panel: Axes, values: Sequence[float]) -> None:
    """Make the upright scale of a panel logarithmic where the values on it are far apart."""
    if min(values) <= 0 or max(values) < _FAR * min(values):
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
