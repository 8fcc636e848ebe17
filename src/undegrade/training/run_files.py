"""What the files in a training's folder are called."""

RECIPE = "recipe.json"
"""The recipe, without what belongs to one machine only."""

OVERRIDES = "overrides.json"
"""The changes to the recipe that the first command made."""

PLACES = "places.json"
"""Where the training's data lie on this machine."""

STAGES = "stage-*"
"""Pattern of the folders of the stages, in order."""

STATE = "state.ckpt"
"""State of a stage that is under way."""

FINISHED = "finished.ckpt"
"""Weights after a stage."""
