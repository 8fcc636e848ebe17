"""Training from a recipe: caches the photos, runs the stages, writes the weights."""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from torch.utils.data import DataLoader

from undegrade.data.batches import StepBatch, StepBatches, load_batches
from undegrade.data.samples import Begun, Crops
from undegrade.errors import RecipeError, WeightsError
from undegrade.methods import Method, build_method
from undegrade.randomness import entropy
from undegrade.training.amounts import stated
from undegrade.training.begun import claim, compare, look_at
from undegrade.training.callbacks import (
    AveragedWeights,
    StateKeeper,
    TrainingProgress,
)
from undegrade.training.constraints.frozen import Frozen, load_frozen
from undegrade.training.constraints.terms import Constraints
from undegrade.training.data import TrainingData, prepare, remembered_pairs, with_places
from undegrade.training.finite import FiniteNumbers
from undegrade.training.interruption import Interruption
from undegrade.training.module import MethodModule
from undegrade.training.processes import check_devices, is_first, strategy
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.recipe_files import load_recipe
from undegrade.training.run_files import FINISHED, STATE
from undegrade.training.settling import default_steps, settled
from undegrade.training.stage_data import stage_data
from undegrade.training.starting import check_start, start
from undegrade.training.watch import DataWatch, Epochs
from undegrade.zoo import ModelConfig, find_model, further_losses, save_model

DAMAGED = "damaged.txt"


@dataclass(frozen=True)
class Run:
    """One call of the trainer: where it writes, when it stops, how it speaks, on what."""

    folder: Path
    stop_at: float | None
    interruption: Interruption
    console: Console
    devices: int


def train(
    recipe_path: Path,
    overrides: Sequence[str],
    output: Path,
    *,
    max_time: float | None = None,
    resume: bool = False,
    devices: int = 1,
) -> Path | None:
    """Train what a recipe describes and write the model's folder.

    With several devices the command that is running is started again for each further one. Those
    processes end where this function would return; the first alone writes and speaks. The result is
    the same up to the order of sums.

    While steps are done, Ctrl-C and SIGTERM are heeded after the step, whose state is saved; the
    second of them ends the whole process at once. Before and after, they do what they do elsewhere.

    Args:
        recipe_path: YAML file.
        overrides: Changes to it, ``key.key=value``.
        output: Folder for states, logs and the finished model.
        max_time: Seconds after which to save the state and stop.
        resume: Go on from the state in ``output``, if there is one.
        devices: Accelerators to train on, or processes where there is none.

    Returns:
        The model's folder, or None if the time was up before the last step.

    Raises:
        Cancelled: Ctrl-C was pressed, or the process was asked to end.
        RecipeError: The recipe is not valid, or not the one that ``output`` was begun with.
        UsageError: ``output`` holds a training already and ``resume`` was not asked for, or a batch
            cannot be divided evenly among the devices.
        DeviceError: There are accelerators, but not as many.
    """
    recipe = with_places(load_recipe(recipe_path, [*remembered_pairs(output), *overrides]), output)
    check_devices(recipe, devices)
    stop_at = None if max_time is None else time.monotonic() + max_time
    console = Console(stderr=True, quiet=not is_first())
    run = Run(output, stop_at, Interruption(), console, devices)
    _quiet_lightning()
    look_at(output, recipe, resume=resume, console=console)
    check_start(recipe)  # before an encoder is fetched
    method = _build(recipe)
    frozen, recipe = load_frozen(settled(recipe, method))
    for loss in further_losses(recipe.portable()):
        console.print(f"beside the method's own loss: {loss}", highlight=False, soft_wrap=True)
    compare(output, recipe)  # before photos are read, which takes a while
    start(method, recipe, console)
    data = prepare(recipe, console)
    claim(output, recipe, overrides)
    finished = _run_stages(method, frozen, recipe, data, run)
    if not is_first():
        raise SystemExit(0)
    run.interruption.check()
    return None if not finished else _export(method, recipe, data, run)


def _run_stages(
    method: Method, frozen: Frozen, recipe: Recipe, data: TrainingData, run: Run
) -> bool:
    """Run all stages, or what is left of them; return whether all are finished."""
    begun = Begun()
    sets = [stage_data(recipe, stage, data.photos, data.pairs) for stage in recipe.stages]
    for number, (stage, made_of) in enumerate(zip(recipe.stages, sets, strict=True)):
        crops = Crops(made_of.source, stage.crop, stage.batch, made_of.mixture, recipe.seed, begun)
        # Of its own number: what was drawn before hangs on whether the training was interrupted.
        torch.manual_seed(entropy(recipe.seed, "discriminator", number) % 2**63)
        constraints = Constraints(recipe, frozen)
        module = MethodModule(method, recipe, stage, crops, data.validation, constraints)
        module.interruption = run.interruption
        if not _run_stage(module, run, number):
            return False
        begun = begun.after(stage.steps, stage.batch)
    return True


def _build(recipe: Recipe) -> Method:
    torch.manual_seed(entropy(recipe.seed, "initial weights") % 2**63)
    try:
        method = build_method(recipe.method_options)
    except ValueError as error:  # options that are valid one by one but not together
        raise RecipeError(f"method: {error}") from error
    _check_crops(recipe, method.multiple_of)
    # Convolutions on processors are fastest where the channels of a pixel lie together.
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.compile:
        for network in method.children():
            # One compilation for training and one for each size of validation; a compilation for
            # any size would be slower at every step.
            network.compile(dynamic=False)
    return method


def _check_crops(recipe: Recipe, multiple: int) -> None:
    crops = {f"stages.{n}.crop": stage.crop for n, stage in enumerate(recipe.stages)}
    for key, side in (crops | {"data.validation.crop": recipe.data.validation.crop}).items():
        if side % multiple:
            raise RecipeError(
                f"{key}={side} for a network that halves it to the end",
                expected=f"a multiple of {multiple}",
            )


def _run_stage(module: MethodModule, run: Run, number: int) -> bool:
    """Run one stage, or what is left of it; return whether it is finished."""
    recipe, stage = module.recipe, module.stage
    folder = run.folder / f"stage-{number}-{stage.name}"
    state, finished = folder / STATE, folder / FINISHED
    if finished.exists():
        module.load_state_dict(torch.load(finished, map_location="cpu", weights_only=True))
        return True
    folder.mkdir(parents=True, exist_ok=True)
    first_step = _saved_step(state)
    keeper = StateKeeper(state, recipe.checkpoint_every, run.stop_at, run.interruption)
    epochs = Epochs(len(module.crops.source), stage.batch, module.begun)
    trainer = lightning.Trainer(
        max_steps=stage.steps,
        max_epochs=-1,
        devices=run.devices,
        strategy=strategy(run.devices),
        deterministic=True,
        precision=recipe.precision,
        gradient_clip_val=recipe.optimiser.clip_norm,
        val_check_interval=recipe.data.validation.every if module.validation else None,
        check_val_every_n_epoch=None if module.validation else 1,
        limit_val_batches=1.0 if module.validation else 0,
        num_sanity_val_steps=0,
        logger=TensorBoardLogger(run.folder, name="logs", version=folder.name),
        callbacks=[
            AveragedWeights(recipe.optimiser.ema_decay, ramp=recipe.optimiser.ema_ramp),
            FiniteNumbers(state, scaled=recipe.precision == "16-mixed"),
            run.interruption,
            keeper,
            TrainingProgress(run.console, stage.steps, first_step, run.interruption),
            DataWatch(run.console, folder / DAMAGED, epochs),
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=50,
        use_distributed_sampler=False,
    )
    names = [*module.validation]  # a list serves as a data set as it is
    with run.interruption.remembered():
        trainer.fit(
            module,
            _loader(module, first_step, trainer),
            DataLoader(names, batch_size=None) if names else None,  # type: ignore[arg-type]
            ckpt_path=state if first_step else None,
        )
    if trainer.global_step < stage.steps:
        _tell_of_stop(run, stage, trainer.global_step)
        return False
    if trainer.is_global_zero:
        temporary = finished.with_suffix(".part")
        torch.save(module.state_dict(), temporary)
        temporary.replace(finished)
    return run.interruption.number is None


def _tell_of_stop(run: Run, stage: Stage, step: int) -> None:
    why = "time is up" if run.interruption.number is None else "interrupted"
    kept = "; the state is saved" if step else ", before the first step"
    run.console.print(
        f"{why} at step {step} of {stage.steps} of stage '{stage.name}'{kept}", soft_wrap=True
    )


def _loader(
    module: MethodModule, first_step: int, trainer: lightning.Trainer
) -> DataLoader[StepBatch]:
    samples = range(trainer.global_rank, module.stage.batch, trainer.world_size)
    batches = StepBatches(module.crops, samples, module.begun.steps + first_step)
    return load_batches(batches, module.recipe.data.workers)


def _saved_step(state: Path) -> int:
    if not state.exists():
        return 0
    return int(torch.load(state, map_location="cpu", weights_only=True)["global_step"])


def _quiet_lightning() -> None:
    """Keep what a user can act on; drop advertisements and advice about choices made on purpose."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for category in (UserWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=category, module="lightning")
    warnings.filterwarnings("ignore", category=UserWarning, module="torch.optim")


def _export(method: Method, recipe: Recipe, data: TrainingData, run: Run) -> Path:
    """Write the finished model's folder; it bears the recipe's name."""
    config = ModelConfig(
        recipe=recipe.portable(),
        default_steps=default_steps(recipe, method),
        tasks=recipe.export.tasks,
        overview=recipe.export.overview,
        licence=recipe.export.licence,
        summary=recipe.export.summary,
        training_data=stated(recipe, data.photos, data.pairs),
    )
    base = find_model(recipe.start_from) if recipe.export.only_differences else None
    folder = run.folder / recipe.name
    saved = save_model(folder, method, config, half=recipe.export.half, base=base)
    try:
        saved.base()
    except WeightsError as error:  # the training has not failed, but who uses the model has to know
        run.console.print(f"before it can restore: {error}", highlight=False, soft_wrap=True)
    return saved.folder
