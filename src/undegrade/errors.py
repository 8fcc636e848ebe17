"""Every exception that undegrade raises on purpose.

Each message says three things: what was got, what was expected, and what to do.
The command line turns the class into its exit code; see :attr:`UndegradeError.exit_code`.
"""

from typing import ClassVar


class UndegradeError(Exception):
    """Base of all our errors.

    Args:
        got: What happened, as a clause that can stand alone.
        expected: What would have been right.
        fix: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, got: str, *, expected: str | None = None, fix: str | None = None) -> None:
        self.got, self.expected, self.fix = got, expected, fix
        parts = [got]
        if expected:
            parts.append(f"expected {expected}")
        if fix:
            parts.append(fix)
        super().__init__("; ".join(parts))

    @property
    def clause(self) -> str:
        """What happened and what would have been right, for a list of such things."""
        return "; ".join(filter(None, (self.got, self.expected and f"expected {self.expected}")))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the three parts when an error crosses from a worker process."""
        return _rebuild, (type(self), self.got, self.expected, self.fix)


def _rebuild(
    kind: type[UndegradeError], got: str, expected: str | None, fix: str | None
) -> UndegradeError:
    return kind(got, expected=expected, fix=fix)


class InputError(UndegradeError):
    """An input file or array cannot be used: missing, broken, too large, of a wrong kind."""


class TooLargeError(InputError):
    """A picture has more pixels than are wanted."""


class TransferError(UndegradeError):
    """Data that lie elsewhere cannot be fetched; nothing is known of their being damaged."""


class OutputError(UndegradeError):
    """A result cannot be written where or how it was asked for."""


class UsageError(UndegradeError):
    """The request itself is off: an unknown name, a value out of range."""

    exit_code = 2


class RecipeError(UsageError):
    """A training recipe is not valid; names the key and the nearest valid one."""


class TrainingError(UndegradeError):
    """A training cannot go on; names the step and the samples."""


class DeviceError(UsageError):
    """The compute device that was asked for is not there."""


class MissingExtraError(UsageError):
    """An optional dependency is needed; names the extra that brings it."""


class WeightsError(UndegradeError):
    """Weights are missing, damaged, or do not fit their configuration."""

    exit_code = 3


class MemoryExhaustedError(UndegradeError):
    """Memory did not suffice even at the smallest tile."""

    exit_code = 4
