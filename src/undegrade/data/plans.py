"""What is packed in a folder, noted there before the first shard, so that only the same goes on."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from undegrade.errors import UsageError
from undegrade.images.files import make_folder, sweep, write_whole

PLAN = "plan.json"


class Plan(BaseModel):
    """Everything that decides the bytes of the shards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pictures: str
    """Hash of names, places and times of the files."""
    tile: int
    patches: int
    scales: tuple[float, ...]
    made_with: tuple[str, ...]
    depth: int
    seed: int


def claim(folder: Path, plan: Plan) -> None:
    """Note in a folder what is packed there, or check that it is the same.

    What a packing that was killed has left unfinished is removed.

    Raises:
        UsageError: Something else is packed there.
        OutputError: The folder cannot be written into.
    """
    noted = folder / PLAN
    if noted.exists():
        _compare(folder, noted, plan)
    make_folder(folder)
    sweep(folder)
    write_whole(noted, plan.model_dump_json(indent=1).encode())


def _compare(folder: Path, noted: Path, plan: Plan) -> None:
    try:
        before = Plan.model_validate_json(noted.read_bytes())
    except (ValidationError, OSError) as error:
        raise UsageError(
            f"{noted} cannot be read", fix=f"name another folder, or remove {folder}"
        ) from error
    if before.pictures != plan.pictures:
        raise UsageError(
            f"{folder} holds shards of other photos, or of photos that have changed",
            fix="name another folder, or remove this one",
        )
    others = [key for key in Plan.model_fields if getattr(before, key) != getattr(plan, key)]
    if others:
        raise UsageError(
            f"{folder} holds shards made with other options: {_told(before, others)}",
            expected=_told(plan, others),
            fix="give the options of before, name another folder, or remove this one",
        )


def _told(plan: Plan, keys: list[str]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_text(getattr(plan, key))}" for key in keys)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " + ".join(map(str, value)) or "nothing"
    return str(value)
