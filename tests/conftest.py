"""What all tests share: pictures that they make themselves, and how they share a machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several side by side: a core for each
    for library in ("OMP", "MKL", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from undegrade.randomness import generator

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""What is looked for; where there is none, the browser that Playwright has fetched, if it has."""


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """Return a made-up photo ``(H, W, 3)`` uint8: shaded ground, soft discs, hard-edged boxes."""
    rng = generator("scene", seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = 0.3 + 0.4 * (y[..., None] / height) * rng.random(3) + 0.2 * (x[..., None] / width)
    for _ in range(6):
        colour = rng.random(3)
        cy, cx, radius = rng.random() * height, rng.random() * width, rng.uniform(4, 24)
        distance = np.hypot(y - cy, x - cx)
        cover = np.clip((radius - distance) / rng.uniform(1, 6), 0, 1)[..., None]
        picture = picture * (1 - cover) + colour * cover
        top, left = int(rng.random() * height), int(rng.random() * width)
        picture[top : top + 12, left : left + 18] = rng.random(3)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def float32_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test expects must not hang on whether this processor computes in bfloat16."""
    from undegrade.inference import device

    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Matrices this small are no work for two threads, which wait for each other for minutes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; one for all tests of a process, which Playwright insists on."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    with playwright.sync_playwright() as started:
        try:
            # Run as root, as in a container, Chromium refuses to work with its sandbox.
            window = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"there is no browser: {error.message.splitlines()[0]}")
        yield window
        window.close()


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 small clean photos."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(24):
        Image.fromarray(scene(72, 88, index)).save(folder / f"scene-{index:02}.png")
    return folder
