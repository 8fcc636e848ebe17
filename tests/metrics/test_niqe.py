"""NIQE through pyiqa, with made-up statistics of clean pictures for its published ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from undegrade.metrics import published_weights as published
from undegrade.metrics.catalogue import METRICS

pytest.importorskip("pyiqa", reason="undegrade[pyiqa] is not installed")


def test_niqe_looks_at_the_restored_picture_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    file = replace(published.NIQE, sha256="")
    file.path.parent.mkdir(parents=True)
    savemat(file.path, {"mu_prisparam": np.ones((1, 36)), "cov_prisparam": np.eye(36)})
    monkeypatch.setattr(published, "NIQE", file)
    pictures = torch.rand(2, 3, 200, 220, generator=torch.Generator().manual_seed(0))
    numbers = METRICS["niqe"](pictures, torch.zeros_like(pictures))
    assert numbers.shape == (2,)
    assert (numbers > 0).all()
    alone = METRICS["niqe"](pictures[:1], pictures[1:])
    assert float(alone) == pytest.approx(float(numbers[0]), rel=1e-3)
