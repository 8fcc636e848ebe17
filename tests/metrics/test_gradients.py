"""What piq computes, against the papers' formulas, which ``test_reference_numbers`` checks."""

import numpy as np
import paper_measures
import pytest
import torch
from fixed_pairs import KINDS, fixed_pair

from undegrade.metrics.catalogue import METRICS

pytest.importorskip("piq", reason="undegrade[perceptual] is not installed")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "side"), [("gmsd", 192), ("haarpsi", 192), ("fsim", 192), ("fsim", 512)]
)
def test_they_are_what_their_papers_say(name: str, side: int, kind: str) -> None:
    pair = fixed_pair(kind, side)
    found = float(METRICS[name](*(torch.from_numpy(one).permute(2, 0, 1)[None] for one in pair)))
    expected = getattr(paper_measures, name)(*(one.astype(np.float64) for one in pair))
    assert found == pytest.approx(expected, abs=1e-3)
