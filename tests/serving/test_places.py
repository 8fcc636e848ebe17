"""Where a server listens and keeps things: one place for one server."""

import socket
from pathlib import Path

import pytest

from undegrade.errors import OutputError
from undegrade.serving.server import _listening
from undegrade.serving.store import JobStore


def test_a_second_server_on_the_folder_is_refused(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    with pytest.raises(OutputError, match="a folder that no other server uses"):
        JobStore(tmp_path)
    store.close()
    JobStore(tmp_path).close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        JobStore(tmp_path / "file" / "folder")


def test_a_port_that_is_taken_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OutputError, match=f"127.0.0.1:{port} cannot be listened on"):
            _listening("127.0.0.1", port)
    with _listening("127.0.0.1", 0) as free:
        assert free.getsockname()[1] > 0


def test_a_host_that_is_none() -> None:
    with pytest.raises(OutputError, match="cannot be listened on"):
        _listening("256.0.0.1", 0)
