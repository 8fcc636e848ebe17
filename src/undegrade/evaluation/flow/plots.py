"""Figures of what an analysis of a flow finds; needs matplotlib, of the extra ``[metrics]``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from undegrade.degradations import Image
from undegrade.evaluation.drawing import COLOURS, Axes, colours, new_figure, save_figure
from undegrade.evaluation.flow.analysis import Strip
from undegrade.evaluation.flow.figures import FlowFigures, Numbers
from undegrade.wording import counted

_SIZE = (20, 9)  # inches

_LEAST_SIGMA = 0.01
"""Below this what is needed is not drawn: a `y` of few entries could make up for nothing."""


def draw_figures(figures: FlowFigures, file: Path) -> None:
    """Draw all curves of an analysis into one PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    figure = new_figure(_SIZE)
    figure.suptitle(
        f"{figures.title}, {figures.patches} patches of 2x2 pixels; {figures.companion}"
    )
    panels = figure.subplots(2, 4)
    drawn = (
        (_draw_information, _draw_gain, _draw_entropies, _draw_sums),
        (_draw_sigma, _draw_estimates, _draw_states, _draw_straightness),
    )
    for row, draws in zip(panels, drawn, strict=True):
        for panel, draw in zip(row, draws, strict=True):
            draw(panel, figures)
    for panel in panels.flat:
        if panel.has_data():
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)
    save_figure(figure, file)


def draw_strip(strip: Strip, file: Path) -> None:
    """Draw the pictures of a walk into one PNG: states above, estimates below, the truth last.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    columns = len(strip.states)
    height, width = strip.hq.shape[:2]
    figure = new_figure((2.4 * columns, 2 * (2.4 * height / width + 0.2) + 0.3))
    figure.suptitle(f"{strip.name}: from degraded (t = 1) to clean (t = 0)")
    panels = figure.subplots(2, columns)
    for panel in panels.flat:
        panel.set_axis_off()
    for column, (t, state) in enumerate(zip(strip.times, strip.states, strict=True)):
        _show(panels[0][column], state, f"x_t, t = {t:.3g}")
    for column, (t, estimate) in enumerate(zip(strip.times[:-1], strip.estimates, strict=True)):
        _show(panels[1][column], estimate, f"estimate of x_0 at t = {t:.3g}")
    _show(panels[1][-1], strip.hq, "truth x_0")
    save_figure(figure, file)


_KINDS = {"drawn": "y as restoring draws it", "recognised": "y recognised from both ends"}
_SHUFFLED = "the same, y of other patches"


def _draw_information(panel: Axes, figures: FlowFigures) -> None:
    curves = figures.information
    lines, dashed = {"I(x_t; x_0)": curves.x}, []
    for name, told in curves.tellings.items():
        kind = f", {_KINDS[name]}" if curves.recognised else ""
        lines[f"I((x_t, y_t); x_0){kind}"] = told.joint
        dashed.append(f"{_SHUFFLED}{kind}")
        lines[dashed[-1]] = told.shuffled
    _lines(panel, curves.times, lines, dashed)
    _name(panel, "Mutual information with the clean patch", "nats for each patch")


def _draw_gain(panel: Axes, figures: FlowFigures) -> None:
    curves = figures.information
    title = "What y_t says of x_0 beyond x_t"
    gains = {
        _KINDS[name] if curves.recognised else "with y_t less with y of other patches": told.gain
        for name, told in curves.tellings.items()
    }
    if not gains:
        _leave_out(panel, title, "the model has no y")
        return
    _lines(panel, curves.times, gains)
    panel.axhline(0, color="black", lw=1)
    # At least so high, so that noise looks like what it is.
    furthest = max(0.1, *(1.2 * abs(value) for gain in gains.values() for value in gain))
    panel.set_ylim(-furthest, furthest)
    _name(panel, title, "nats for each patch")


def _draw_entropies(panel: Axes, figures: FlowFigures) -> None:
    curves = figures.entropies
    panel.plot(curves.times, curves.x, "o-", color="black", label="x_t, estimated")
    _lines(panel, curves.times, {f"y_t, {kind}": values for kind, values in curves.y.items()})
    title = "Entropy of x_t and of y_t by schedule" if curves.y else "Entropy of x_t"
    _name(panel, title, "nats for each dimension")


def _draw_sums(panel: Axes, figures: FlowFigures) -> None:
    curves, title = figures.entropies, "h(x_t) + h(y_t): flat where preserved"
    lines = {f"{kind}: drift {curves.drift[kind]:.2f}": curves.total[kind] for kind in curves.total}
    if not lines:
        _leave_out(panel, title, "no y, or none that has a density")
        return
    _lines(panel, curves.times, lines)
    _name(panel, title, "nats for each dimension")


def _draw_sigma(panel: Axes, figures: FlowFigures) -> None:
    curves, title = figures.entropies, "Standard deviation sigma(t) of y_t"
    if not curves.sigma:
        _leave_out(panel, title, "no y, or none that has a density")
        return
    least, most = min(curves.needed_sigma), max(curves.needed_sigma)
    if least > _LEAST_SIGMA and most < 1 / _LEAST_SIGMA:
        needed = "needed to preserve entropy"
        panel.plot(curves.times, curves.needed_sigma, "o-", color="black", label=needed)
    _lines(panel, curves.times, curves.sigma)
    _name(panel, title, "sigma")


def _draw_estimates(panel: Axes, figures: FlowFigures) -> None:
    _draw_walks(panel, figures, {walk.steps: walk.estimate for walk in figures.walks})
    _name(panel, "PSNR of the running estimate of x_0", "dB")
    panel.set_xlabel("number of the step")


def _draw_states(panel: Axes, figures: FlowFigures) -> None:
    _draw_walks(panel, figures, {walk.steps: walk.state for walk in figures.walks})
    input_psnr = figures.input_psnr
    panel.axhline(input_psnr, color="black", ls=":", label=f"degraded: {input_psnr:.2f} dB")
    _name(panel, "PSNR of the state x_t", "dB")
    panel.set_xlabel("number of the step")


def _draw_walks(panel: Axes, figures: FlowFigures, curves: dict[int, Numbers]) -> None:
    from matplotlib.ticker import MaxNLocator

    for colour, (steps, values) in zip(colours(len(figures.walks)), curves.items(), strict=True):
        label = f"{counted(steps, 'step')}: ends at {values[-1]:.2f} dB"
        panel.plot(range(1, len(values) + 1), values, "o-", color=colour, label=label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_straightness(panel: Axes, figures: FlowFigures) -> None:
    straight = figures.straightness
    label = (
        f"mean {straight.mean_deviation:.3f}; S = {straight.absolute:.2e}\n"
        f"length / distance = {straight.length_ratio:.3f}"
    )
    panel.plot(straight.times, straight.deviation, "o-", color=COLOURS[0], label=label)
    panel.set_ylim(bottom=0)
    _name(panel, f"Bend of the walk in {straight.steps} steps: 0 is straight", "|c - v|² / |c|²")
    panel.invert_xaxis()
    panel.set_xlabel("time t (the walk goes from 1 to 0)")


def _lines(
    panel: Axes,
    times: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    dashed: Sequence[str] = (),
) -> None:
    for colour, (label, values) in zip(colours(len(lines)), lines.items(), strict=True):
        style = "--" if label in dashed else "-"
        panel.plot(times, values, style, marker=".", color=colour, label=label)


def _name(panel: Axes, title: str, unit: str) -> None:
    panel.set_title(title, fontsize=11)
    panel.set_xlabel("time t (0 clean, 1 degraded)")
    panel.set_ylabel(unit)


def _leave_out(panel: Axes, title: str, why: str) -> None:
    """Leave a panel empty and say why."""
    panel.set_title(title, fontsize=11)
    panel.set_axis_off()
    panel.text(0.5, 0.5, why, ha="center", va="center", transform=panel.transAxes)


def _show(panel: Axes, picture: Image, title: str) -> None:
    panel.imshow(picture, vmin=0, vmax=1, interpolation="nearest")
    panel.set_title(title, fontsize=9)
