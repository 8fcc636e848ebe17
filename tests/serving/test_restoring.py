"""Photos in, photos out: what comes is what `undegrade restore` writes."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pyvips
from PIL import Image
from serving_client import Running, make_photo, wait_for
from typer.testing import CliRunner

from undegrade.cli.main import app
from undegrade.images import open_photo, read_provenance
from undegrade.inference.host import free_memory
from undegrade.serving.forms import RestoreForm
from undegrade.serving.sending import disposition


def by_command(
    folder: Path, photo: bytes, *flags: str, name: str = "photo.png"
) -> dict[str, bytes]:
    """Return the files that the command line makes of a photo, by name."""
    source = folder / name
    source.write_bytes(photo)
    result = CliRunner().invoke(app, ["restore", str(source), "--device", "cpu", *flags])
    assert result.exit_code == 0, result.output
    source.unlink()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"model": "tiny", "seed": "7"}, ("--model", "tiny", "--seed", "7")),
        ({"task": "denoise", "steps": "2"}, ("--task", "denoise", "--steps", "2")),
        (
            {"model": "tiny", "deterministic": "true", "sampler": "heun", "tile-size": "64"},
            ("--model", "tiny", "--deterministic", "--sampler", "heun", "--tile-size", "64"),
        ),
        ({}, ()),
    ],
)
def test_the_same_options_give_the_same_bytes(
    server: Running, tmp_path: Path, fields: dict[str, str], flags: tuple[str, ...]
) -> None:
    photo = make_photo(70, 90)
    answer = server.ask(photo, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    [(name, content)] = by_command(tmp_path, photo, *flags).items()
    assert name in answer.headers["content-disposition"]
    assert answer.content == content
    assert answer.content != photo


def photo_of(kind: str) -> bytes:
    """Return a file of a kind, the TIFF of 16 bits and with two pages."""
    if kind != "TIFF":
        return make_photo(70, 90, kind=kind)
    pages = [pyvips.Image.new_from_buffer(make_photo(70, 90, name), "") for name in "ab"]
    joined = pages[0].join(pages[1], "vertical") * 257
    joined = joined.cast("ushort").copy(interpretation="rgb16")
    joined.set_type(pyvips.GValue.gint_type, "page-height", 70)
    return bytes(joined.tiffsave_buffer())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": "80"}),
        ("WEBP", {"strip-metadata": ""}),
        ("TIFF", {"page": "2", "seed": "3"}),
        ("TIFF", {"page": "1", "format": "png"}),
        ("PNG", {"model": "textured", "texture": "0.4", "seed": "5"}),
        ("PNG", {"model": "textured", "steps": "0"}),
    ],
)
def test_the_same_bytes_come_of_any_format_and_option(
    server: Running, tmp_path: Path, kind: str, options: dict[str, str]
) -> None:
    fields = {"model": "tiny"} | {name: value or "true" for name, value in options.items()}
    flags = [
        word
        for name, value in ({"model": "tiny"} | options).items()
        for word in (f"--{name}", value)
        if word
    ]
    photo = photo_of(kind)
    answer = server.ask(photo, f"photo.{kind.lower()}", **fields)
    assert answer.status_code == 200, answer.text
    [(name, content)] = by_command(tmp_path, photo, *flags, name=f"photo.{kind.lower()}").items()
    assert name in answer.headers["content-disposition"]
    assert answer.content == content


def test_another_seed_gives_another_picture(server: Running) -> None:
    photo = make_photo()
    one, two = (server.ask(photo, model="tiny", seed=seed).content for seed in ("0", "1"))
    assert one != two


def test_several_results_come_as_an_archive(server: Running, tmp_path: Path) -> None:
    photo = make_photo()
    answer = server.ask(photo, model="tiny", variants="2", uncertainty="true")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        got = {name: archive.read(name) for name in archive.namelist()}
    want = by_command(tmp_path, photo, "--model", "tiny", "--variants", "2", "--uncertainty")
    assert got == want
    assert len(got) == 5


def test_the_report_is_that_of_the_command(server: Running) -> None:
    report = json.loads(
        server.ask(make_photo(), model="tiny", seed="3").headers["undegrade-report"]
    )
    assert report["model"] == "tiny"
    assert (report["seed"], report["steps"], report["tiles"]) == (3, 2, 1)


def test_metadata_are_kept_unless_they_are_to_be_stripped(
    server: Running,
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Somebody's camera"
    stream = io.BytesIO()
    Image.open(io.BytesIO(make_photo())).save(stream, "JPEG", exif=exif, quality=95)
    kept = server.ask(stream.getvalue(), "photo.jpg", model="tiny")
    stripped = server.ask(
        stream.getvalue(), "photo.jpg", **{"model": "tiny", "strip-metadata": "true"}
    )
    assert Image.open(io.BytesIO(kept.content)).getexif()[0x010F] == "Somebody's camera"
    assert 0x010F not in Image.open(io.BytesIO(stripped.content)).getexif()
    with open_photo(kept.content) as photo:
        provenance = read_provenance(photo.metadata.xmp or b"")
    assert provenance is not None
    assert provenance.model == "tiny"


def test_formats_and_qualities_are_heeded(server: Running) -> None:
    sizes = []
    for quality in ("10", "90"):
        answer = server.ask(make_photo(), model="tiny", format="webp", quality=quality)
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).format == "WEBP"
        sizes.append(len(answer.content))
    assert sizes[0] < sizes[1]


def test_fields_are_named_as_the_flags() -> None:
    told = CliRunner().invoke(app, ["restore", "--help"], env={"COLUMNS": "200"}).output
    for name, field in RestoreForm.model_fields.items():
        assert f"--{(field.alias or name).replace('_', '-')}" in told


def test_results_do_not_stay(server: Running) -> None:
    before = server.service.store.size
    assert server.ask(make_photo(), model="tiny").status_code == 200
    wait_for(lambda: server.service.store.size == before)
    assert not [*(server.folder / "incoming").iterdir()]


def test_what_a_photo_suffers_from(server: Running) -> None:
    answer = server.client.post("/api/v1/detect", files={"photo": make_photo(200, 200)})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["model"] == "detector"
    assert all(0 <= value <= 1 for value in told["probabilities"].values())


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png",
        "C:\\photos\\my.png",
        "\u00e4\u6f22" * 90 + ".png",
        ".png",
        "a\x00b.png",
    ],
)
def test_a_name_is_but_a_name(server: Running, name: str) -> None:
    check_name(server, server.submit(make_photo(), name, model="tiny"))


def test_a_photo_without_a_name_gets_one(server: Running) -> None:
    """Of an empty name httpx sends none; what else sends it is written out."""
    head = b'--x\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n'
    body = head % (b"model", b"") + b"tiny\r\n"
    body += head % (b"photo", b'; filename=""') + make_photo() + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/api/v1/jobs", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["name"] == "photo"
    check_name(server, answer.json())


def check_name(server: Running, job: dict[str, Any]) -> None:
    """Check that a job's file has a name that is but a name, and is found by it."""
    job = server.until(job["id"], "done", "failed")
    [file] = job["files"]
    assert "/" not in file
    assert "\\" not in file
    assert len(file.encode()) < 200
    answer = server.client.get(f"/api/v1/jobs/{job['id']}/files/{quote(file)}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("photo.restored.jpg", "photo.restored.jpg"),
        ("my photo (2).png", "my photo (2).png"),
        ("Z\u00fcrich.jpg", "Zurich.jpg"),
        ("\u6f22\u5b57.restored.png", "photo.restored.png"),
        ('a"b\\c;%22.jpg', "a_b_c__22.jpg"),
        ("a\r\nSet-Cookie: b.jpg", "a__Set-Cookie_ b.jpg"),
    ],
)
def test_a_file_is_named_in_plain_text_as_well(name: str, plain: str) -> None:
    """By RFC 6266 the second counts for who understands it; curl 7.88 does not."""
    told = disposition(name)
    assert told == f"attachment; filename=\"{plain}\"; filename*=utf-8''{quote(name, safe='')}"


def test_a_result_is_named_in_plain_text(server: Running) -> None:
    answer = server.ask(make_photo(), "my photo.png", model="tiny")
    assert 'filename="my photo.restored.png"' in answer.headers["content-disposition"]


def test_models_and_limits_are_told(server: Running) -> None:
    told = server.client.get("/api/v1/models").json()
    names = {model["name"] for model in told["models"]}
    assert {"tiny", "resflow-general"} <= names
    assert set(told["best"].values()) <= names
    limits = server.client.get("/api/v1/limits").json()
    assert limits["max_per_client"] == 32
    assert limits["max_bytes"] == 32 << 20
    assert 1 << 20 < limits["memory"] < free_memory()  # nobody has named it
