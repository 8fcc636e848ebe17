"""What can be asked of a restoration, and what is refused; knows no torch."""

from dataclasses import dataclass
from numbers import Integral

from undegrade.errors import UsageError
from undegrade.tasks import plain_auto

MIN_TILE = 64
"""Least side of a tile in pixels; where memory does not suffice even for that, we give up."""

UNCERTAINTY_DRAWS = 8
"""Draws behind a map of uncertainty, unless variants are asked for as well."""

QUADRATURE_DRAWS = 8
"""Draws behind a deterministic restoration: four fixed ones and their opposites."""

_MOST_STEPS = 1000
_MOST_VARIANTS = 64
_OVERLAP = 64
_SHARE = 3 / 32  # of a large tile: what borders do to plain areas reaches farther than 32 pixels


@dataclass(frozen=True)
class RestoreOptions:
    """How pictures are restored.

    Args:
        task: What is to be undone; ``"auto"`` leaves it to the model or, if that has to be told,
            to a detector. What the detector is unsure of, or the model does not undo, the general
            model restores.
        steps: Network evaluations; None for the model's default, 0 for the first guess of a model
            that has one; at most 1000.
        seed: Names the noise. The same seed gives each pixel the same noise whatever the tile or
            batch, and so the same picture but for rounding and for what tiles do at their borders.
        variants: Number of draws of the auxiliary variable, each a picture of its own. Draw 0 is
            what ``variants=1`` gives.
        uncertainty: Also say where draws differ. The picture is then the mean of the draws:
            of the ``variants``, or of 8 if there is one.
        deterministic: Give the mean over the auxiliary variable instead of one draw, by a fixed
            quadrature of 8: the same for every seed.
        tile_size: Greatest side of a tile in pixels, at least 64; None to go by the memory there
            is. Tiles are made smaller where that makes them equal.
        tile_overlap: How far neighbouring tiles overlap, in pixels, at most half a tile; None for
            64, with which seams of the bundled model stay below one level of 255, more for large
            tiles (96 for 1024), and half of smaller ones.
        texture: Share of the drawn texture that is added to the first guess, 0 to 1; None for the
            model's default, which is all that a model of another method takes.

    Raises:
        UsageError: A value is out of range.
    """

    task: str = "auto"
    steps: int | None = None
    seed: int = 0
    variants: int = 1
    uncertainty: bool = False
    deterministic: bool = False
    tile_size: int | None = None
    tile_overlap: int | None = None
    texture: float | None = None

    def __post_init__(self) -> None:
        self._check_kinds()
        object.__setattr__(self, "task", plain_auto(self.task))
        if self.steps is not None and not 0 <= self.steps <= _MOST_STEPS:
            raise UsageError(
                f"steps={self.steps}", expected=f"a whole number from 0 to {_MOST_STEPS}"
            )
        if not 1 <= self.variants <= _MOST_VARIANTS:
            raise UsageError(
                f"variants={self.variants}", expected=f"a whole number from 1 to {_MOST_VARIANTS}"
            )
        if self.deterministic and self.variants > 1:
            raise UsageError(
                f"variants={self.variants} of a deterministic restoration",
                expected="one: it is the mean over all draws",
                fix="leave out one of the two",
            )
        if self.deterministic and self.seed:
            raise UsageError(
                f"seed={self.seed} for a deterministic restoration",
                expected="no seed: its draws are fixed",
                fix="leave out one of the two",
            )
        self._check_texture()
        self._check_tiles()

    def _check_kinds(self) -> None:
        """Refuse what is no text or number at all, which Python would not until much later."""
        if not isinstance(self.task, str):
            raise UsageError(f"task={self.task!r}", expected="the name of a task, or 'auto'")
        for name in ("steps", "seed", "variants", "tile_size", "tile_overlap"):
            value = getattr(self, name)
            missing = value is None and name not in ("seed", "variants")
            if not missing and not isinstance(value, Integral):
                raise UsageError(f"{name}={value!r}", expected="a whole number")
        if self.seed < 0:
            raise UsageError(f"seed={self.seed}", expected="0 or more")
        if not isinstance(self.texture, float | int | None):
            raise UsageError(f"texture={self.texture!r}", expected="a number from 0 to 1")

    def _check_texture(self) -> None:
        if self.texture is None:
            return
        if not 0 <= self.texture <= 1:
            raise UsageError(f"texture={self.texture}", expected="a number from 0 to 1")
        if self.texture and self.steps == 0:
            raise UsageError(
                f"texture={self.texture} with steps=0",
                expected="no texture: without a step none is drawn",
                fix="leave out one of the two",
            )

    def _check_tiles(self) -> None:
        if self.tile_size is not None and self.tile_size < MIN_TILE:
            raise UsageError(f"tile_size={self.tile_size}", expected=f"at least {MIN_TILE} pixels")
        if self.tile_overlap is None:
            return
        if self.tile_overlap < 0:
            raise UsageError(f"tile_overlap={self.tile_overlap}", expected="0 pixels or more")
        if self.tile_size is not None and 2 * self.tile_overlap > self.tile_size:
            raise UsageError(
                f"tile_overlap={self.tile_overlap} with tile_size={self.tile_size}",
                expected="an overlap of at most half a tile",
                fix="use larger tiles or less overlap",
            )

    def overlap_of(self, side: int) -> int:
        """Return how far tiles of ``side`` pixels overlap."""
        usual = max(_OVERLAP, int(_SHARE * side))
        return min(usual if self.tile_overlap is None else self.tile_overlap, side // 2)
