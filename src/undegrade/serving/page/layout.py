"""The page's components, and how they hang together."""

from pathlib import Path

import gradio as gr

from undegrade import __version__
from undegrade.inference.options import MIN_TILE
from undegrade.serving.options import Limits
from undegrade.serving.page import controls
from undegrade.serving.page.actions import PageActions
from undegrade.serving.page.controls import LABELS
from undegrade.serving.page.sessions import PageSessions
from undegrade.serving.page.showing import HIDDEN
from undegrade.serving.page.wiring import Parts, Wiring
from undegrade.tasks import degradation_of

EXAMPLES = Path(__file__).parent / "examples"

_FORMATS = [("As the photo", "keep"), *((name.upper(), name) for name in ("jpeg", "png", "tiff"))]
_MORE_FORMATS = [("WebP", "webp"), ("AVIF", "avif"), ("HEIC", "heic")]


def build(actions: PageActions, sessions: PageSessions, limits: Limits) -> gr.Blocks:
    """Return the page.

    Args:
        actions: Does what is asked for.
        sessions: Who has the page open.
        limits: What can be asked for at most.
    """
    hours = limits.keep_hours
    with gr.Blocks(
        title="undegrade", analytics_enabled=False, delete_cache=(600, int(3600 * hours))
    ) as blocks:
        gr.HTML(_head(), elem_id="top")
        parts: Parts = {}
        buttons: dict[Path, gr.Button] = {}
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=5, min_width=300, elem_id="ask"):
                _photo(parts, buttons)
                _options(parts, limits)
                _buttons(parts)
            with gr.Column(scale=8, min_width=300, elem_id="answer"):
                _answer(parts)
        gr.HTML(_foot(hours), elem_id="foot")
        Wiring(parts, actions, sessions).connect(blocks, buttons)
    blocks.queue(default_concurrency_limit=None)
    return blocks


def _head() -> str:
    return (
        "<header><h1>undegrade</h1><p>A photo goes in, the same photo without its degradation "
        "comes out.</p></header>"
    )


def _foot(hours: float) -> str:
    return (
        f"<footer><p>undegrade {__version__}. Photos go to this server and nowhere else. "
        f"It keeps photos and results for {hours:g} h at most. Reloading or leaving the page lets "
        "go of the photo and of its result: download before what is to stay.</p></footer>"
    )


def _photo(parts: Parts, buttons: dict[Path, gr.Button]) -> None:
    parts["photo"] = gr.File(label="Photo", height=150, elem_id="photo")
    with gr.Accordion("Examples", open=True, elem_id="examples"), gr.Row(elem_id="example-row"):
        for name, file in examples().items():
            buttons[file] = gr.Button(name, icon=file, size="sm", elem_classes="example")
    parts["seen"] = gr.HTML("", elem_id="seen")


def examples() -> dict[str, Path]:
    """Return the example photos by what people call that which they suffer from."""
    files = {file.stem: file for file in EXAMPLES.iterdir()}
    return {name: files[degradation_of(task)] for task, name in controls.NAMES.items()}


def _options(parts: Parts, limits: Limits) -> None:
    with gr.Group():
        parts["task"] = gr.Dropdown(
            controls.tasks(), value="auto", label=LABELS["task"], filterable=False
        )
        parts["variants"] = gr.Slider(
            1,
            limits.max_variants,
            value=1,
            step=1,
            label=LABELS["variants"],
            info="Restorations that differ; each takes its time.",
            buttons=[],
        )
        parts["uncertainty"] = gr.Checkbox(
            label=LABELS["uncertainty"],
            info="A map of where restorations differ; takes longer.",
        )
    with gr.Accordion("More options", open=False, elem_id="more"):
        _model_options(parts, limits)
        _file_options(parts)


def _model_options(parts: Parts, limits: Limits) -> None:
    parts["model"] = gr.Dropdown(
        controls.models(), value="auto", label=LABELS["model"], filterable=False
    )
    # No number fields: Gradio makes 0 of an empty one when it is unfolded.
    parts["steps"] = gr.Textbox(
        "",
        label=LABELS["steps"],
        info=f"How often the network looks at the photo, at most {limits.max_steps}.",
        placeholder="the model's own",
        max_lines=1,
    )
    parts["sampler"] = gr.Dropdown(
        controls.samplers(),
        value="",
        label=LABELS["sampler"],
        info="How the way from the photo to the result is gone. Not every model has a choice.",
        filterable=False,
    )
    parts["texture"] = gr.Slider(
        0,
        1,
        value=1,
        step=0.05,
        label=LABELS["texture"],
        info="How much of the drawn fine structure is added.",
        visible=HIDDEN,
        buttons=[],
    )
    parts["seed"] = gr.Number(
        0, label=LABELS["seed"], info="The same number gives the same picture.", precision=0
    )
    parts["deterministic"] = gr.Checkbox(
        label=LABELS["deterministic"],
        info="The mean of many restorations: smoother, whatever the seed.",
    )
    parts["tile_size"] = gr.Textbox(
        "",
        label=LABELS["tile_size"],
        info="A large photo is restored in parts: the longest side of one in pixels, at least "
        f"{MIN_TILE}. Smaller ones need less memory.",
        placeholder="by the memory there is",
        max_lines=1,
    )


def _file_options(parts: Parts) -> None:
    parts["format"] = gr.Dropdown(
        _FORMATS + _MORE_FORMATS, value="keep", label=LABELS["format"], filterable=False
    )
    parts["quality"] = gr.Slider(
        1,
        100,
        value=95,
        step=1,
        label=LABELS["quality"],
        info="Of JPEG, WebP, AVIF and HEIC.",
        buttons=[],
    )
    parts["strip_metadata"] = gr.Checkbox(
        label=LABELS["strip_metadata"], info="EXIF, place, camera and the like; else they are kept."
    )
    parts["page"] = gr.Textbox(
        "",
        label=LABELS["page"],
        info="Of a file that has several.",
        placeholder="the only",
        max_lines=1,
    )


def _buttons(parts: Parts) -> None:
    with gr.Row(elem_id="buttons"):
        parts["restore"] = gr.Button("Restore", variant="primary", elem_id="restore", scale=3)
        parts["cancel"] = gr.Button("Cancel", interactive=False, elem_id="cancel", scale=1)
    parts["status"] = gr.HTML("", elem_id="status")
    parts["progress"] = gr.HTML("", elem_id="progress")


def _answer(parts: Parts) -> None:
    parts["empty"] = gr.HTML(
        "<p>The photo appears here, and beside it what came of it.</p>", elem_id="empty"
    )
    parts["before"] = gr.Image(
        label="Your photo",
        interactive=False,
        visible=HIDDEN,
        buttons=["fullscreen"],
        height=520,
        elem_id="before",
    )
    with gr.Column(elem_id="results"):  # seen as long as there is something to download
        parts["compare"] = gr.ImageSlider(
            label="Left: before. Right: restored",
            type="filepath",
            interactive=False,
            buttons=["fullscreen"],
            max_height=640,
            elem_id="compare",
        )
        parts["right"] = gr.Radio([], label="On the right", visible=HIDDEN, elem_id="right")
        parts["files"] = gr.HTML("", elem_id="files")
        parts["variants_shown"] = gr.Gallery(
            label="Variants side by side",
            object_fit="contain",
            height="auto",
            interactive=False,
            buttons=["fullscreen"],
            visible=HIDDEN,
            elem_id="variants",
        )
        _detail(parts)
        parts["still"] = gr.HTML("", elem_id="still")
        parts["numbers"] = gr.HTML("", elem_id="numbers")
    parts["command"] = gr.Textbox(
        "undegrade restore photo.jpg",
        label="The same on the command line",
        lines=1,
        max_lines=4,
        interactive=False,
        buttons=["copy"],
        elem_id="command",
    )


def _detail(parts: Parts) -> None:
    with gr.Accordion(
        "A part in full resolution", open=False, visible=HIDDEN, elem_id="detail-fold"
    ) as parts["detail_fold"]:
        gr.HTML('<p class="quiet">A click on the picture above shows the part around it.</p>')
        with gr.Row():
            parts["across"] = gr.Slider(
                0, 100, 50, step=1, label="From left, %", buttons=[], elem_id="across"
            )
            parts["down"] = gr.Slider(
                0, 100, 50, step=1, label="From top, %", buttons=[], elem_id="down"
            )
        parts["look"] = gr.Button("Show this part", size="sm", elem_id="look")
        parts["detail"] = gr.ImageSlider(
            label="Left: before. Right: after",
            type="filepath",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="detail",
        )
