"""The forms that clients send: fields named as the options of the command, and a photo."""

import re
from functools import cached_property
from http import HTTPStatus
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from undegrade.errors import UsageError
from undegrade.images.plan import WriteOptions
from undegrade.inference.options import MIN_TILE, RestoreOptions
from undegrade.registry import did_you_mean
from undegrade.serving.options import Limits
from undegrade.serving.problems import HttpError, problem_of
from undegrade.tasks import plain_auto
from undegrade.validation import explain
from undegrade.zoo import (
    AUTO_MODEL,
    SPECIALISTS,
    ModelConfig,
    best_at,
    find_model,
    is_here,
    list_models,
)

PHOTO = "photo"
_WHOLE = re.compile("[+-]?[0-9]{1,18}")
_SEE_TILES = ("resflow",)  # methods that are as well shown one tile after another
_NO_RESTORERS = ("detector", "prior")  # methods, whose models restore nothing
_MOST_TILE = 4096  # larger ones gain nothing, and take memory by their square
_MOST_FIELDS = 32
_FIELD_BYTES = 4096
_NAME_BYTES = 120  # of a photo's name, of which results have longer ones


class DetectForm(BaseModel):
    """What can be said about a photo that is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    page: int | None = Field(None, ge=1, description="Page of a multi-page or animated file.")

    def check(self, limits: Limits) -> None:
        """Refuse what is above a limit."""


class RestoreForm(DetectForm):
    """What can be asked of a restoration, as of ``undegrade restore``."""

    model: str = Field(
        AUTO_MODEL, max_length=200, description="Name of a model; auto for the best."
    )
    task: Annotated[str, AfterValidator(plain_auto)] = Field(
        "auto", max_length=60, description="What to undo, as rain; auto: detected."
    )
    steps: int | None = Field(
        None, ge=0, description="Network evaluations; the model's own unless given."
    )
    texture: float | None = Field(None, ge=0, le=1, description="Share of the drawn texture.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="The same seed gives the same picture.")
    variants: int = Field(1, ge=1, description="Number of different restorations.")
    uncertainty: bool = Field(False, description="Also say where restorations differ, as a map.")
    deterministic: bool = Field(False, description="The mean over fixed draws, whatever the seed.")
    sampler: str | None = Field(None, max_length=200, description="How a flow is walked, as heun.")
    tile_size: Literal["auto"] | int = Field(
        "auto", alias="tile-size", description="Largest side of a tile."
    )
    format: Literal["keep", "jpeg", "png", "tiff", "webp", "avif", "heic"] = Field(
        "keep", description="Format to write."
    )
    quality: int = Field(95, ge=1, le=100, description="Quality of JPEG, WebP, AVIF and HEIC.")
    strip_metadata: bool = Field(
        False, alias="strip-metadata", description="Leave out EXIF, GPS and the like."
    )

    @field_validator("tile_size", mode="before")
    @classmethod
    def _auto_or_whole(cls, value: Any) -> Any:
        is_whole = _WHOLE.fullmatch(str(value))
        if value != "auto" and not (is_whole and MIN_TILE <= int(value) <= _MOST_TILE):
            expected = f"auto, or a whole number of pixels from {MIN_TILE} to {_MOST_TILE}"
            raise ValueError(f"{value!r}; expected {expected}")
        return value

    @property
    def restore(self) -> RestoreOptions:
        """How the photo is restored.

        Raises:
            UsageError: Options do not go together.
        """
        return RestoreOptions(
            self.task,
            self.steps,
            self.seed,
            self.variants,
            self.uncertainty,
            self.deterministic,
            None if self.tile_size == "auto" else self.tile_size,
            texture=self.texture,
        )

    @property
    def write(self) -> WriteOptions:
        """How the result is written."""
        kept = None if self.format == "keep" else self.format
        return WriteOptions(kept, self.quality, self.strip_metadata)

    @property
    def sees_all(self) -> bool:
        """Whether a model that may be taken may look at all of a photo at once."""
        return any(config.method_name not in _SEE_TILES for config in self._taken)

    @property
    def overview(self) -> int:
        """Longest side of the photo shrunk, if a model that may be taken is shown that; else 0."""
        return max((side for config in self._taken for side in config.overview.values()), default=0)

    @cached_property
    def _taken(self) -> list[ModelConfig]:
        """What is known of the models that may be taken, read once for a request."""
        taken = {self.model} if self.model != AUTO_MODEL else {*SPECIALISTS.values()}
        if self.model == AUTO_MODEL and self.task != "auto":
            taken = {best_at(self.task)[1]}
        return [find_model(name).config for name in taken if is_here(name)]

    def check(self, limits: Limits) -> None:
        """Refuse what is above a limit, does not go together, or names no model.

        Raises:
            HttpError: It is so.
        """
        for name, value, most in (
            ("steps", self.steps or 0, limits.max_steps),
            ("variants", self.variants, limits.max_variants),
        ):
            if value > most:
                raise HttpError(
                    HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}={value}", most, f"at most {most}"
                )
        try:
            self.restore  # noqa: B018  (it checks itself)
            self._check_model()
        except UsageError as error:
            raise problem_of(error) from error

    def _check_model(self) -> None:
        """Refuse what is no model's name, and a task that none does: paths are never looked at."""
        if self.model == AUTO_MODEL:
            if self.task != "auto":
                best_at(self.task)
            return
        if not is_here(self.model):
            raise UsageError(
                f"there is no model '{self.model}'",
                fix=did_you_mean(self.model, [AUTO_MODEL, *restoring_models()]),
            )
        if self.model not in restoring_models():
            raise UsageError(
                f"the model '{self.model}' restores nothing",
                fix=did_you_mean("", [AUTO_MODEL, *restoring_models()]),
            )


def restoring_models() -> list[str]:
    """Return the names of the models here that restore photos."""
    return [entry.name for entry in list_models() if entry.config.method_name not in _NO_RESTORERS]


def file_name(given: str) -> str:
    """Return a photo's name without folders and without what no file may have."""
    last = PureWindowsPath(PurePosixPath(given).name).name
    kept = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*')
    short = kept.encode()[-_NAME_BYTES:].decode(errors="ignore")
    return short.strip(". ") or "photo"


class SentPhoto:
    """A form that came in: its fields, and the photo, which lies in a file without a name."""

    def __init__(self, form: FormData, upload: UploadFile) -> None:
        self._form, self.upload = form, upload

    @classmethod
    async def of(cls, request: Request) -> Self:
        """Read the form of a request.

        Raises:
            HttpError: It is no form, has not one photo, or its address has parameters.
        """
        if given := next(iter(request.query_params), None):
            raise HttpError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"'{given}' in the address, where nothing is asked for",
                hint=f"options are fields of the form: curl -F {PHOTO}=@photo.jpg -F name=value",
            )
        kind = request.headers.get("content-type", "")
        if not kind.lower().startswith("multipart/form-data"):
            raise HttpError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"a body of type {kind or 'none'}",
                hint=f"send multipart/form-data with the photo in the field '{PHOTO}'",
            )
        try:
            form = await request.form(
                max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
            )
        except HTTPException as error:
            raise HttpError(
                HTTPStatus.BAD_REQUEST, f"the form is broken: {error.detail}"
            ) from error
        except (UnicodeError, LookupError) as error:  # by the charset that the header names
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "the form is broken: its text is not in the character set that it names",
                hint="send it as UTF-8",
            ) from error
        except ClientDisconnect as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body was cut short") from error
        upload = form.get(PHOTO)
        if not isinstance(upload, UploadFile):
            await form.close()
            raise HttpError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"there is no file in the field '{PHOTO}'",
                hint=f"curl -F {PHOTO}=@photo.jpg ...",
            )
        return cls(form, upload)

    async def close(self) -> None:
        """Remove what was kept of it."""
        await self._form.close()

    @property
    def name(self) -> str:
        """The photo's name at the client, without folders and without what no file may have."""
        return file_name(self.upload.filename or "")

    def filled(self, kind: type[DetectForm]) -> Any:
        """Return its fields.

        Raises:
            HttpError: One is unknown, is there twice, or has a wrong value.
        """
        fields = [  # what a web page's form leaves empty is not given
            (key, value) for key, value in self._form.multi_items() if key != PHOTO and value != ""
        ]
        if any(isinstance(value, UploadFile) for _, value in fields):
            reason = f"a file in another field than '{PHOTO}'"
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        values = dict(fields)
        if len(values) < len(fields):
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "a field is there twice")
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, explain(error, kind)) from error
