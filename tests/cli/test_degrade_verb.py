"""`undegrade degrade`: seeded, faithful to depth, never over an input."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from typer.testing import Result

from undegrade.cli.degrade import describe_all
from undegrade.degradations import REGISTRY, Chain
from undegrade.randomness import generator

Cli = Callable[..., Result]

Make = Callable[..., Path]


def pixels(path: str | Path) -> np.ndarray:
    return pyvips.Image.new_from_file(str(path)).numpy()


def noise_of(path: str | Path, clean: str | Path) -> np.ndarray:
    return pixels(path).astype(float) - pixels(clean)


def test_the_same_seed_and_name_give_the_same_picture(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    for output, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        result = cli("degrade", photo, "-o", output, "--with", "noise:sigma=9", "--seed", seed)
        assert (result.exit_code, result.stdout) == (0, f"{output}/photo.png\n")
    assert np.array_equal(pixels("a/photo.png"), pixels("b/photo.png"))
    assert not np.array_equal(pixels("a/photo.png"), pixels("c/photo.png"))


def test_what_is_done_is_what_the_library_does(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    texts = ["blur:sigma=1..2", "noise:sigma=5..50"]
    result = cli("degrade", photo, "-o", "x.png", "--with", texts[0], "--with", texts[1])
    assert result.exit_code == 0
    hq = pixels(photo).astype(np.float32) / 255
    expected = Chain.parse(texts).apply(hq, generator(0, "degrade", "photo.png"))
    assert np.abs(pixels("x.png") - 255 * expected).max() <= 0.51


def test_what_was_drawn_is_told_and_can_be_repeated(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    command = ["degrade", photo, "--with", "jpeg:quality=5..90", "--seed", "4"]
    told = cli(*command, "-o", "a.png").stderr
    drawn = told.split("degraded by ")[1].strip()
    assert drawn.startswith("jpeg:quality=")
    assert ".." not in drawn
    assert cli("degrade", photo, "--with", drawn, "-o", "b.png").exit_code == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    fact = json.loads(cli(*command, "-o", "c.png", "--json").stdout)
    assert fact["degradations"] == [drawn]
    assert (fact["status"], fact["output"], fact["error"]) == ("done", "c.png", None)


def test_a_mixture_in_random_order_is_told_and_can_be_repeated(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    links = ["blur:sigma=1..3,chance=0.8", "noise:sigma=5..50", "jpeg:quality=10..60,chance=0.8"]
    mixture = [word for link in links for word in ("--with", link)]
    drawn = set()
    for seed in range(8):
        common = ["degrade", photo, "--overwrite", "--seed", str(seed), "--json"]
        fact = json.loads(cli(*common, *mixture, "--shuffle", "-o", "a.png").stdout)
        record = [word for text in fact["degradations"] for word in ("--with", text)]
        assert cli(*common, *record, "-o", "b.png").exit_code == 0
        assert np.array_equal(pixels("a.png"), pixels("b.png"))
        drawn.add(tuple(text.partition(":")[0] for text in fact["degradations"]))
    assert len(drawn) > 3


def test_sixteen_bits_stay_sixteen_bits(cli: Cli) -> None:
    flat = np.full((40, 40, 3), 30_000, np.uint16)
    pyvips.Image.new_from_array(flat, interpretation="rgb16").write_to_file("deep.tif")
    assert cli("degrade", "deep.tif", "-o", "x.tif", "--with", "noise:sigma=0.2").exit_code == 0
    noise = noise_of("x.tif", "deep.tif")
    assert pixels("x.tif").dtype == np.uint16
    assert abs(noise.std() / 257 - 0.2) < 0.01


def test_grey_photos_get_the_noise_that_was_asked_for(cli: Cli) -> None:
    Image.fromarray(np.full((60, 60), 128, np.uint8)).save("grey.png")
    assert cli("degrade", "grey.png", "-o", "x.png", "--with", "noise:sigma=20").exit_code == 0
    assert pixels("x.png").shape[2:] in ((), (1,))
    assert abs(noise_of("x.png", "grey.png").std() - 20) < 1


def test_metadata_are_kept_unless_unwanted(cli: Cli) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.new("RGB", (16, 16), "red").save("a.jpg", exif=exif)
    for output, options in (("kept.jpg", []), ("bare.jpg", ["--strip-metadata"])):
        assert cli("degrade", "a.jpg", "-o", output, "--with", "blur", *options).exit_code == 0
    assert Image.open("kept.jpg").getexif().get(0x010F) == "Maker"
    assert 0x010F not in Image.open("bare.jpg").getexif()
    assert b"algorithmicallyEnhanced" not in Path("kept.jpg").read_bytes()


def test_an_input_is_never_written_over(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    before = photo.read_bytes()
    for output in ("photo.png", "."):
        result = cli("degrade", photo, "-o", output, "--with", "noise", "--overwrite")
        assert result.exit_code == 1
        assert "replace the input photo.png" in result.stderr
    assert photo.read_bytes() == before


def test_a_folder_with_a_bad_file_is_done_but_for_that(cli: Cli, make_photo: Make) -> None:
    make_photo("in/a.png")
    make_photo("in/sub/b.jpg")
    Path("in/bad.png").write_text("I am a picture")
    result = cli("degrade", "in", "-o", "out", "-r", "--with", "noise")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["out/a.png", "out/sub/b.jpg"]
    assert "2 of 3 degraded, 1 failed" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("undegrade: failed: in/bad.png")
    again = cli("degrade", "in", "-o", "out", "-r", "--with", "noise", "--json")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["skipped", "failed", "skipped"]
    assert "not an image" in lines[1]["error"]


def test_each_photo_of_a_folder_gets_its_own_mask(cli: Cli) -> None:
    for folder in ("photos", "masks"):
        Path(folder).mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), "grey").save(f"photos/{number}.png")
        mask = np.zeros((8, 8), np.uint8)
        mask[:number] = 255
        Image.fromarray(mask).save(f"masks/{number}.png")
    command = ["degrade", "photos", "--with", "holes:file=masks,match=order", "-o", "out"]
    assert cli(*command).exit_code == 0
    first = [pixels(f"out/{number}.png") for number in range(3)]
    assert [int((picture == 0)[:, 0, 0].sum()) for picture in first] == [0, 1, 2]
    Path("out/2.png").unlink()
    assert cli(*command).exit_code == 0  # what is done already counts among the photos
    assert np.array_equal(pixels("out/2.png"), first[2])
    refused = cli("degrade", "photos/2.png", "--with", "holes:file=masks,match=order", "-o", "o")
    assert refused.exit_code == 1
    assert "masks holds 3 masks for 1 photos; expected as many" in refused.stderr
    assert not Path("o").exists()


def test_pipes_carry_the_picture_and_nothing_else(cli: Cli, make_photo: Make) -> None:
    photo = make_photo()
    result = cli("degrade", "-", "-o", "-", "--with", "noise:sigma=0", stdin=photo.read_bytes())
    assert result.exit_code == 0
    Path("piped.png").write_bytes(result.stdout_bytes)
    assert np.array_equal(pixels("piped.png"), pixels(photo))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.png", "--with", "nois"], "did you mean 'noise'"),
        (["-o", "x.png", "--with", "noise:sigm=3"], "did you mean 'sigma'"),
        (["-o", "x.png", "--with", "noise:sigma=400"], "a number from 0 to 255"),
        (["-o", "x.png"], "--with"),
        (["--with", "noise"], "--output"),
        (["-o", "x.png", "--with", "noise", "--quality", "0"], "--quality"),
        (["-o", "x.png", "--with", "noise", "--format", "gif"], "--format"),
        (["-o", "x.png", "--with", "noise", "--seed", "-1"], "--seed"),
        (["-o", "x.png", "--with", "noise", "--sed", "1"], "--sed"),
        (["-o", "-", "--with", "noise", "--json"], "--json"),
    ],
)
def test_bad_commands_write_nothing(
    cli: Cli, make_photo: Make, arguments: list[str], message: str
) -> None:
    result = cli("degrade", make_photo(), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert [path.name for path in Path().iterdir()] == ["photo.png"]


def test_all_degradations_are_listed(cli: Cli) -> None:
    for command in (["--list", "--json"], ["--json", "--list"]):
        listed = cli("degrade", *command)
        assert listed.exit_code == 0
        facts = [json.loads(line) for line in listed.stdout.splitlines()]
        assert [fact["name"] for fact in facts] == REGISTRY.names()
        [noise] = [fact for fact in facts if fact["name"] == "noise"]
        assert noise["settings"]["sigma"] == {"default": 25.0, "low": 0, "high": 255}
    assert "(see --list)" in cli("degrade", "--help").stdout
    result = cli("degrade", "--list")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == describe_all()
    assert "jpeg:quality=10,chroma=420" in result.stdout
    headings = [line for line in describe_all() if not line.startswith(" ")]
    assert [Chain.parse([line]).links[0].name for line in headings] == REGISTRY.names()
