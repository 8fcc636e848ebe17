"""Load a model once, restore many pictures: the class behind every other surface."""

import copy
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from undegrade.errors import UsageError
from undegrade.images.photo import ReadOptions, open_photo
from undegrade.images.source import display_name
from undegrade.images.tiles import Floats, TileProgress
from undegrade.images.writer import WriteOptions
from undegrade.inference.device import choose_device, choose_precision, precision_name
from undegrade.inference.guessing import Guesser
from undegrade.inference.kinds import open_kind
from undegrade.inference.options import RestoreOptions
from undegrade.inference.precision import Runner
from undegrade.inference.ready import Ready, Setup, load_restoring
from undegrade.inference.report import FileReport, ModelInfo, RunInfo
from undegrade.inference.run import Run
from undegrade.inference.streaming import MapInMemory, Sinks
from undegrade.inference.targets import plan_targets, restored_name
from undegrade.inference.teams import OneModel, ShippedModels
from undegrade.methods.base import Method
from undegrade.zoo import AUTO_MODEL, DEFAULT_MODEL

_READ, _WRITE, _OPTIONS = ReadOptions(), WriteOptions(), RestoreOptions()


@dataclass(frozen=True)
class Result:
    """A restored picture.

    Args:
        image: The result, of the kind that was given (for a path, the path of the new file): draw
            0, or with uncertainty, or deterministic, the mean of the draws.
        variants: The draws, of the same kind, as many as were asked for; with ``variants=1`` it
            holds ``image``.
        uncertainty: Standard deviation over the draws, mean over the colours, or what that means
            for the error if the model knows, in units of the picture's range: float32 ``(H, W)``,
            or ``(B, H, W)`` for a batch; None if not asked for.
        info: How it was done.
    """

    image: Any
    variants: list[Any]
    uncertainty: Floats | None
    info: RunInfo


class Restorer:
    """A model on a device, ready to restore pictures of any kind and size.

    Args:
        method: What restores. It is moved to the device and switched to evaluation mode.
        model: What reports say about it.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
        precision: ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        sampler: How the flow is walked, such as ``"heun"`` or ``"euler:times=1/0.5/0"``; None for
            the model's own way.

    Attributes:
        model: What reports say about the model.
        device: The device that is used.
        precision: The number type that is used.
        messages: What was chosen where ``"auto"`` was asked for.

    Raises:
        DeviceError: The device is not there.
        UsageError: There is no such kind of device, precision or sampler, the method has no choice
            of samplers, or it restores nothing.
    """

    def __init__(
        self,
        method: Method,
        model: ModelInfo | None = None,
        *,
        device: str = "auto",
        precision: str = "auto",
        sampler: str | None = None,
    ) -> None:
        setup = Setup.choose(device, precision, sampler)
        ready = setup.ready(method, model or ModelInfo())
        self.model, self._engine = ready.model, ready.engine
        self.device, self.precision = str(setup.device), precision_name(setup.dtype)
        chosen = [("device", device, self.device), ("precision", precision, self.precision)]
        self.messages = tuple(
            f"{what} {value} was chosen" for what, asked, value in chosen if asked == "auto"
        )
        self._setup, self._guesser = setup, Guesser(OneModel(ready, setup), setup)

    @property
    def general_runner(self) -> Runner:
        """What runs the model, or of several the one that sees for itself."""
        return self._engine.runner

    @property
    def fixed_steps(self) -> int | None:
        """Network evaluations, where the sampler leaves no choice; 0 where it decides late."""
        return self._engine.runner.fast.fixed_steps

    def remark(self, steps: int) -> str | None:
        """Return what is to be known of the sampler with so many steps; None if nothing is."""
        sampler = self._engine.runner.fast.sampler
        return None if sampler is None else sampler.remark(steps)

    @property
    def has_first_guess(self) -> bool:
        """Whether the model gives a restored picture without a step."""
        return self._engine.runner.fast.has_first_guess

    @property
    def texture(self) -> float | None:
        """Share of the drawn texture that the model adds unless asked otherwise; None for none."""
        return self._engine.runner.fast.texture

    @property
    def usual_steps(self) -> int:
        """Network evaluations unless asked otherwise."""
        return self.model.default_steps or self._engine.runner.fast.default_steps

    def check(self, options: RestoreOptions) -> None:
        """Check that the model can do what is asked of it, before any picture is there.

        So must the general model, where it may restore instead: where a detector is to choose the
        task, and steps, a texture or a sampler are asked for.

        Raises:
            UsageError: It cannot.
            WeightsError: The detector that is to choose the task, or the general model that may
                restore instead, cannot be used.
        """
        self._guesser.check(options)

    def uncalibrated(self) -> "Restorer":
        """Return the same on the same networks, whose maps are the plain deviation over draws."""
        plain = copy.copy(self)
        plain.model = replace(self.model, uncertainty=None)
        ready = Ready(self._engine, plain.model)
        plain._guesser = Guesser(OneModel(ready, self._setup), self._setup)
        return plain

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = AUTO_MODEL,
        *,
        device: str = "auto",
        precision: str = "auto",
        sampler: str | None = None,
    ) -> "Restorer":
        """Load a model.

        Args:
            model: Name of a bundled or pulled model, or a model folder. ``"auto"`` is the general
                model with all others that ship: the one that is best at the task restores, be the
                task named or, where it is not, detected.
            device: See :class:`Restorer`.
            precision: See :class:`Restorer`.
            sampler: See :class:`Restorer`.

        Raises:
            UsageError: There is no such model, device, precision or sampler, or the model restores
                nothing.
            WeightsError: The model cannot be used.
        """
        choose_precision(precision, choose_device(device))  # before time is spent on loading
        auto = model == AUTO_MODEL
        method, info = load_restoring(DEFAULT_MODEL if auto else model)
        restorer = cls(method, info, device=device, precision=precision, sampler=sampler)
        if auto:
            setup = restorer._setup
            ready = Ready(restorer._engine, restorer.model)
            restorer._guesser = Guesser(ShippedModels(ready, setup), setup)
        return restorer

    def __call__(  # noqa: PLR0913  (what a user may ask for, each by its name)
        self,
        image: Any,
        *,
        task: str = "auto",
        steps: int | None = None,
        seed: int = 0,
        variants: int = 1,
        uncertainty: bool = False,
        deterministic: bool = False,
        tile_size: int | None = None,
        texture: float | None = None,
    ) -> Result:
        """Restore a picture; the same kind comes back.

        Args:
            image: A path (the result is written beside it: ``photo.restored.jpg``), the bytes of a
                photo, a PIL picture, a NumPy array ``(H, W)`` or ``(H, W, C)``, or a tensor
                ``(C, H, W)`` or ``(B, C, H, W)``. Arrays and tensors hold uint8, uint16 (arrays) or
                floats in [0, 1]. Alpha is kept as it is; each item of a batch is restored as if it
                were alone.
            task: See :class:`~undegrade.inference.options.RestoreOptions`, as for all others.
            steps: Network evaluations; 0 for the first guess of a model that has one.
            seed: Names the noise.
            variants: Number of draws.
            uncertainty: Give the mean of the draws, and their deviation.
            deterministic: Give the mean over fixed draws.
            tile_size: Greatest side of a tile.
            texture: Share of the drawn texture that is added to the first guess.

        Raises:
            InputError: The picture cannot be used.
            UsageError: An option is out of range, or the result of a path is there already; a
                detector is to choose one task for a batch, and its pictures do not agree.
            MemoryExhaustedError: Memory does not suffice for the smallest tile.
            WeightsError: The detector that is to choose the task, or the general model that may
                restore instead, cannot be used.
        """
        options = RestoreOptions(
            task, steps, seed, variants, uncertainty, deterministic, tile_size, texture=texture
        )
        self.check(options)
        if isinstance(image, (str, Path)):
            return self._call_path(Path(image), options)
        if isinstance(image, (bytes, bytearray, memoryview)):
            return self._call_bytes(bytes(image), options)
        kind = open_kind(image)
        run = Run(self._guesser.choose_one(options, kind.pictures))
        parts = [run.restore_picture(picture) for picture in kind.pictures]
        restored = kind.join([part.picture for part in parts])
        kept = [kind.join(draws) for draws in zip(*(part.variants for part in parts), strict=True)]
        maps = [part.deviation for part in parts if part.deviation is not None]
        deviation = kind.join_maps(maps) if maps else None
        return Result(restored, kept or [restored], deviation, run.info(kind.messages))

    def restore_file(
        self,
        source: str | Path | bytes,
        target: str | Path | BinaryIO,
        options: RestoreOptions = _OPTIONS,
        read: ReadOptions = _READ,
        write: WriteOptions = _WRITE,
        progress: TileProgress | None = None,
    ) -> FileReport:
        """Restore a photo of any size from file to file, a band of rows at a time.

        Args:
            source: The file, or the bytes of one.
            target: The file to write; it is replaced if it is there. With variants or uncertainty
                several are written: see :func:`undegrade.inference.targets.plan_targets`. A stream
                takes a single picture.
            options: How it is restored.
            read: How it is read.
            write: How it is written.
            progress: Called after each tile with the number done and the number of all.

        Raises:
            InputError: The photo cannot be read.
            OutputError: The result cannot be written; nothing is left behind.
            UsageError: Several pictures are to go into one stream; the task is unknown; the model,
                or the general model that may restore instead of it, cannot do what is asked.
            MemoryExhaustedError: Memory does not suffice for the smallest tile.
            WeightsError: The detector that is to choose the task, or the general model that may
                restore instead, cannot be used.
        """
        outputs: tuple[Path, ...] = ()
        if isinstance(target, (str, Path)):
            targets = plan_targets(Path(target), options)
            outputs, sinks = targets.files, Sinks(targets.picture, targets.variants, targets.maps)
        elif options.variants > 1 or options.uncertainty:
            raise UsageError(
                "several results for one output stream",
                expected="one draw, without uncertainty",
                fix="name an output file",
            )
        else:
            sinks = Sinks(target)
        run = self.run_for(source, options, read)
        with open_photo(source, read) as photo:
            info = run.info(run.job(photo, write).run(sinks, progress))
            name = "-" if isinstance(source, bytes) else display_name(source)
            return FileReport(name, outputs, photo.width, photo.height, info)

    def run_for(
        self, source: str | Path | bytes, options: RestoreOptions, read: ReadOptions = _READ
    ) -> Run:
        """Return what restores a photo; who calls it restores one with it.

        Raises:
            InputError: The photo cannot be read.
            UsageError: The task is unknown; the model cannot do what is asked.
            WeightsError: The detector or model that is needed cannot be used.
        """
        self.check(options)
        return Run(self._guesser.choose(options, source, read))

    def _call_path(self, source: Path, options: RestoreOptions) -> Result:
        targets = plan_targets(restored_name(source), options)
        for path in targets.files:
            if path.exists():
                raise UsageError(
                    f"{path} is there already",
                    fix="remove it, or use restore_file to name the result and to replace it",
                )
        kept = MapInMemory() if options.uncertainty else None
        info = self._run_photo(
            source, Sinks(targets.picture, targets.variants, targets.maps, kept), options
        )
        variants = list(targets.variants)
        image = targets.picture or variants[0]
        return Result(image, variants or [image], kept.array() if kept else None, info)

    def _call_bytes(self, source: bytes, options: RestoreOptions) -> Result:
        several = options.variants > 1
        streams = [io.BytesIO() for _ in range(options.variants * several)]
        picture = io.BytesIO() if options.uncertainty or not several else None
        kept = MapInMemory() if options.uncertainty else None
        info = self._run_photo(source, Sinks(picture, streams, None, kept), options)
        variants = [stream.getvalue() for stream in streams]
        image = picture.getvalue() if picture else variants[0]
        return Result(image, variants or [image], kept.array() if kept else None, info)

    def _run_photo(self, source: Path | bytes, sinks: Sinks, options: RestoreOptions) -> RunInfo:
        run = Run(self._guesser.choose(options, source))
        with open_photo(source) as photo:
            return run.info(run.job(photo, _WRITE).run(sinks))
