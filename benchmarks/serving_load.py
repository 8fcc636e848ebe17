"""A server under load for a while: how fast it answers, and whether its memory stays.

    python benchmarks/serving_load.py
    python benchmarks/serving_load.py --clients 32 --seconds 120 --device cuda

Starts a server of its own and lets clients ask without a pause: photos of several sizes, some with
variants, some only looked at. Who is told to come back (429) does, after as long as it is told.
Prints requests each second, their times, the share of 429, and the least and most memory of the
server and its processes after a quarter of the time. Exits with 1 if anything failed otherwise, or
if memory grew by 10 % or more.
"""

import argparse
import asyncio
import io
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from undegrade.randomness import generator

SIDES = (64, 80, 96, 128)
GROWTH = 1.1  # of memory, that fails
READY_SECONDS = 120


@dataclass
class Tally:
    """What was seen."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def photo(side: int) -> bytes:
    """Return the file of a noisy photo."""
    y, x = np.mgrid[0:side, 0:side] / side
    picture = np.stack([y, x, 0.5 + 0 * x], axis=2)
    picture = picture + 0.1 * generator("load", side).standard_normal(picture.shape)
    stream = io.BytesIO()
    Image.fromarray((255 * picture.clip(0, 1)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


async def client(number: int, url: str, end: float, model: str, tally: Tally) -> None:
    """Ask one thing after another until the end."""
    rng = random.Random(number)
    photos = {side: photo(side) for side in SIDES}
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        while time.monotonic() < end:
            route, form = "/api/v1/restore", {"model": model, "seed": str(rng.randrange(1000))}
            chance = rng.random()
            if chance < 0.1:
                route, form = "/api/v1/detect", {}
            elif chance < 0.2:
                form["variants"] = "2"
            files = {"photo": ("photo.png", photos[rng.choice(SIDES)])}
            started = time.monotonic()
            try:
                answer = await http.post(route, files=files, data=form)
            except httpx.HTTPError as error:
                tally.failures.append(repr(error))
                continue
            tally.statuses[answer.status_code] += 1
            if answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
            elif answer.status_code == 200:
                tally.seconds.append(time.monotonic() - started)
            else:
                tally.failures.append(f"{answer.status_code}: {answer.text[:200]}")


async def watch_memory(url: str, begin: float, end: float, tally: Tally) -> None:
    """Note every second how much memory the server and its processes have."""
    await asyncio.sleep(begin - time.monotonic())
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        while time.monotonic() < end:
            text = (await http.get("/metrics")).text
            found = re.search(r"^undegrade_memory_bytes (\S+)", text, re.MULTILINE)
            assert found is not None
            tally.memory.append(float(found[1]) / 2**20)
            await asyncio.sleep(1)


async def load(url: str, clients: int, seconds: float, model: str) -> Tally:
    tally, start = Tally(), time.monotonic()
    end = start + seconds
    await asyncio.gather(
        watch_memory(url, start + seconds / 4, end, tally),
        *(client(number, url, end, model, tally) for number in range(clients)),
    )
    return tally


def start(folder: Path, options: argparse.Namespace) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server, whose log goes into a file; return it and where it is."""
    words = [sys.executable, "-m", "undegrade", "serve", "--port", "0", "--no-page"]
    words += ["--folder", str(folder / "jobs"), "--device", options.device]
    words += ["--batch", options.batch, "--max-per-client", "1000"]
    words += ["--max-queue", str(max(options.clients // 2, 1))]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(words, stderr=file)
    for _ in range(READY_SECONDS * 5):
        found = re.search(r"(http://[^/]+)/", log.read_text())
        if process.poll() is not None:
            break
        if found is not None and is_ready(found[1]):
            return process, found[1]
        time.sleep(0.2)
    process.kill()
    sys.exit(f"the server did not become ready: {log.read_text()}")


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:  # it does not listen yet
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--model", default="resflow-general")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, url = start(Path(folder), options)
        try:
            tally = asyncio.run(load(url, options.clients, options.seconds, options.model))
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    sys.exit(report(tally, options.seconds, code))


def report(tally: Tally, seconds: float, code: int) -> int:
    """Print what was seen; return the exit code."""
    asked = tally.statuses.total()
    p50, p95 = np.percentile(tally.seconds, [50, 95])
    least, most = min(tally.memory), max(tally.memory)
    print(f"{len(tally.seconds)} answers, {len(tally.seconds) / seconds:.1f} a second")
    print(f"p50 {p50:.2f} s, p95 {p95:.2f} s")
    print(f"429: {tally.statuses[429] / asked:.1%} of {asked}")
    print(f"memory {least:.0f} to {most:.0f} MiB, ratio {most / least:.3f}")
    print(f"failures: {len(tally.failures)}; the server ended with {code}")
    for failure in tally.failures[:10]:
        print(" ", failure)
    return int(bool(tally.failures) or most / least >= GROWTH or code != 0)


if __name__ == "__main__":
    main()
