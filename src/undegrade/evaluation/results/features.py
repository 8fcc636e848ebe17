"""What measures of whole sets keep of each picture, so that an interrupted run can be gone on with.

A small file for each picture and setting, in a folder beside the journal. Files appear whole or not
at all and depend on nothing but what they are about, so that several processes may write them.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undegrade.errors import OutputError
from undegrade.evaluation.names import file_name
from undegrade.images.files import make_folder, write_whole
from undegrade.metrics.distributions import Extractor, Features

FEATURES = "features"
"""Folder of them, inside the output folder."""

FeatureKey = tuple[str | int, ...]
"""What features are of: the set, the picture, and how it was restored."""


@dataclass(frozen=True)
class FeatureStore:
    """Features in files of a folder.

    Args:
        folder: The folder; it is made when something is kept.
    """

    folder: Path

    def has(self, about: FeatureKey, extractor: Extractor) -> bool:
        """Return whether features were kept."""
        return self._file(about, extractor).is_file()

    def read(self, about: FeatureKey, extractor: Extractor) -> Features:
        """Return features ``(n, d)`` that were kept.

        Raises:
            OutputError: They were not, or the file is damaged.
        """
        file = self._file(about, extractor)
        try:
            found: Features = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise OutputError(
                f"{file} cannot be read ({error})",
                fix="remove it, and run the same command again",
            ) from error
        return found

    def keep(self, about: FeatureKey, extractor: Extractor, features: Features) -> None:
        """Keep features ``(n, d)``.

        Raises:
            OutputError: The disk is full, or the folder is gone.
        """
        make_folder(self.folder)
        content = io.BytesIO()
        np.save(content, features, allow_pickle=False)
        write_whole(self._file(about, extractor), content.getvalue())

    def _file(self, about: FeatureKey, extractor: Extractor) -> Path:
        return self.folder / f"{file_name(*about, extractor.name)}.npy"
