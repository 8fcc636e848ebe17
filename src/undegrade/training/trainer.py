"""Training from a recipe: caches the photos, runs the stages, writes the weights."""

import json
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

from undegrade.data.photos import CachedPhoto, cache_photos, fixed_crops, is_validation
from undegrade.data.synthetic import Crops, StepBatches, validation_pairs
from undegrade.degradations import Chain
from undegrade.errors import InputError, RecipeError, UsageError
from undegrade.images.files import find_photos
from undegrade.methods import Method, Pair, build_method
from undegrade.randomness import entropy
from undegrade.training.callbacks import (
    AveragedWeights,
    StateKeeper,
    TrainingProgress,
    caching_progress,
)
from undegrade.training.module import MethodModule
from undegrade.training.recipe import Recipe, load_recipe
from undegrade.zoo import ModelConfig, save_model
from undegrade.zoo.store import home

STATE = "state.ckpt"
RECIPE = "recipe.json"
PHOTOS = "photos.txt"


@dataclass(frozen=True)
class Run:
    """One call of the trainer: where it writes, how long it may take, how it speaks."""

    folder: Path
    stop_at: float | None
    console: Console


def train(
    recipe_path: Path,
    overrides: Sequence[str],
    output: Path,
    *,
    max_time: float | None = None,
    resume: bool = False,
) -> Path | None:
    """Train what a recipe describes and write the model's folder.

    Args:
        recipe_path: YAML file.
        overrides: Changes to it, ``key.key=value``.
        output: Folder for states, logs and the finished model.
        max_time: Seconds after which to save the state and stop.
        resume: Go on from the state in ``output``, if there is one.

    Returns:
        The model's folder, or None if the time was up before the last step.

    Raises:
        RecipeError: The recipe is not valid, or not the one that ``output`` was begun with.
        UsageError: ``output`` holds a training already and ``resume`` was not asked for.
    """
    recipe = _with_photos(load_recipe(recipe_path, overrides), output)
    stop_at = None if max_time is None else time.monotonic() + max_time
    run = Run(output, stop_at, Console(stderr=True))
    _quiet_lightning()
    method = _build(recipe)
    photos, validation = _prepare_data(recipe, run)
    _claim(output, recipe, resume)
    first_step = 0
    for number, stage in enumerate(recipe.stages):
        module = MethodModule(method, recipe, stage, validation)
        module.first_step = first_step
        if not _run_stage(module, photos, run, number):
            run.console.print("time is up; the state is saved, go on with --resume")
            return None
        first_step += stage.steps
    return _export(method, recipe, output)


def _with_photos(recipe: Recipe, output: Path) -> Recipe:
    """Take the folder of photos from the training begun in ``output`` if none is named."""
    remembered = output / PHOTOS
    if recipe.data.photos is None and remembered.exists():
        photos = Path(remembered.read_text(encoding="utf-8", errors="surrogateescape"))
        data = recipe.data.model_copy(update={"photos": photos})
        return recipe.model_copy(update={"data": data})
    return recipe


def _claim(output: Path, recipe: Recipe, resume: bool) -> None:
    """Note the recipe in the folder, or check that it is the one already noted."""
    noted = output / RECIPE
    content = recipe.portable()
    if noted.exists():
        if not resume:
            raise UsageError(
                f"{output} holds a training already", fix="add --resume or name another folder"
            )
        before = json.loads(noted.read_text(encoding="utf-8"))
        changed = [key for key in content if content[key] != before.get(key)]
        if changed:
            raise RecipeError(
                f"{output} was begun with another recipe: {', '.join(changed)} differ",
                fix="train into another folder",
            )
        return
    output.mkdir(parents=True, exist_ok=True)
    photos = str(recipe.data.photos.resolve()) if recipe.data.photos else ""
    (output / PHOTOS).write_text(photos, encoding="utf-8", errors="surrogateescape")
    noted.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _prepare_data(recipe: Recipe, run: Run) -> tuple[list[CachedPhoto], dict[str, Pair]]:
    data = recipe.data
    if data.photos is None:
        raise RecipeError("the recipe names no photos", fix="add data.photos=FOLDER to the command")
    try:
        paths = find_photos(data.photos, recursive=False)
    except InputError as error:  # whose advice is for the command that restores
        raise InputError(error.got, expected="a folder of clean photos") from error
    kept = [path for path in paths if is_validation(path.name)]
    trained = [path for path in paths if not is_validation(path.name)]
    largest = max(stage.crop for stage in recipe.stages)
    cache = home() / "photos"
    cached = cache_photos(trained, data.scales, cache, caching_progress(run.console))
    photos = [photo for photo in cached if min(photo.height, photo.width) >= largest]
    if not photos:
        raise RecipeError(
            f"no photo in {data.photos} is as large as a crop of {largest} pixels",
            fix="lower stages.N.crop or add photos",
        )
    crops = fixed_crops(kept, data.validation.crop, data.validation.scale)
    pairs = {
        name: validation_pairs(crops, Chain.parse(texts))
        for name, texts in data.validation.sets.items()
        if crops
    }
    run.console.print(f"{len(trained)} photos to train on, {len(kept)} kept for validation")
    return photos, pairs


def _build(recipe: Recipe) -> Method:
    torch.manual_seed(entropy(recipe.seed, "initial weights") % 2**63)
    try:
        method = build_method(recipe.method_options)
    except ValueError as error:  # options that are valid one by one but not together
        raise RecipeError(f"method: {error}") from error
    # Convolutions on processors are fastest where the channels of a pixel lie together.
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.compile:
        for network in method.children():
            # One compilation for training and one for each size of validation; a compilation for
            # any size would be slower at every step.
            network.compile(dynamic=False)
    return method


def _run_stage(module: MethodModule, photos: list[CachedPhoto], run: Run, number: int) -> bool:
    """Run one stage, or what is left of it; return whether it is finished."""
    recipe, stage = module.recipe, module.stage
    folder = run.folder / f"stage-{number}-{stage.name}"
    state, finished = folder / STATE, folder / "finished.ckpt"
    if finished.exists():
        module.load_state_dict(torch.load(finished, map_location="cpu", weights_only=True))
        return True
    folder.mkdir(parents=True, exist_ok=True)
    first_step = _saved_step(state)
    keeper = StateKeeper(state, recipe.checkpoint_every, run.stop_at)
    trainer = lightning.Trainer(
        max_steps=stage.steps,
        max_epochs=-1,
        deterministic=True,
        precision=recipe.precision,
        gradient_clip_val=recipe.optimiser.clip_norm,
        val_check_interval=recipe.data.validation.every if module.validation else None,
        check_val_every_n_epoch=None if module.validation else 1,
        limit_val_batches=1.0 if module.validation else 0,
        num_sanity_val_steps=0,
        logger=TensorBoardLogger(run.folder, name="logs", version=folder.name),
        callbacks=[
            AveragedWeights(recipe.optimiser.ema_decay),
            keeper,
            TrainingProgress(run.console, stage.steps, first_step),
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=50,
        use_distributed_sampler=False,
    )
    names = [*module.validation]  # a list serves as a data set as it is
    trainer.fit(
        module,
        _loader(module, photos, first_step, trainer),
        DataLoader(names, batch_size=None) if names else None,  # type: ignore[arg-type]
        ckpt_path=state if first_step else None,
    )
    if keeper.out_of_time and trainer.global_step < stage.steps:
        return False
    if trainer.is_global_zero:
        temporary = finished.with_suffix(".part")
        torch.save(module.state_dict(), temporary)
        temporary.replace(finished)
    return True


def _loader(
    module: MethodModule, photos: list[CachedPhoto], first_step: int, trainer: lightning.Trainer
) -> DataLoader[object]:
    recipe, stage = module.recipe, module.stage
    crops = Crops(photos, stage.crop, recipe.data.mixture, recipe.seed)
    samples = range(trainer.global_rank, stage.batch, trainer.world_size)
    workers = recipe.data.workers
    return DataLoader(
        StepBatches(crops, samples, module.first_step + first_step),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
        # libvips keeps threads; a forked copy of a process that used it would wait for them forever
        multiprocessing_context="spawn" if workers else None,
    )


def _saved_step(state: Path) -> int:
    if not state.exists():
        return 0
    return int(torch.load(state, map_location="cpu", weights_only=True)["global_step"])


def _quiet_lightning() -> None:
    """Keep what a user can act on; drop advertisements and advice about choices made on purpose."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
    warnings.filterwarnings("ignore", category=UserWarning, module="torch.optim")


def _export(method: Method, recipe: Recipe, output: Path) -> Path:
    """Write the finished model's folder; it bears the recipe's name."""
    config = ModelConfig(
        recipe=recipe.portable(),
        default_steps=recipe.export.default_steps or method.default_steps,
        tasks=recipe.export.tasks,
        licence=recipe.export.licence,
        summary=recipe.export.summary,
        training_data=recipe.export.training_data,
    )
    return save_model(output / recipe.name, method, config, half=recipe.export.half).folder
