"""Which files a restoration writes, and where; knows neither torch nor libvips."""

from dataclasses import dataclass
from pathlib import Path

from undegrade.images.formats import FORMATS, format_of_name, resolve_format
from undegrade.inference.options import RestoreOptions

_RESTORED = ".restored"
_UNCERTAINTY = ".uncertainty"


@dataclass(frozen=True)
class Targets:
    """The files of one restored photo.

    Args:
        picture: The result; None where only numbered variants are written.
        variants: A file for each variant, if there are several.
        maps: Heat map and 16-bit data of the uncertainty, if asked for.
    """

    picture: Path | None
    variants: tuple[Path, ...] = ()
    maps: tuple[Path, Path] | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, the main result first."""
        picture = (self.picture,) if self.picture else ()
        return (*picture, *self.variants, *(self.maps or ()))


def restored_name(source: Path, image_format: str | None = None) -> Path:
    """Return the name of a result beside its photo: ``photo.jpg`` gives ``photo.restored.jpg``.

    Args:
        source: The photo.
        image_format: Another format to write, which changes the ending; None for the photo's own.
    """
    named = with_format(source, image_format)
    return named.with_name(f"{named.stem}{_RESTORED}{named.suffix}")


def with_format(path: Path, image_format: str | None) -> Path:
    """Return a name with the ending of a format, unless it has one of that format already.

    Raises:
        UsageError: There is no such format.
    """
    key = None if image_format is None else resolve_format(image_format)
    promised = format_of_name(path)
    if key in (None, promised):
        return path
    stem = path.name if promised is None else path.stem
    return path.with_name(stem + FORMATS[key].suffixes[0])


def is_result(path: Path) -> bool:
    """Tell whether a name is one that we give to results beside the photos."""
    endings = [part for part in path.suffixes if not part[1:].isdecimal()]
    return len(endings) > 1 and endings[-2] in (_RESTORED, _UNCERTAINTY)


def plan_targets(target: Path, options: RestoreOptions) -> Targets:
    """Return the files that a restoration writes.

    One picture goes to ``target`` itself. Several variants go to ``NAME.1.EXT`` and so on; the
    first is what a single one would be. With uncertainty, the mean of the draws goes to ``target``
    and the maps beside it.

    Args:
        target: File for the result.
        options: What was asked for.
    """
    variants: tuple[Path, ...] = ()
    if options.variants > 1:
        numbers = range(1, options.variants + 1)
        variants = tuple(target.with_name(f"{target.stem}.{n}{target.suffix}") for n in numbers)
    if not options.uncertainty:
        return Targets(None if variants else target, variants)
    stem = target.stem.removesuffix(_RESTORED) + _UNCERTAINTY
    maps = (target.with_name(f"{stem}.png"), target.with_name(f"{stem}.tiff"))
    return Targets(target, variants, maps)
