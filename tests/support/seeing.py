"""A detector that can be predicted, which takes brightness for rain, and what stands in for it."""

import math
from pathlib import Path

import numpy as np
import torch
from tiny_model import tiny_eedtp, tiny_resflow

from undegrade.methods import Method, build_method, parse_options
from undegrade.methods.detector import Detector, DetectorOptions
from undegrade.zoo import DEFAULT_MODEL, DETECTOR, ModelConfig, save_model, store

TASKS = ("derain", "dehaze")
SURE_NOT = -6.0
"""Logit of haze, whatever the picture."""

BRIGHT, MIDDLE, DARK = 242, 128, 13
"""Levels in which that detector sees rain for sure, who knows what, and nothing for sure."""


def flat(level: int, height: int = 80, width: int = 96) -> np.ndarray:
    """Return a picture of one level."""
    return np.full((height, width, 3), level, np.uint8)


def batch(*levels: int) -> torch.Tensor:
    """Return a batch of such pictures."""
    return torch.stack([torch.full((3, 64, 64), level / 255) for level in levels])


def seeing_light(*, steep: float = 30.0) -> Detector:
    """Return a detector whose logit of rain is ``steep * log(r + 0.5)`` for an even red r."""
    values = {"tasks": TASKS, "network": {"widths": [6], "hidden": 4}}
    method = Detector(DetectorOptions.model_validate(values)).eval()
    network = method.network
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.zero_()
        network.norm.scale.fill_((1 + 1e-3) ** 0.5)  # what is added to variances
        level = network.near.levels[0]
        for convolution in (level.enter, level.look):
            convolution.weight[0, 0, 1, 1] = 1  # the mean of red is the first statistic
        level.enter.bias[0] = 1  # from 2 r - 1 to what is not negative
        hidden, _, answers = network.head
        hidden.weight[0, 0], hidden.bias[0] = steep, 50  # far on the right, SiLU gives what it gets
        answers.weight[0, 0] = 1
        answers.bias.copy_(torch.tensor([-50 - steep * math.log(2), SURE_NOT]))
    return method


def bundle_seeing() -> Path:
    """Make that detector the one of this machine; return its folder."""
    return save_model(store.BUNDLED / DETECTOR, seeing_light(), ModelConfig()).folder


def bundle_general() -> Path:
    """Make a tiny untrained model of two steps the general one; return its folder."""
    method = build_method(parse_options(tiny_resflow()))
    torch.manual_seed(1)
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    config = ModelConfig(tasks=("denoise", "dejpeg"), default_steps=2)
    return save_model(store.BUNDLED / DEFAULT_MODEL, method, config).folder


def told_method() -> Method:
    """Return a tiny untrained method that has to be told one of ten tasks."""
    method = build_method(parse_options(tiny_eedtp()))
    torch.manual_seed(0)
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return method
