"""A tiny method and folders of its own for every test about models."""

from pathlib import Path

import pytest
import torch
from tiny_model import tiny_resflow

from undegrade.methods import Method, build_method, parse_options
from undegrade.zoo import ModelConfig, ModelEntry, save_model, store


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Empty folders for bundled and for pulled models."""
    bundled, home = tmp_path / "bundled", tmp_path / "home"
    bundled.mkdir()
    monkeypatch.setattr(store, "BUNDLED", bundled)
    monkeypatch.setenv("UNDEGRADE_HOME", str(home))
    monkeypatch.delenv("UNDEGRADE_OFFLINE", raising=False)
    return bundled, home / "models"


@pytest.fixture
def method() -> Method:
    """A method with weights that no initialisation would give."""
    torch.manual_seed(1)
    method = build_method(parse_options(tiny_resflow()))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.normal_()
    return method.eval()


@pytest.fixture
def config() -> ModelConfig:
    return ModelConfig(
        default_steps=3,
        tasks=("denoise", "dejpeg"),
        licence="CC-BY-4.0",
        summary="Small.",
        training_data="Ten drawings.",
        recipe={"name": "tiny", "seed": 5},
    )


@pytest.fixture
def saved(tmp_path: Path, method: Method, config: ModelConfig) -> ModelEntry:
    return save_model(tmp_path / "tiny", method, config)
