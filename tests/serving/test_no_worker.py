"""A server that has nobody to restore photos, and says so."""

import subprocess
import sys
from pathlib import Path

import pytest
from serving_client import Serve, check_problem, make_photo, wait_for

from undegrade.errors import DeviceError, UsageError
from undegrade.serving import pool
from undegrade.serving.devices import check_device

NOWHERE = "cuda:99"


def test_who_waits_is_told_that_there_is_no_worker(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "_PAUSE", 0.1)
    server = serve(device=NOWHERE, ready=False)
    kept = server.submit(make_photo(), model="tiny")
    told = check_problem(server.ask(make_photo(), model="tiny"), 503)
    assert "nobody is there" in told["reason"]
    wait_for(lambda: server.service._pool.is_missing)
    answer = server.client.post("/api/v1/jobs", files={"photo": ("a.png", make_photo())})
    check_problem(answer, 503)
    assert server.show(kept["id"])["state"] == "queued"  # it may be done by the next server
    assert f"device '{NOWHERE}' was asked for" in caplog.text


def test_pauses_between_starts_grow() -> None:
    assert [pool.pause_after(number) for number in (1, 2, 3, 7, 5000)] == [1, 2, 4, 60, 60]


def test_the_command_refuses_a_device_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "undegrade", "serve", "--port", "0", "--device", NOWHERE]
    command += ["--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"device '{NOWHERE}' was asked for" in done.stderr
    assert "Traceback" not in done.stderr


def test_devices_that_can_be_used_or_are_none() -> None:
    with pytest.raises(UsageError, match="no device 'gpu'"):
        check_device("gpu")
    with pytest.raises(DeviceError, match=NOWHERE):
        check_device(NOWHERE)
    check_device("auto")
