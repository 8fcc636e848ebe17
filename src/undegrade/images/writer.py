"""Writing restored photos: bands of colour in, a whole file out, or none at all."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from undegrade.errors import OutputError
from undegrade.images.colour import Floats, Samples
from undegrade.images.encode import encode, saver_options
from undegrade.images.exif import add_to_tiff
from undegrade.images.files import AllOrNothing, NewFile
from undegrade.images.metadata import Metadata, attach, fit_to_jpeg, outgoing
from undegrade.images.photo import Photo, Rows
from undegrade.images.plan import WriteOptions, plan_output
from undegrade.images.provenance import Provenance
from undegrade.images.spool import Spool
from undegrade.images.vips import encoding

__all__ = ["PhotoWriter", "WriteOptions"]

_PIECE = 1 << 20  # pixels that are converted at a time


class PhotoWriter(AllOrNothing):
    """Writes a restored photo as the photo it came from was: format, depth, colours, metadata.

    A context manager. Left without an exception, it encodes the rows and gives the file its name in
    one step; left with one, it leaves nothing behind.

    Args:
        photo: The photo that is restored.
        target: The file to write, or a stream (which need not be seekable).
        options: Format, quality, what metadata to keep.
        provenance: What was done; recorded in the file.

    Attributes:
        format: The format that is written.

    Raises:
        OutputError: The target is the photo's own file, or cannot be written, or its format
            cannot hold the photo. Raised before any row is asked for.
    """

    def __init__(
        self,
        photo: Photo,
        target: Path | BinaryIO,
        options: WriteOptions,
        provenance: Provenance | None = None,
    ) -> None:
        path = target if isinstance(target, Path) else None
        self._name = str(path) if path else "the output stream"
        if path:
            _refuse_source(photo, path)
        self._photo, self._options, self._provenance = photo, options, provenance
        self._plan = plan_output(photo, path, options)
        self.format = self._plan.format
        self._messages = list(self._plan.messages)
        self._rows_written = 0
        self._file = NewFile(target)
        try:
            self._spool = Spool(
                photo.width,
                photo.height,
                self._plan.space.bands,
                alpha=photo.has_alpha,
                deep=self._plan.bits > 8,
            )
        except OutputError:
            self._file.discard()
            raise

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user should know; complete once the writer has been left."""
        return tuple(self._messages)

    def write_rows(self, rows: Rows) -> None:
        """Take the next band.

        Args:
            rows: As wide as the photo, with alpha if the photo has it.

        Raises:
            OutputError: A value is not finite, or there is no room left.
            ValueError: The band does not fit the photo.
        """
        self._check(rows)
        height = len(rows.colour)
        step = max(1, _PIECE // self._photo.width)
        for top in range(0, height, step):
            part = np.s_[top : top + step]
            colour = rows.colour[part]
            if not np.isfinite(colour).all():
                raise OutputError(
                    f"{self._name}: the restored pixels are not all finite numbers",
                    fix="try again with `--precision float32`",
                )
            device = self._plan.space.from_working(colour)
            samples = _quantised(device, self._plan.bits)
            if rows.alpha is not None:
                full = np.iinfo(rows.alpha.dtype).max
                alpha = _quantised(rows.alpha[part, :, None] / np.float64(full), self._plan.bits)
                samples = np.concatenate([samples, alpha], axis=-1)
            self._spool.append(samples)
        self._rows_written += height

    def _check(self, rows: Rows) -> None:
        photo, (height, *shape) = self._photo, rows.colour.shape
        if shape != [photo.width, 3] or self._rows_written + height > photo.height:
            raise ValueError(
                f"got colour {rows.colour.shape}; expected (h, {photo.width}, 3) with at most "
                f"{photo.height - self._rows_written} rows"
            )
        alpha = None if rows.alpha is None else (rows.alpha.shape, 8 * rows.alpha.itemsize)
        expected = ((height, photo.width), photo.depth) if photo.has_alpha else None
        if alpha != expected:
            raise ValueError(f"got alpha of (shape, bits) {alpha}; expected {expected}")

    def _finish(self) -> None:
        if self._rows_written != self._photo.height:
            raise OutputError(
                f"{self._name}: {self._rows_written} rows of {self._photo.height} were finished",
                fix="this is a mistake in the program: please report it",
            )
        metadata = self._metadata()
        with encoding(self._name, self.format):
            image, keep = attach(self._spool.image(), metadata, self.format)
            options = saver_options(
                image,
                self.format,
                quality=self._options.quality,
                bits=self._plan.bits,
                lossless=self.format == self._photo.format and self._photo.lossless,
            )
            encode(image, self._file.path, self.format, options | {"keep": keep})
        if (
            self.format == "tiff"
            and (metadata.exif or metadata.iptc)
            and not add_to_tiff(self._file.path, metadata.exif, metadata.iptc)
        ):
            self._messages.append("the EXIF data could not be written and were left out")
        self._file.commit()

    def _discard(self) -> None:
        self._spool.close()
        self._file.discard()

    def _metadata(self) -> Metadata:
        own = self._photo.metadata
        metadata = outgoing(own, self._provenance, strip=self._options.strip_metadata)
        metadata = metadata.with_profile(self._plan.profile)
        if self.format == "jpeg":
            metadata, messages = fit_to_jpeg(metadata, self._provenance)
            self._messages.extend(messages)
        return metadata


def _refuse_source(photo: Photo, target: Path) -> None:
    source = photo.source.path
    try:
        same = source is not None and target.samefile(source)
    except OSError:
        return  # one of them does not exist: they are not the same
    if same:
        raise OutputError(
            f"{target} is the photo itself", fix="give the result another name with `-o`"
        )


def _quantised(values: Floats, bits: int) -> Samples:
    """Round values, 1.0 being the greatest sample, to integers in a container of 8 or 16 bits."""
    greatest = (1 << bits) - 1
    levels = np.rint(np.clip(values, 0, 1) * greatest)
    if bits == 8:
        return levels.astype(np.uint8)
    deep: Samples = levels.astype(np.uint16)
    # 10 and 12 bits stand high in their container, the room below filled so that white is full.
    return (
        deep if bits == 16 else (deep << np.uint16(16 - bits)) | (deep >> np.uint16(2 * bits - 16))
    )
