"""Real servers with a tiny model, each on a port of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import torch
import uvicorn
from serving_client import Command, Running, Serve, wait_for
from tiny_model import tiny_dtpm, tiny_resflow

from undegrade.methods import build_method, parse_options
from undegrade.serving.app import create_app
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.server import Server
from undegrade.zoo import ModelConfig, save_model


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pulled models, with tiny untrained ones whose output differs from their input."""
    folder = tmp_path_factory.mktemp("home")
    for name, options in (("tiny", tiny_resflow()), ("textured", tiny_dtpm())):
        torch.manual_seed(0)
        method = build_method(parse_options(options))
        with torch.no_grad():
            for parameter in method.parameters():
                parameter.copy_(0.1 * torch.randn(parameter.shape))
        config = ModelConfig(tasks=("denoise",), default_steps=2, recipe={"name": name})
        save_model(folder / "models" / name, method, config)
    return folder


@pytest.fixture(scope="module")
def serve(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers, which end with the module."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("UNDEGRADE_HOME", str(home))
        patch.setenv("OMP_NUM_THREADS", "1")

        def start(*, folder: Path | None = None, ready: bool = True, **options: Any) -> Running:
            folder = folder or tmp_path_factory.mktemp("server")
            limits = {name: options.pop(name) for name in Limits.model_fields if name in options}
            settings = {
                "page": False,
                "batch": 1,
                "device": "cpu",
                "precision": "float32",
            } | options
            running = stack.enter_context(
                _running(ServerOptions(folder=folder, limits=Limits(**limits), **settings))
            )
            if ready:
                wait_for(lambda: running.client.get("/readyz").status_code == 200)
            return running

        yield start


@contextmanager
def _running(options: ServerOptions) -> Iterator[Running]:
    app = create_app(options)
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=5)
    server = Server(config, app.state.service)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=60) as client:
            yield Running(url, app, client, options.place)
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def server(serve: Serve) -> Running:
    """A server as it is without options."""
    return serve(max_per_client=32)


@pytest.fixture
def command(home: Path, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start `undegrade serve`, with a folder that stays the same within a test."""
    started: list[Command] = []

    def start(*words: str) -> Command:
        environment = os.environ | {"UNDEGRADE_HOME": str(home), "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "undegrade", "serve", "--port", "0", "--device", "cpu"]
        line += ["--batch", "1", "--no-page", "--folder", str(tmp_path / "kept"), *words]
        process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        said: list[str] = []
        listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        told = wait_for(lambda: next((line for line in said if "http://" in line), None))
        url = told.split("http://")[1].split("/")[0]
        client = httpx.Client(base_url=f"http://{url}", timeout=60)
        one = Command(process, client, said, listener)
        started.append(one)
        wait_for(lambda: _ready(one))
        return one

    yield start
    for one in started:
        one.client.close()
        one.process.kill()
        one.process.wait()


def _listen(stream: IO[str], said: list[str]) -> None:
    said.extend(iter(stream.readline, ""))


def _ready(one: Command) -> bool:
    assert one.process.poll() is None
    try:
        return one.client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
