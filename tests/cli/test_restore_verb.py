"""`undegrade restore`: files, folders and pipes, with a tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image
from seeing import bundle_general, bundle_seeing
from typer.testing import Result

from undegrade.cli.restore import parse_tile_size
from undegrade.errors import MemoryExhaustedError, UsageError
from undegrade.images import open_photo, read_provenance
from undegrade.inference import Restorer
from undegrade.tasks import own_name
from undegrade.zoo import SPECIALISTS, find_model

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.fixture
def restore(cli: Cli, model: Path) -> Cli:
    """Call ``undegrade restore`` with the tiny model on the CPU in float32."""

    def call(*args: str | Path, stdin: bytes = b"") -> Result:
        fixed = ("--model", model, "--device", "cpu", "--precision", "float32")
        return cli("restore", *fixed, *args, stdin=stdin)

    return call


def pixels(path: str | Path) -> np.ndarray:
    return pyvips.Image.new_from_file(str(path)).numpy()


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def facts_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_photo_is_restored_beside_itself(restore: Cli, make_photo: Make, model: Path) -> None:
    result = restore(make_photo())
    assert (result.exit_code, result.stdout) == (0, "photo.restored.png\n")
    restorer = Restorer.from_pretrained(model, device="cpu", precision="float32")
    expected = restorer(pixels("photo.png")).image
    assert np.array_equal(pixels("photo.restored.png"), expected)
    assert not np.array_equal(expected, pixels("photo.png"))


def test_json_says_what_was_done(restore: Cli, make_photo: Make, model: Path) -> None:
    (facts,) = facts_of(restore(make_photo(), "--json", "--seed", "5"))
    seconds, messages = facts.pop("seconds"), facts.pop("messages")
    assert facts == {
        "status": "done",
        "input": "photo.png",
        "output": "photo.restored.png",
        "outputs": ["photo.restored.png"],
        "model": "tiny",
        "weights_hash": find_model(model).sha256,
        "task": "",
        "detection": None,
        "steps": 2,
        "sampler": "euler",
        "draws": 1,
        "seed": 5,
        "deterministic": False,
        "texture": None,
        "device": "cpu",
        "precision": "float32",
        "tile_size": 36,
        "tiles": 1,
        "redone_tiles": 0,
        "error": None,
    }
    assert seconds > 0
    assert messages == []
    (told,) = facts_of(restore(make_photo("told.png"), "--json", "--task", "denoise"))
    assert told["task"] == "denoise"
    (told,) = facts_of(restore(make_photo("noisy.png"), "--json", "--task", "Noise"))
    assert told["task"] == "denoise"


def test_steps_and_seed_change_the_picture(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    for name, options in (("a", []), ("b", ["--steps", "1"]), ("c", ["--seed", "1"])):
        assert restore(photo, "-o", f"{name}.png", *options).exit_code == 0
    assert not np.array_equal(pixels("a.png"), pixels("b.png"))
    assert not np.array_equal(pixels("a.png"), pixels("c.png"))


def test_the_file_says_how_it_was_made(restore: Cli, make_photo: Make) -> None:
    assert restore(make_photo(), "--seed", "3", "--steps", "1").exit_code == 0
    xmp = open_photo("photo.restored.png").metadata.xmp
    assert xmp is not None
    provenance = read_provenance(xmp)
    assert provenance is not None
    assert (provenance.model, provenance.seed, provenance.steps) == ("tiny", 3, 1)


def test_what_is_done_is_skipped_unless_overwritten(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    Path("photo.restored.png").write_text("mine")
    result = restore(photo, "--json")
    assert result.exit_code == 0
    (facts,) = facts_of(result)
    assert (facts["status"], facts["output"]) == ("skipped", "photo.restored.png")
    assert "--overwrite" in result.stderr
    assert Path("photo.restored.png").read_text() == "mine"
    assert restore(photo, "--overwrite").exit_code == 0
    assert pixels("photo.restored.png").shape == pixels(photo).shape


def test_a_folder_with_bad_files(restore: Cli, make_photo: Make) -> None:
    make_photo("in/a.png")
    make_photo("in/sub/b.jpg")
    Path("in/text.png").write_text("I am a picture")
    Path("in/empty.jpg").touch()
    Path("in/cut.png").write_bytes(make_photo("whole.png").read_bytes()[:400])
    result = restore("in", "missing.png", "-o", "out", "--recursive")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["out/a.png", "out/sub/b.jpg"]
    lines = result.stderr.splitlines()
    assert lines[-5] == "undegrade: 2 of 6 restored, 4 failed"
    for name in ("in/cut.png", "in/empty.jpg", "in/text.png", "missing.png"):
        assert sum(line.startswith("undegrade: failed: ") and name in line for line in lines) == 1
    assert [name for name in files() if name.startswith("out")] == ["out/a.png", "out/sub/b.jpg"]


def test_a_folder_is_restored_once(restore: Cli, make_photo: Make) -> None:
    make_photo("in/a.png")
    make_photo("in/b.png")
    assert restore("in").stdout.splitlines() == ["in/a.restored.png", "in/b.restored.png"]
    again = restore("in", "--json")
    assert [facts["status"] for facts in facts_of(again)] == ["skipped", "skipped"]
    assert "2 done before" in again.stderr
    assert len(files()) == 4


def test_pictures_that_cannot_be_read_are_told_of(restore: Cli, make_photo: Make) -> None:
    make_photo("in/a.png")
    for name in ("in/b.BMP", "in/c.gif", "in/notes.txt", "in/sub/d.nef"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("something")
    ran = restore("in", "in/a.png", "-o", "out", "--json")
    assert (ran.exit_code, len(facts_of(ran))) == (0, 1)
    assert ran.stderr == "undegrade: 2 files left that cannot be read: bmp, gif\n"
    ran = restore("in/sub")
    assert ran.exit_code == 1
    assert "1 file left that cannot be read: nef" in ran.stderr
    assert "in/sub holds no photos" in ran.stderr
    assert "left that" not in restore("in/a.png").stderr


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(30)])
def test_bad_input_is_one_line_and_no_file(restore: Cli, content: bytes) -> None:
    Path("bad.png").write_bytes(content)
    result = restore("bad.png")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("undegrade: error: bad.png ")
    assert files() == ["bad.png"]


def test_a_folder_without_photos_is_bad_input(restore: Cli) -> None:
    Path("empty").mkdir()
    result = restore("empty")
    assert result.exit_code == 1
    assert "empty holds no photos" in result.stderr
    assert "--recursive" in result.stderr


def test_limits_are_kept(restore: Cli, make_photo: Make) -> None:
    photo = make_photo(height=40, width=50)
    result = restore(photo, "--max-megapixels", "0.001")
    assert result.exit_code == 1
    assert "megapixels" in result.stderr
    assert files() == ["photo.png"]
    assert restore(photo, "--max-megapixels", "0.002").exit_code == 0


def test_pages_are_chosen(restore: Cli) -> None:
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    pages[0].save("pages.tif", save_all=True, append_images=pages[1:])
    result = restore("pages.tif", "-o", "none.png")
    assert result.exit_code == 1
    assert "--page" in result.stderr
    assert restore("pages.tif", "-o", "page.png", "--page", "2").exit_code == 0
    red, _, blue = pixels("page.png").reshape(-1, 3).mean(axis=0)
    assert blue > red + 100


def test_variants_and_uncertainty_are_files_of_their_own(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    result = restore(photo, "-o", "out", "--variants", "2", "--uncertainty", "--json")
    assert result.exit_code == 0
    (facts,) = facts_of(result)
    assert sorted(facts["outputs"]) == [name for name in files() if name.startswith("out")]
    assert len(facts["outputs"]) == 5
    assert facts["output"] == "out/photo.png"
    assert not np.array_equal(pixels("out/photo.1.png"), pixels("out/photo.2.png"))


def test_format_and_quality(restore: Cli, make_photo: Make) -> None:
    photo = make_photo("photo.jpg", 64, 64)
    for quality in ("20", "95"):
        options = ("--format", "webp", "--quality", quality, "-o", f"q{quality}")
        assert restore(photo, *options).stdout == f"q{quality}/photo.webp\n"
    assert Image.open("q20/photo.webp").format == "WEBP"
    assert Path("q20/photo.webp").stat().st_size < Path("q95/photo.webp").stat().st_size


def test_pipes_carry_the_picture_and_nothing_else(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    restore(photo)
    before = files()
    for args in (("-",), ("-", "-o", "-"), (photo, "-o", "-")):
        result = restore(*args, stdin=photo.read_bytes())
        assert result.exit_code == 0
        assert result.stdout_bytes == Path("photo.restored.png").read_bytes()
    assert files() == before
    assert restore("-", "-o", "b.png", stdin=photo.read_bytes()).stdout == "b.png\n"
    assert Path("b.png").read_bytes() == Path("photo.restored.png").read_bytes()


def test_a_pipe_replaces_nothing_unasked(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    Path("b.png").write_text("mine")
    result = restore("-", "-o", "b.png", stdin=photo.read_bytes())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--overwrite" in result.stderr
    assert Path("b.png").read_text() == "mine"
    assert restore("-", "-o", "b.png", "--overwrite", stdin=photo.read_bytes()).exit_code == 0


def test_a_folder_that_cannot_be_made_is_an_error(restore: Cli, make_photo: Make) -> None:
    Path("blocked").write_text("a file")
    result = restore(make_photo(), "-o", "blocked/out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the folder blocked/out cannot be made" in result.stderr


def test_a_slash_makes_a_folder_of_any_name(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    result = restore(photo, "-o", "out.jpgg")
    assert (result.exit_code, result.stdout) == (2, "")
    assert ".jpg" in result.stderr
    assert "slash" in result.stderr
    assert files() == ["photo.png"]
    for folder in ("out.jpgg/", "out.jpg/"):
        assert restore(photo, "-o", folder).stdout == f"{folder}photo.png\n"


def test_bad_bytes_in_a_pipe_give_no_bytes(restore: Cli) -> None:
    result = restore("-", stdin=b"nothing of value")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert result.stderr.count("\n") == 1


def test_odd_names_work(restore: Cli, make_photo: Make) -> None:
    name = "写真 [red] 'é\n.png"
    result = restore(make_photo(name), "--json")
    assert result.exit_code == 0
    assert facts_of(result)[0]["input"] == name
    assert Path("写真 [red] 'é\n.restored.png").is_file()


def test_auto_says_what_it_chose(cli: Cli, make_photo: Make, model: Path) -> None:
    result = cli("restore", make_photo(), "--model", model)
    assert result.exit_code == 0
    restorer = Restorer.from_pretrained(model)
    assert len(restorer.messages) == 2
    for message in restorer.messages:
        assert message in result.stderr
    assert f"device {restorer.device}" in result.stderr
    assert f"precision {restorer.precision}" in result.stderr
    assert result.stdout == "photo.restored.png\n"


def test_flags_win_over_the_environment(
    cli: Cli, make_photo: Make, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = make_photo()
    monkeypatch.setenv("UNDEGRADE_DEVICE", "nonsense")
    result = cli("restore", photo, "--model", model)
    assert result.exit_code == 2
    assert "nonsense" in result.stderr
    result = cli("restore", photo, "--model", model, "--device", "cpu")
    assert result.exit_code == 0
    assert "device" not in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_is_never_replaced_in_silence(cli: Cli, make_photo: Make, model: Path) -> None:
    result = cli("restore", make_photo(), "--model", model, "--device", "cuda")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'cuda' was asked for" in result.stderr
    assert files() == ["photo.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "-1"], "--steps"),
        (["--steps", "0"], "steps=0 for the resflow model 'tiny'; expected at least 1"),
        (["--texture", "0.5"], "texture=0.5 for a resflow model; expected no texture"),
        (["--texture", "1.5"], "texture=1.5; expected a number from 0 to 1"),
        (["--texture", "nan"], "texture=nan; expected a number from 0 to 1"),
        (["--variants", "0"], "--variants"),
        (["--variants", "9999"], "variants=9999"),
        (["--quality", "101"], "--quality"),
        (["--seed", "-1"], "--seed"),
        (["--page", "0"], "--page"),
        (["--tile-size", "big"], "--tile-size big"),
        (["--tile-size", "8"], "tile_size=8"),
        (["--precision", "float8"], "--precision"),
        (["--format", "gif"], "--format"),
        (["--task", "colourise"], "no task 'colourise'"),
        (["--model", "nowhere"], "no model 'nowhere'"),
        (["--unheard-of"], "--unheard-of"),
        (["-o", "-", "--json"], "--json"),
        (["-o", "-", "--variants", "2"], "several results"),
    ],
)
def test_bad_requests_are_usage(
    restore: Cli, make_photo: Make, arguments: list[str], message: str
) -> None:
    result = restore(make_photo(), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert files() == ["photo.png"]


def test_damaged_weights_have_their_own_code(cli: Cli, make_photo: Make) -> None:
    Path("broken").mkdir()
    Path("broken/config.json").write_text('{"format": 99}')
    result = cli("restore", make_photo(), "--model", "broken")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "upgrade undegrade" in result.stderr


def test_memory_that_does_not_suffice_has_its_own_code(
    restore: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryExhaustedError("memory does not suffice for a tile of 64 pixels")

    monkeypatch.setattr(Restorer, "restore_file", fail)
    assert restore(make_photo()).exit_code == 4
    assert restore("photo.png", "missing.png", "-o", "out").exit_code == 1


def test_a_mistake_of_ours_is_one_line_and_stops_no_other(
    restore: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Restorer.restore_file

    def stumble(self: Restorer, source: Path, *args: Any) -> Any:
        if source.name == "a.png":
            raise KeyError("oops")
        return original(self, source, *args)

    monkeypatch.setattr(Restorer, "restore_file", stumble)
    make_photo("in/a.png")
    make_photo("in/b.png")
    result = restore("in", "-o", "out")
    assert (result.exit_code, result.stdout) == (1, "out/b.png\n")
    assert "unexpected KeyError: 'oops'; run again with `undegrade --debug ...`" in result.stderr
    assert "Traceback" not in result.stderr


def test_cancelling_leaves_no_part_of_a_file(
    restore: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Restorer.restore_file

    def interrupted(self: Restorer, source: Path, *args: Any) -> Any:
        def progress(*_: int) -> None:
            if source.name == "b.png":
                raise KeyboardInterrupt

        return original(self, source, *args[:-1], progress)

    monkeypatch.setattr(Restorer, "restore_file", interrupted)
    for name in "abc":
        make_photo(f"in/{name}.png")
    result = restore("in", "-o", "out")
    assert (result.exit_code, result.stdout) == (130, "out/a.png\n")
    assert "cancelled; 1 of 3 restored" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png"]


def test_tile_sizes() -> None:
    assert parse_tile_size("auto") is None
    assert parse_tile_size("512") == 512
    for text in ("", "-1", "1.5", "AUTO"):
        with pytest.raises(UsageError):
            parse_tile_size(text)


def test_a_sampler_and_a_quadrature_are_reported(restore: Cli, make_photo: Make) -> None:
    ran = restore(
        make_photo(), "--sampler", "midpoint", "--deterministic", "--steps", "2", "--json"
    )
    (facts,) = facts_of(ran)
    assert (facts["sampler"], facts["deterministic"], facts["steps"]) == ("midpoint", True, 2)


def test_a_share_of_the_texture_is_reported_and_recorded(
    cli: Cli, make_photo: Make, diffusion: Path
) -> None:
    made = {}
    for name, options in (
        ("none", ["--texture", "0"]),
        ("guess", ["--steps", "0"]),
        ("half", ["--texture", "0.5"]),
        ("all", ["--seed", "0"]),
    ):
        ran = cli(
            *("restore", make_photo(), "--model", diffusion, "-o", f"{name}.png", "--json"),
            *options,
        )
        (facts,) = facts_of(ran)
        made[name] = facts["texture"], facts["steps"], Path(f"{name}.png")
        told = read_provenance(open_photo(f"{name}.png").metadata.xmp or b"")
        assert told is not None
        assert (told.texture, told.steps) == made[name][:2]
    assert {name: values[:2] for name, values in made.items()} == {
        "none": (0.0, 0),
        "guess": (0.0, 0),
        "half": (0.5, 4),
        "all": (1.0, 4),
    }
    pictures = {name: pixels(path) for name, (_, _, path) in made.items()}
    assert np.array_equal(pictures["none"], pictures["guess"])
    assert len({picture.tobytes() for picture in pictures.values()}) == 3


def test_a_sampler_that_walks_as_eulers_says_so(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    ran = restore(photo, "--sampler", "heun", "--steps", "2", "--json", "-o", "a.png")
    assert any("walks as euler does" in text for text in facts_of(ran)[0]["messages"])
    assert restore(photo, "--steps", "2", "-o", "b.png").exit_code == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    ran = restore(photo, "--sampler", "heun", "--steps", "3", "-o", "c.png")
    assert "walks as euler" not in ran.stderr


def test_no_seed_beside_deterministic_not_even_the_usual_one(
    restore: Cli, make_photo: Make
) -> None:
    photo = make_photo()
    ran = restore(photo, "--deterministic", "--seed", "0")
    assert ran.exit_code == 2
    assert "--seed 0 with --deterministic; expected no seed" in ran.stderr
    assert restore(photo, "--deterministic").exit_code == 0


def test_a_wrong_model_is_noticed_though_all_is_there(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    make_photo("photo.restored.png")
    ran = cli("restore", photo, "--model", "resflow-genral")
    assert ran.exit_code == 2
    assert "no model 'resflow-genral'" in ran.stderr


def test_a_task_of_another_model_is_answered_by_its_name(restore: Cli, make_photo: Make) -> None:
    ran = restore(make_photo(), "--task", "haze")
    assert ran.exit_code == 2
    best = SPECIALISTS["dehaze"]
    assert f"has no task 'haze'; take a model that does: --model {best}" in ran.stderr


def test_without_a_model_the_best_at_a_task_is_taken(cli: Cli, make_photo: Make) -> None:
    bundle_general()
    bundle_seeing()
    photo = make_photo()
    ran = cli("restore", photo, "--task", "noise", "--json")
    assert ran.exit_code == 0
    entry = json.loads(ran.stdout)[0] if ran.stdout.startswith("[") else json.loads(ran.stdout)
    assert (entry["model"], entry["task"]) == ("resflow-general", "denoise")
    ran = cli("restore", photo, "--task", "haze")
    assert ran.exit_code == 2
    assert f"no model '{SPECIALISTS['dehaze']}'" in ran.stderr
    ran = cli("restore", photo, "--task", "denose")
    assert ran.exit_code == 2
    assert "there is no task 'denose'" in ran.stderr


def test_a_detector_that_is_gone_is_told_of(cli: Cli, make_photo: Make) -> None:
    bundle_general()
    ran = cli("restore", make_photo(), "--json")
    told = "there is no detector on this machine: restored by resflow-general; --task decides"
    (facts,) = facts_of(ran)
    assert (facts["model"], facts["detection"]) == ("resflow-general", None)
    assert any(message.startswith(told) for message in facts["messages"])
    assert f"photo.png: {told}" in ran.stderr


def test_a_wrong_task_is_noticed_though_all_is_there(restore: Cli, make_photo: Make) -> None:
    photo = make_photo()
    make_photo("photo.restored.png")
    ran = restore(photo, "--task", "denose")
    assert ran.exit_code == 2
    assert "no task 'denose'; did you mean 'denoise'" in ran.stderr
    assert "there already" in restore(photo, "--task", "denoise").stderr


def test_auto_in_capitals_is_auto(restore: Cli, make_photo: Make) -> None:
    assert restore(make_photo(), "--task", "AUTO").exit_code == 0


def test_help_names_the_tasks_in_plain_words(cli: Cli) -> None:
    text = " ".join(cli("restore", "--help").stdout.split())
    words = "noise, rain, jpeg, snow, holes, raindrops, shadow, low-light, haze, blur"
    assert f"What to undo: {words}." in text
    assert {own_name(word) for word in words.split(", ")} == {*SPECIALISTS}


@pytest.mark.parametrize(
    "options", [["--sampler", "eulr"], ["--sampler", "adaptive", "--steps", "4"]]
)
def test_a_sampler_that_cannot_be_is_refused_once(
    restore: Cli, make_photo: Make, options: list[str]
) -> None:
    ran = restore(make_photo(), *options)
    assert ran.exit_code == 2
    assert len(ran.stderr.strip().splitlines()) == 1


def test_an_empty_name_is_not_the_working_directory(cli: Cli, make_photo: Make) -> None:
    make_photo()
    for verb in (["restore"], ["detect"], ["degrade", "--with", "noise", "-o", "out"]):
        ran = cli(*verb, "")
        assert ran.exit_code == 2
        assert "an empty name; expected a file, a folder or -" in ran.stderr
