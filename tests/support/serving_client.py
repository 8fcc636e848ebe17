"""What tests of the server ask it, and what they wait for."""

import io
import signal
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from PIL import Image

from undegrade.randomness import generator
from undegrade.serving.service import JobService

SLOW = {"model": "tiny", "steps": "50", "tile-size": "64"}
"""A form whose job takes many seconds on :data:`BIG`, in many small tiles."""


@dataclass
class Running:
    """A server in a thread of this process."""

    url: str
    app: FastAPI
    client: httpx.Client
    folder: Path

    @property
    def service(self) -> JobService:
        return self.app.state.service

    def ask(self, photo: bytes, name: str = "photo.png", **fields: str) -> httpx.Response:
        return self.client.post("/api/v1/restore", files={"photo": (name, photo)}, data=fields)

    def submit(self, photo: bytes, name: str = "photo.png", **fields: str) -> dict[str, Any]:
        answer = self.client.post("/api/v1/jobs", files={"photo": (name, photo)}, data=fields)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def show(self, name: str) -> dict[str, Any]:
        return self.client.get(f"/api/v1/jobs/{name}").json()

    def until(self, name: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a job is in one of some states."""
        return wait_for(lambda: (job := self.show(name))["state"] in states and job, seconds)


@dataclass
class Command:
    """`undegrade serve`, in a process of its own."""

    process: subprocess.Popen[str]
    client: httpx.Client
    said: list[str]
    listener: threading.Thread

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for its end and its last words; return its exit code."""
        code = self.process.wait(seconds)
        self.listener.join(seconds)
        return code


Serve = Callable[..., Running]


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Return what is true at last; a test fails for which it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if told := what():
            return told
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def make_photo(height: int = 24, width: int = 33, name: str = "photo", kind: str = "PNG") -> bytes:
    """Return the file of a small photo."""
    y, x = np.mgrid[0:height, 0:width]
    grain = generator(name).integers(0, 20, (height, width, 3))
    picture = np.stack([4 * y, 5 * x, 60 + x + y], axis=2) % 236 + grain
    stream = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def check_problem(answer: httpx.Response, status: int, limit: float | None = None) -> dict:
    """Check that an answer tells a problem as it should, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["reason"]
    assert told.get("limit") == limit
    for sign in ("Traceback", "/work", "/tmp", "/root", ".py"):
        assert sign not in answer.text
    return told


def header_of(width: int, height: int) -> bytes:
    """Return a PNG whose header promises so many pixels, of which hardly any are there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        ends = (struct.pack(">I", number) for number in (len(body), zlib.crc32(kind + body)))
        return (kind + body).join(ends)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


BIG = make_photo(260, 260)
"""A photo of many tiles."""
