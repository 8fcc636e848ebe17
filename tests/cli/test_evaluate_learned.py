"""`undegrade evaluate` with measures whose libraries are there, and their weights are not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

pytest.importorskip("torchvision", reason="undegrade[perceptual] is not installed")
pytest.importorskip("piq", reason="undegrade[perceptual] is not installed")

Cli = Callable[..., Result]
Make = Callable[..., Path]


def test_weights_that_may_not_be_fetched_have_an_exit_code_of_their_own(
    cli: Cli, model: Path, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo("photos/a.png", 48, 64)
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    monkeypatch.setenv("UNDEGRADE_HOME", "home")
    command = ["evaluate", model, "--data", "mine=photos", "--steps", "1", "-o", "out"]
    refused = cli(*command, "--metrics", "lpips,fid")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "UNDEGRADE_OFFLINE forbids downloads" in refused.stderr
    taken = cli(*command, "--metrics", "lpips,haarpsi")
    assert taken.exit_code == 0
    assert "lpips is not measured" in taken.stderr
    assert "| haarpsi ↑ [95 %] |" in taken.stdout
