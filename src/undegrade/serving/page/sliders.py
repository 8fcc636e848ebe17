"""A number beside a slider that somebody has cleared: Gradio fails over it, and fills the log."""

from functools import wraps

import gradio as gr


def heed_cleared_numbers() -> None:
    """Have a slider without a number stand where it stood at first, for all of this process.

    Gradio makes components anew from their class when they change, and writes files beside the
    source of classes derived from its own; so its own class is told.
    """
    heed = gr.Slider.preprocess
    if hasattr(heed, "__wrapped__"):
        return

    @wraps(heed)
    def preprocess(slider: gr.Slider, payload: float | None) -> float:
        number: float = heed(slider, slider.value if payload is None else payload)
        return number

    gr.Slider.preprocess = preprocess
