"""Photos from file to file, a band of rows at a time; neither is ever whole in memory."""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from undegrade.images.photo import Alpha, Photo, Rows
from undegrade.images.provenance import Provenance
from undegrade.images.tiles import Floats, TileProgress
from undegrade.images.writer import PhotoWriter, WriteOptions
from undegrade.inference.draws import Bands
from undegrade.inference.tiler import TileRestorer
from undegrade.inference.uncertainty import UncertaintyWriter

Target = Path | BinaryIO


class MapSink(Protocol):
    """Takes the rows of a map of standard deviations, top to bottom."""

    def write_rows(self, deviation: Floats) -> None:
        """Take the next rows ``(h, width)``."""
        ...


class MapInMemory:
    """Keeps a map of standard deviations as an array."""

    def __init__(self) -> None:
        self._rows: list[Floats] = []

    def write_rows(self, deviation: Floats) -> None:
        """Take the next rows ``(h, width)``."""
        self._rows.append(deviation.copy())

    def array(self) -> Floats:
        """Return the map ``(height, width)``."""
        return np.concatenate(self._rows)


@dataclass(frozen=True)
class Sinks:
    """Where the results of one photo go.

    Args:
        picture: File or stream for the result; None if nobody wants it.
        variants: The same for each draw that is kept.
        maps: Files for heat map and data of the uncertainty.
        kept_map: Takes the same map in memory.
    """

    picture: Target | None
    variants: Sequence[Target] = ()
    maps: tuple[Path, Path] | None = None
    kept_map: MapInMemory | None = None


@dataclass(frozen=True)
class PhotoJob:
    """A photo on its way through the tiles.

    Args:
        photo: The photo, none of it read yet.
        restore: Restores its tiles.
        write: How results are written.
        provenance: What is recorded in them.
    """

    photo: Photo
    restore: TileRestorer
    write: WriteOptions
    provenance: Provenance

    def run(self, sinks: Sinks, progress: TileProgress | None = None) -> tuple[str, ...]:
        """Restore the photo into the sinks, and return what the user should know.

        Raises:
            UndegradeError: Reading, restoring or writing fails; no file is left behind.
        """
        reader = _Reader(self.photo)
        with ExitStack() as stack:
            writers = _Writers(self, sinks, stack)
            for rows in self.restore.bands(reader.read, progress):
                bands = self.restore.draws.split(rows)
                writers.write(bands, reader.take_alpha(len(rows)))
        return (*self.photo.messages, *writers.messages())


class _Writers:
    """All that takes finished rows of one photo."""

    def __init__(self, job: PhotoJob, sinks: Sinks, stack: ExitStack) -> None:
        def open_writer(target: Target, provenance: Provenance) -> PhotoWriter:
            return stack.enter_context(PhotoWriter(job.photo, target, job.write, provenance))

        draws, whole = job.restore.draws, job.provenance
        self._variants = [
            open_writer(target, replace(whole, variant=number))
            for number, target in enumerate(sinks.variants, 1)
        ]
        mean = replace(whole, mean_of=draws.count if draws.averaged else 0)
        self._picture = None if sinks.picture is None else open_writer(sinks.picture, mean)
        self._maps: list[MapSink] = [sinks.kept_map] if sinks.kept_map else []
        if sinks.maps is not None:
            writer = UncertaintyWriter(job.photo.width, job.photo.height, *sinks.maps)
            self._maps.append(stack.enter_context(writer))

    def write(self, bands: Bands, alpha: Alpha | None) -> None:
        """Hand finished rows on."""
        if self._picture is not None:
            self._picture.write_rows(Rows(np.ascontiguousarray(bands.picture), alpha))
        for writer, colour in zip(self._variants, bands.variants, strict=True):
            writer.write_rows(Rows(np.ascontiguousarray(colour), alpha))
        if bands.deviation is not None:
            for sink in self._maps:
                sink.write_rows(bands.deviation)

    def messages(self) -> list[str]:
        """Return what the writers have to say, without repetitions."""
        writers = [writer for writer in (self._picture, *self._variants) if writer is not None]
        return list(dict.fromkeys(text for writer in writers for text in writer.messages))


class _Reader:
    """Reads a photo's colour for the tiles, and keeps its alpha until the rows are finished."""

    def __init__(self, photo: Photo) -> None:
        self._photo = photo
        self._alpha: deque[Alpha] = deque()

    def read(self, top: int, height: int) -> Floats:
        """Return the colour of the next rows."""
        rows = self._photo.read_rows(top, height)
        if rows.alpha is not None:
            self._alpha.append(rows.alpha)
        return rows.colour

    def take_alpha(self, height: int) -> Alpha | None:
        """Return the alpha of the next finished rows; None without transparency."""
        if not self._alpha:
            return None
        taken: list[Alpha] = []
        while height > 0:
            rows = self._alpha.popleft()
            if len(rows) > height:
                self._alpha.appendleft(rows[height:])
                rows = rows[:height]
            taken.append(rows)
            height -= len(rows)
        alpha: Alpha = np.concatenate(taken)  # type: ignore[assignment]  # all are of one type
        return alpha
