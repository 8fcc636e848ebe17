"""Compiled loops lie in the folder of the user, not in the package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_compiled_loops_are_kept_in_the_users_folder_which_is_told_once(tmp_path: Path) -> None:
    pytest.importorskip("numba")

    def told(**more: str) -> str:
        known = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
        return subprocess.run(
            [sys.executable, "-c", "import undegrade.metrics.loops"],
            env=known | {"UNDEGRADE_HOME": str(tmp_path / "home")} | more,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        ).stderr

    assert told(NUMBA_CACHE_DIR=str(tmp_path / "own")) == ""
    folder = tmp_path / "home" / "compiled"
    assert not folder.exists()
    said = told()
    assert "compiled before their first use, which can take a minute" in said
    assert f"they are kept in {folder}" in said
    assert folder.is_dir()
    assert told() == ""
