"""`undegrade serve`: what it asks of the server, which is none of its own."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="serving needs undegrade[serve]")
from undegrade.cli.main import app
from undegrade.serving import server
from undegrade.serving.options import Limits, ServerOptions


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[ServerOptions]:
    """What a server was asked for, of which there is none."""
    given: list[ServerOptions] = []

    def run(options: ServerOptions, tell: Callable[[int], None]) -> None:
        given.append(options)
        tell(options.port)

    monkeypatch.setattr(server, "run", run)
    monkeypatch.delenv("UNDEGRADE_API_KEY", raising=False)
    return given


def test_without_options_it_is_as_servers_are(asked: list[ServerOptions]) -> None:
    told = CliRunner().invoke(app, ["serve"])
    assert told.exit_code == 0, told.output
    assert asked == [ServerOptions()]
    assert asked[0].host == "127.0.0.1"
    assert "http://127.0.0.1:8000 is the page" in told.stderr


def test_every_option_is_heeded(
    asked: list[ServerOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_API_KEY", "secret")
    limits = {
        name: 7_000_000_000 if name == "memory" else 7777.0 if "hours" in name else 7777
        for name in Limits.model_fields
    }
    words = [f"--{name.replace('_', '-')}={value}" for name, value in limits.items()]
    words += ["--host=::1", "--port=99", "--workers=3", "--batch=5", "--grace=2", "--no-page"]
    words += ["--origin=https://one.example", "--name=two.example", "--folder=here"]
    told = CliRunner().invoke(app, ["serve", *words])
    assert told.exit_code == 0, told.output
    [options] = asked
    assert options.limits == Limits(**limits)
    assert (options.host, options.port, options.workers, options.batch) == ("::1", 99, 3, 5)
    assert (options.grace, options.page, str(options.folder)) == (2.0, False, "here")
    assert (options.origins, options.names) == (("https://one.example",), ("two.example",))
    assert options.api_key is not None
    assert options.api_key.get_secret_value() == "secret"
    assert "http://[::1]:99/docs" in told.stderr
