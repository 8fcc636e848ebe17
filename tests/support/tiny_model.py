"""The smallest methods there are, as the options that a recipe or a configuration holds."""

from typing import Any


def tiny_resflow(*, predict_aux: bool = True) -> dict[str, Any]:
    """Return options of a method with a few thousand parameters."""
    return {
        "name": "resflow",
        "predict_aux": predict_aux,
        "network": {
            "widths": [4, 6],
            "encoder_blocks": [1, 1],
            "decoder_blocks": [1, 1],
            "adaptor_widths": [2, 2],
            "embedding_dim": 4,
            "aux_channels": 3,
            "out_channels": 6 if predict_aux else 3,
        },
    }


def tiny_regression() -> dict[str, Any]:
    """Return options of the baseline, on the same network without an auxiliary variable."""
    network = tiny_resflow(predict_aux=False)["network"]
    del network["adaptor_widths"]
    return {"name": "regression", "network": network | {"aux_channels": 0}}


def tiny_dtpm(*, prior: bool = False) -> dict[str, Any]:
    """Return options of a diffusion texture prior, alone or with what guides it to a task."""
    shape = {
        "widths": [4, 6],
        "encoder_blocks": [1],
        "middle_blocks": 1,
        "decoder_blocks": [1],
    }
    options: dict[str, Any] = {
        "name": "dtpm",
        "network": shape | {"embedding_dim": 4, "semantic_width": 4},
        "predictor": None if prior else shape,
        "semantic": "small",
    }
    return options | ({"adapters": None} if prior else {})


def tiny_eedtp(*, experts: bool = False) -> dict[str, Any]:
    """Return options of a network that is taught by diffusion first; it knows ten tasks."""
    network = {
        "name": "nafnet",
        "widths": [4, 6],
        "encoder_blocks": [1],
        "middle_blocks": 1,
        "decoder_blocks": [1],
        "embedding_dim": 4,
    }
    mixture = {"count": 4, "top": 2, "reduction": 2, "router_width": 4} if experts else None
    return {"name": "eedtp", "network": network, "experts": mixture}


def tiny_prior() -> dict[str, Any]:
    """Return options of a diffusion of clean crops of 16 pixels."""
    network = {
        "widths": [4, 8],
        "encoder_blocks": [1, 1],
        "decoder_blocks": [1, 1],
        "embedding_dim": 4,
        "attention": True,
    }
    return {"name": "prior", "size": 16, "network": network}


def tiny_detector() -> dict[str, Any]:
    """Return options of a detector of two degradations."""
    network = {"widths": [6, 8], "hidden": 6}
    return {"name": "detector", "tasks": ["denoise", "brighten"], "network": network}
