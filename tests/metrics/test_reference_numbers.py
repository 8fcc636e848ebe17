"""Measures that libraries compute, on fixed pairs, against other programs and the papers' formulas.

The numbers of other programs were computed once, of the same levels: sewar 0.4.10
(``vifp(hq, restored)``), pytorch-msssim 1.0.0 (``ms_ssim`` in double precision) and piqa 1.3.2
(``GMSD``, ``HaarPSI`` and ``FSIM`` with their defaults). None of them computes ours: that is
torchmetrics for VIF and MS-SSIM and piq for the others.
"""

import numpy as np
import paper_measures
import pytest
import torch
from fixed_pairs import fixed_pair

from undegrade.metrics.catalogue import METRICS

SIDE = 192


def ours(name: str, kind: str) -> float:
    restored, hq = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in fixed_pair(kind, SIDE))
    return float(METRICS[name](restored, hq))


def of_paper(name: str, kind: str, side: int = SIDE) -> float:
    restored, hq = (one.astype(np.float64) for one in fixed_pair(kind, side))
    return float(getattr(paper_measures, name)(restored, hq))


@pytest.mark.parametrize(
    ("kind", "sewar"), [("noise", 0.254091), ("blur", 0.404835), ("fade", 0.716694)]
)
def test_vif_is_that_of_sewar(kind: str, sewar: float) -> None:
    assert ours("vif", kind) == pytest.approx(sewar, abs=2e-4)  # single precision


@pytest.mark.parametrize(
    ("kind", "without_mirror"), [("noise", 0.845362), ("blur", 0.967020), ("fade", 0.839295)]
)
def test_ms_ssim_is_that_of_its_paper(kind: str, without_mirror: float) -> None:
    """Pytorch-msssim mirrors no border at the coarsest scale, and multiplies colour by colour."""
    assert ours("ms-ssim", kind) == pytest.approx(of_paper("ms_ssim", kind), abs=2e-5)
    assert ours("ms-ssim", kind) == pytest.approx(without_mirror, abs=1e-3)


PIQA = {
    ("gmsd", "noise"): 0.116239,
    ("gmsd", "blur"): 0.074660,
    ("gmsd", "fade"): 0.090471,
    ("haarpsi", "noise"): 0.709493,
    ("haarpsi", "blur"): 0.840089,
    ("haarpsi", "fade"): 0.746688,
    ("fsim", "noise"): 0.763964,
    ("fsim", "blur"): 0.871511,
    ("fsim", "fade"): 0.886850,
}


@pytest.mark.parametrize(("name", "kind"), PIQA)
def test_the_formulas_of_papers_agree_with_piqa(name: str, kind: str) -> None:
    """What piq is checked against in ``test_gradients`` is itself checked, without piq."""
    assert of_paper(name, kind) == pytest.approx(PIQA[name, kind], abs=1e-3)


def test_fsim_of_larger_pictures_is_of_256_pixels() -> None:
    assert of_paper("fsim", "noise", 512) == pytest.approx(0.912556, abs=1e-3)
