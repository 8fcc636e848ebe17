"""Uploads that are none: each is refused with a reason, and the server lives on."""

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from serving_client import Running, Serve, check_problem, header_of, make_photo

from undegrade.randomness import generator

JPEG = make_photo(60, 80, kind="JPEG")
PNG = make_photo(60, 80)
TIFF = make_photo(60, 80, kind="TIFF")


@pytest.fixture(scope="module")
def small(serve: Serve) -> Running:
    return serve(max_megapixels=1.0, max_bytes=1 << 20, body_seconds=2.0)


def refused(server: Running, photo: bytes, name: str = "photo.jpg") -> None:
    answer = server.ask(photo, name, model="tiny")
    assert answer.status_code in (413, 422)
    limit = 1.0 if answer.status_code == 413 else None
    check_problem(answer, answer.status_code, limit)


def bombs() -> Iterator[tuple[str, bytes]]:
    yield "png", header_of(65_000, 65_000)
    for kind in ("PNG", "GIF", "TIFF", "WEBP"):
        stream = io.BytesIO()
        options = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
        Image.new("L", (9000, 4000)).save(stream, kind, **options)
        yield kind.lower(), stream.getvalue()
    yield "zlib", zlib.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    ("kind", "photo"), [*bombs()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_bombs(small: Running, kind: str, photo: bytes) -> None:
    refused(small, photo, f"bomb.{kind}")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_bomb(kind: bytes, name: bytes) -> bytes:
    """Return a photo of whose metadata 200 MB come where they are unpacked."""
    head = PNG.index(b"IHDR") + 17
    return PNG[:head] + chunk(kind, name + zlib.compress(bytes(200_000_000), 9)) + PNG[head:]


BOMBS = {
    "text": with_bomb(b"zTXt", b"Comment\0\0"),
    "international text": with_bomb(b"iTXt", b"Comment\0\1\0\0\0"),
    "profile": with_bomb(b"iCCP", b"profile\0\0"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_in_metadata_take_no_memory(small: Running, name: str) -> None:
    assert small.ask(PNG, "photo.png", model="tiny").status_code == 200
    pids = [*small.service.pids, *small.app.state.intake.pids]
    before = [peak(pid) for pid in pids]
    photo = BOMBS[name]
    assert len(photo) < 1 << 20
    answer = small.ask(photo, "photo.png", model="tiny")
    if answer.status_code == 200:
        assert len(answer.content) < 4 * len(PNG)
    else:
        check_problem(answer, 422)
    assert max(map(int.__sub__, map(peak, pids), before)) < 100 << 20


def peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.parametrize(
    "photo",
    [
        b"",
        b"\x00",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%PDF-1.4",
        b"GIF89a",
        b"\xff\xd8\xff\xe0",
        b"II*\x00\xff\xff\xff\xff",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"\x00\x00\x00\x20ftypavif" + bytes(100),
        b"\x00\x00\x00\x20ftypheic" + bytes(100),
        b"P6 1000000 1000000 255\n",
        b"#!/bin/sh\nrm -rf /\n",
    ],
)
def test_what_is_no_photo(small: Running, photo: bytes) -> None:
    refused(small, photo)


@pytest.mark.parametrize("photo", [JPEG, PNG, TIFF], ids=["jpeg", "png", "tiff"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_what_is_cut_short(small: Running, photo: bytes, share: float) -> None:
    refused(small, photo[: int(share * len(photo))])


@given(seed=st.integers(0, 2**31), which=st.integers(0, 2), hits=st.integers(1, 30))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_damaged(small: Running, seed: int, which: int, hits: int) -> None:
    """Damage may be such that a picture is left; else it is refused."""
    rng = generator("damage", seed)
    photo = bytearray((JPEG, PNG, TIFF)[which])
    for place in rng.integers(0, len(photo), hits):
        photo[place] = int(rng.integers(256))
    answer = small.ask(bytes(photo), model="tiny")
    if answer.status_code != 200:
        assert answer.status_code in (413, 422)
        check_problem(answer, answer.status_code, 1.0 if answer.status_code == 413 else None)


PART = b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"garbage"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nno colon\r\n\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\ncontent-disposition: form-data\r\n\r\nhi\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", PART),
        ("multipart/form-data; boundary=x", PART + PNG),
        ("multipart/form-data; boundary=x", (PART + b"a\r\n") * 2 + b"--x--"),
        ("multipart/form-data; boundary=x; charset=klingon", PART + b"a\r\n--x--"),
        (
            "multipart/form-data; boundary=x; charset=undefined",
            b'--x\r\ncontent-disposition: form-data; name="\xff"\r\n\r\nhi\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x; charset=utf-16",
            b'--x\r\ncontent-disposition: form-data; name="abc"\r\n\r\nhi\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x; charset=undefined",
            b'--x\r\ncontent-disposition: form-data; name="photo"; filename="\xff"\r\n\r\n'
            + PNG
            + b"\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="task"\r\n\r\n'
            + b"a" * 9000
            + b"\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n' * 50 + b"--x--",
        ),
        ("multipart/form-data; boundary=" + "x" * 5000, PART),
        ("application/x-www-form-urlencoded", b"photo=http%3A%2F%2Fevil.example"),
        ("application/json", b"{}"),
        ("image/png", PNG),
        ("\u00ff", b"hello"),
    ],
)
def test_forms_that_are_garbage(small: Running, kind: str, body: bytes) -> None:
    headers = {"content-type": kind.encode("latin-1")}
    for route in ("/api/v1/restore", "/api/v1/jobs", "/api/v1/detect"):
        answer = small.client.post(route, content=body, headers=headers)
        assert answer.status_code in (400, 415, 422), answer.text
        check_problem(answer, answer.status_code)


@given(st.binary(max_size=400))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_forms_of_any_bytes(small: Running, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = small.client.post("/api/v1/jobs", content=b"--x\r\n" + body, headers=headers)
    assert answer.status_code in (400, 422)
    check_problem(answer, answer.status_code)


def test_the_server_has_lived_through_all_that(small: Running) -> None:
    assert small.ask(make_photo(), model="tiny").status_code == 200
    assert small.client.get("/readyz").status_code == 200
    assert not [*(small.folder / "incoming").iterdir()]
