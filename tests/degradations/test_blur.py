"""Kernels have the shape, the size and the sum that their numbers say."""

from pathlib import Path

import numpy as np
import pytest
from pictures import degrade, distance, scenery
from scipy.io import savemat

from undegrade.degradations import Chain
from undegrade.degradations.kernels import aperture_kernel, measured_kernels, trajectory_kernel
from undegrade.errors import InputError, UsageError
from undegrade.randomness import generator
from undegrade.srgb import decode_srgb


@pytest.mark.parametrize("radius", [0.1, 1.0, 3.7, 12.0])
@pytest.mark.parametrize("blades", [0, 5, 8])
def test_an_aperture_has_its_area(radius: float, blades: int) -> None:
    kernel = aperture_kernel(radius, blades, rotation=0.3)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.shape[0] % 2 == 1
    if radius >= 1:
        area = np.pi * radius**2
        if blades:
            area = blades / 2 * radius**2 * np.sin(2 * np.pi / blades)
        assert 1 / kernel.max() == pytest.approx(area, rel=0.06, abs=0.7)


def test_a_straight_path_has_its_length() -> None:
    kernel = trajectory_kernel(generator(0), length=20, bending=0)
    rows, columns = np.nonzero(kernel > 0)
    weights = kernel[rows, columns]
    centre = np.array([(rows * weights).sum(), (columns * weights).sum()])
    assert kernel.sum() == pytest.approx(1)
    assert np.allclose(centre, len(kernel) // 2, atol=0.01)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(20, abs=2.5)


def test_a_path_keeps_its_shape_as_it_grows() -> None:
    small, large = (trajectory_kernel(generator(4), length, 2.0) for length in (10, 40))

    def direction(kernel: np.ndarray) -> np.ndarray:
        axis = np.arange(len(kernel)) - len(kernel) // 2
        covariance = np.array(
            [
                [(kernel * axis[:, None] ** 2).sum(), (kernel * np.outer(axis, axis)).sum()],
                [0, (kernel * axis**2).sum()],
            ]
        )
        return covariance / np.trace(covariance)

    np.testing.assert_allclose(direction(small), direction(large), atol=0.03)


def test_light_is_kept_and_not_the_numbers() -> None:
    hq = np.zeros((41, 41, 3), np.float32)
    hq[20, 20] = 1
    blurred = degrade("defocus:radius=3", hq)
    assert decode_srgb(blurred).sum() == pytest.approx(3, rel=1e-3)
    assert blurred.max() > 2 * decode_srgb(blurred).max()


def test_two_blades_are_no_aperture() -> None:
    with pytest.raises(UsageError, match="3 to 12"):
        degrade("defocus:blades=2", scenery())


def matlab_file(path: Path) -> Path:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.ones((3, 3)), np.eye(4)
    savemat(path, {"kernels": cells, "note": np.zeros((2, 5))})
    return path


def test_measured_kernels_become_odd_and_sum_to_one(tmp_path: Path) -> None:
    kernels = measured_kernels(matlab_file(tmp_path / "k.mat"))
    assert [kernel.shape for kernel in kernels] == [(3, 3), (5, 5)]
    assert all(kernel.sum() == pytest.approx(1) for kernel in kernels)


def test_measured_kernels_of_the_newer_format(tmp_path: Path) -> None:
    """Version 7.3 is HDF5 behind a header of its own; cells are references, and all is turned."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "new.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["#refs#/a"] = np.arange(9.0).reshape(3, 3)
        cells = file.create_dataset("kernels", (1, 1), dtype=h5py.ref_dtype)
        cells[0, 0] = file["#refs#/a"].ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    (kernel,) = measured_kernels(path)
    np.testing.assert_allclose(kernel, np.arange(9.0).reshape(3, 3).T / 36, atol=1e-6)


def test_a_kernel_is_chosen_or_drawn(tmp_path: Path) -> None:
    hq, file = scenery(), matlab_file(tmp_path / "k.mat")
    first, second = (degrade(f"kernel-blur:file={file},index={n}", hq) for n in (0, 1))
    drawn = [degrade(f"kernel-blur:file={file}", hq, seed) for seed in range(6)]
    assert {np.array_equal(picture, first) for picture in drawn} == {True, False}
    assert all(np.array_equal(p, first) or np.array_equal(p, second) for p in drawn)
    shares = [
        distance(degrade(f"kernel-blur:file={file},index=0,severity={s}", hq), hq)
        for s in (0, 0.5, 1)
    ]
    assert shares == sorted(shares, reverse=True)


def test_what_is_no_kernel_is_refused(tmp_path: Path) -> None:
    hq = scenery()
    with pytest.raises(UsageError, match="file="):
        degrade("kernel-blur", hq)
    with pytest.raises(UsageError, match="below 2"):
        degrade(f"kernel-blur:file={matlab_file(tmp_path / 'k.mat')},index=2", hq)
    with pytest.raises(InputError, match="does not exist"):
        measured_kernels(tmp_path / "missing.mat")
    (tmp_path / "text.mat").write_text("no kernels here")
    with pytest.raises(InputError, match="cannot be read"):
        measured_kernels(tmp_path / "text.mat")
    savemat(tmp_path / "none.mat", {"note": np.zeros((2, 5))})
    with pytest.raises(InputError, match="holds no kernel"):
        measured_kernels(tmp_path / "none.mat")


def test_the_record_says_which_kernel_was_drawn(tmp_path: Path) -> None:
    """And makes the same picture again, with the same noise after it."""
    hq, file = scenery(), matlab_file(tmp_path / "k.mat")
    chain = Chain.parse([f"kernel-blur:file={file}", "noise"])
    records = {seed: chain.draw(generator(seed)) for seed in range(6)}
    assert {str(record).partition(",index=")[2][0] for record in records.values()} == {"0", "1"}
    for seed, record in records.items():
        again = Chain.parse(record.texts).apply(hq, generator(seed))
        assert np.array_equal(again, chain.apply(hq, generator(seed)))
