"""The recipes of the project that can be trained by themselves."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "recipes"

RECIPES = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent != FOLDER / "data")
"""All but those in ``data``, which only say what others are trained on."""
