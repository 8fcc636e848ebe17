"""Files with more than one picture: none is read until the user says which."""

import pyvips

from undegrade.errors import InputError
from undegrade.images.containers import has_one_full_page, is_animated
from undegrade.images.source import PhotoSource


def choose_page(source: PhotoSource, image: pyvips.Image, wanted: int | None) -> int:
    """Return which page to read, counted from 0.

    Args:
        source: The file.
        image: Its header, as libvips opened it.
        wanted: The user's choice, counted from 1; None if there is none.

    Raises:
        InputError: There are several pages and no choice, or fewer than chosen.
    """
    pages = int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    if wanted is not None:
        if not 1 <= wanted <= pages:
            raise InputError(
                f"{source.name} has no page {wanted}",
                expected=f"a number from 1 to {pages}",
                fix="choose another one with `--page`",
            )
        return wanted - 1
    with source.stream() as stream:
        if pages == 1 and is_animated(stream, source.format):
            raise InputError(
                f"{source.name} is an animation",
                expected="a still photo",
                fix="add `--page 1` to restore its first picture alone",
            )
        if pages == 1 or (source.format == "tiff" and has_one_full_page(stream, pages)):
            return 0
    usual = 1 + (int(image.get("heif-primary")) if image.get_typeof("heif-primary") else 0)
    what = "frames (an animation)" if source.format == "webp" else "pages"
    raise InputError(
        f"{source.name} has {pages} {what}",
        expected="a single photo",
        fix=f"choose one with `--page N`, counted from 1; the usual choice would be "
        f"`--page {usual}`",
    )
