"""Measures written down from their papers in double precision, as slow and as plain as can be.

They share no line with the libraries that compute ours. Pictures are ``(H, W, 3)``, RGB, levels
from 0 to 255, of even sides. Borders are those of the authors' own programs.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate, gaussian_filter
from scipy.special import expit, logit

Plane = npt.NDArray[np.float64]

_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def gmsd(restored: Plane, hq: Plane) -> float:
    """Xue, Zhang, Mou & Bovik, IEEE TIP 2014: equations 1 to 6, with c = 170."""
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    one, other = (_gradient(_halved(_yiq(part)[0]), prewitt) for part in (restored, hq))
    return float(_likeness(one, other, 170).std())


def haarpsi(restored: Plane, hq: Plane) -> float:
    """Reisenhofer, Bosse, Kutyniok & Wiegand, 2018: equations 9 to 13, C = 30, alpha = 4.2."""
    planes = [[_halved(plane) for plane in _yiq(part)] for part in (restored, hq)]
    similarities, weights = [], []
    for turned in (False, True):
        bands = [[_haar(luma, scale, turned) for scale in (1, 2, 3)] for luma, *_ in planes]
        fine = [_likeness(*(abs(part[scale]) for part in bands), 30) for scale in (0, 1)]
        similarities.append(sum(fine) / 2)
        weights.append(np.maximum(*(abs(part[2]) for part in bands)))
    smooth = [[abs(_filtered(plane, np.full((2, 2), 0.25))) for plane in part] for part in planes]
    similarities.append(sum(_likeness(smooth[0][c], smooth[1][c], 30) for c in (1, 2)) / 2)
    weights.append(sum(weights) / 2)
    pooled = sum(
        (expit(4.2 * likeness) * weight).sum()
        for likeness, weight in zip(similarities, weights, strict=True)
    )
    return float((logit(pooled / np.sum(weights)) / 4.2) ** 2)


def fsim(restored: Plane, hq: Plane) -> float:
    """FSIM with chroma: Zhang, Zhang, Mou & Zhang, IEEE TIP 2011, with the constants given there.

    Equations 3 to 9 and section III-C; the smaller side is brought to about 256 pixels.
    """
    factor = max(1, round(min(hq.shape[:2]) / 256))
    one, other = ([_reduced(p, factor) for p in _yiq(part)] for part in (restored, hq))
    scharr = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    first, second = phase_congruency(one[0]), phase_congruency(other[0])
    likeness = _likeness(first, second, 0.85)
    likeness *= _likeness(_gradient(one[0], scharr), _gradient(other[0], scharr), 160)
    chroma = _likeness(one[1], other[1], 200) * _likeness(one[2], other[2], 200)
    weight = np.maximum(first, second)
    return float((likeness * np.abs(chroma) ** 0.03 * weight).sum() / weight.sum())


def phase_congruency(plane: Plane) -> Plane:
    """Kovesi, Image features from phase congruency, Videre 1999, with the noise he takes away.

    Log-Gabor filters of 4 scales, wavelengths 6 to 48, and 4 orientations.
    """
    v, u = np.meshgrid(*(np.fft.fftfreq(length) for length in plane.shape), indexing="ij")
    radius, angle = np.hypot(u, v), np.arctan2(-v, u)
    radius[0, 0] = 1
    lowpass = 1 / (1 + (np.hypot(u, v) / 0.45) ** 30)
    energy, amplitude = np.zeros_like(plane), np.zeros_like(plane)
    for orientation in range(4):
        away = angle - orientation * np.pi / 4
        away = np.abs(np.arctan2(np.sin(away), np.cos(away)))
        spread = np.exp(-(away**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters = [
            spread * lowpass * np.exp(-(np.log(radius * length) ** 2) / (2 * np.log(0.55) ** 2))
            for length in (6, 12, 24, 48)
        ]
        for one in filters:
            one[0, 0] = 0
        responses = [np.fft.ifft2(np.fft.fft2(plane) * one) for one in filters]
        direction = sum(responses)
        direction = direction / (np.abs(direction) + 1e-12)
        turned = [response * direction.conj() for response in responses]
        found = sum(part.real - np.abs(part.imag) for part in turned)
        energy += np.maximum(found - _noise(responses[0], filters), 0)
        amplitude += sum(np.abs(response) for response in responses)
    return energy / (amplitude + 1e-12)


def ms_ssim(restored: Plane, hq: Plane) -> float:
    """Wang, Simoncelli & Bovik, Asilomar 2003: equation 7 with the weights of section III.

    Contrast and structure where the window lies inside, luminance at the coarsest scale over a
    mirrored border; each term is the mean over the colours.
    """
    terms = []
    for scale in range(5):
        contrast, luminance = _terms(restored, hq)
        inside = (slice(5, -5), slice(5, -5))
        terms.append((contrast * luminance).mean() if scale == 4 else contrast[inside].mean())
        restored, hq = _halved(restored), _halved(hq)
    return float(np.prod(np.array(terms) ** (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)))


def _terms(restored: Plane, hq: Plane) -> tuple[Plane, Plane]:
    a, b = _blurred(restored), _blurred(hq)
    aa, bb, ab = (
        _blurred(restored**2) - a**2,
        _blurred(hq**2) - b**2,
        _blurred(restored * hq) - a * b,
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * ab + c2) / (aa + bb + c2), (2 * a * b + c1) / (a**2 + b**2 + c1)


def _blurred(picture: Plane) -> Plane:
    """Blur by a Gaussian of sigma 1.5, 11 pixels wide."""
    blurred: Plane = gaussian_filter(picture, (1.5, 1.5, 0), mode="mirror", truncate=3.5)
    return blurred


def _noise(finest: npt.NDArray[np.complex128], filters: list[Plane]) -> float:
    """Return the energy below which it is noise: two deviations above the mean of Rayleigh's."""
    power = np.median(np.abs(finest) ** 2) / np.log(2) / (filters[0] ** 2).sum()
    kernels = [np.fft.ifft2(one).real * np.sqrt(one.size) for one in filters]
    own = sum((kernel**2).sum() for kernel in kernels)
    shared = sum((kernels[i] * kernels[j]).sum() for i in range(4) for j in range(i + 1, 4))
    tau = np.sqrt(power * (own + 2 * shared))
    return float(tau * (np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2)) / 1.7)


def _likeness(one: Plane, other: Plane, constant: float) -> Plane:
    return (2 * one * other + constant) / (one**2 + other**2 + constant)


def _yiq(picture: Plane) -> list[Plane]:
    return [picture @ np.array(weights) for weights in _YIQ]


def _halved(plane: Plane) -> Plane:
    return _reduced(plane, 2)


def _reduced(plane: Plane, factor: int) -> Plane:
    """Take the mean of squares; rows and columns that fill none are dropped."""
    height, width = (length // factor for length in plane.shape[:2])
    cut = plane[: height * factor, : width * factor]
    return cut.reshape(height, factor, width, factor, *plane.shape[2:]).mean(axis=(1, 3))


def _gradient(plane: Plane, kernel: Plane) -> Plane:
    return np.hypot(_filtered(plane, kernel), _filtered(plane, kernel.T))


def _haar(plane: Plane, scale: int, turned: bool) -> Plane:
    side = 2**scale
    kernel = np.full((side, side), 1 / side)
    kernel[side // 2 :] *= -1
    return _filtered(plane, kernel.T if turned else kernel)


def _filtered(plane: Plane, kernel: Plane) -> Plane:
    """Filter, zeros beyond the border; even kernels reach further down and right, as MATLAB's."""
    origin = -1 if len(kernel) % 2 == 0 else 0
    filtered: Plane = correlate(plane, kernel, mode="constant", origin=origin)
    return filtered
