"""What the server says of itself: OpenAPI, metrics, the command's help."""

import re
import shlex
from itertools import pairwise

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from serving_client import Running, Serve, make_photo, wait_for
from typer.testing import CliRunner

from undegrade.cli.main import app
from undegrade.cli.serve import _origin
from undegrade.serving.options import Limits


@pytest.fixture(scope="module")
def described(serve: Serve) -> Running:
    return serve(max_per_client=64, body_seconds=5.0)


def test_every_route_has_an_example_that_runs(described: Running) -> None:
    job = described.submit(make_photo(kind="JPEG"), "photo.jpg", model="tiny")
    job = described.until(job["id"], "done")
    description = described.client.get("/openapi.json").json()
    seen = 0
    for path, routes in description["paths"].items():
        for method, route in routes.items():
            assert route["summary"]
            line = next(text for text in route["description"].splitlines() if "curl " in text)
            asked = run_curl(described, line.strip(), job)
            assert asked == (
                method.upper(),
                path.replace("{id}", job["id"]).replace("{file}", job["files"][0]),
            )
            seen += 1
    assert seen == 13


def run_curl(server: Running, line: str, job: dict) -> tuple[str, str]:
    """Ask what a command line of curl asks, and return method and route."""
    words = shlex.split(line.replace("/ID", "/" + job["id"]))
    assert words[0] == "curl"
    fields = [after for word, after in pairwise(words) if word == "-F"]
    form = dict(field.split("=", 1) for field in fields)
    route = words[-1].removeprefix("http://127.0.0.1:8000")
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if form else "GET"
    if method == "DELETE":
        return method, route
    photo = (
        {"photo": ("photo.jpg", make_photo(70, 70, kind="JPEG"))}
        if form.pop("photo", None)
        else None
    )
    answer = server.client.request(method, route, files=photo, data=form or None)
    assert answer.status_code in (200, 202), answer.text
    return method, route


def test_problems_are_described(described: Running) -> None:
    paths = described.client.get("/openapi.json").json()["paths"]
    told = paths["/api/v1/restore"]["post"]["responses"]
    for status in ("400", "408", "413", "415", "422", "429", "503"):
        assert (
            "reason" in told[status]["content"]["application/problem+json"]["schema"]["properties"]
        )


def test_what_is_counted(described: Running) -> None:
    described.ask(make_photo(100, 100), model="tiny")
    described.client.request("BREW", "/healthz")
    counted = re.compile(r'undegrade_requests_total\{.*"/api/v1/restore",status="200"\} [1-9]')
    wait_for(lambda: counted.search(described.client.get("/metrics").text))
    text = described.client.get("/metrics").text
    assert 'method="BREW"' not in text
    assert "\nundegrade_queue_length 0.0" in text
    assert int(re.search(r"seconds_per_megapixel_count (\d+)", text)[1]) >= 1
    memory = float(re.search(r"\nundegrade_memory_bytes (\S+)", text)[1])
    assert 100e6 < memory < 10e9


def test_every_limit_is_an_option() -> None:
    told = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    for name in Limits.model_fields:
        assert f"--{name.replace('_', '-')}" in told
    assert "UNDEGRADE_API_KEY" in told


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--batch", "many", "auto, or 1 to 64"),
        ("--memory", "1", "192 MiB or more"),
        ("--origin", "foo", "https://example.org"),
        ("--origin", "https://x.org/path", "https://example.org"),
        ("--origin", "https://x.org/", "https://example.org"),
        ("--origin", "https://", "https://example.org"),
        ("--origin", "ftp://x.org", "https://example.org"),
        ("--origin", "https://X.org", "https://example.org"),
        ("--origin", "https://me@x.org", "https://example.org"),
        ("--origin", "*", "https://example.org"),
    ],
)
def test_options_that_are_wrong(option: str, value: str, said: str) -> None:
    result = CliRunner().invoke(app, ["serve", option, value])
    assert result.exit_code == 2
    assert f"{option} {value}" in result.stderr
    assert said in result.stderr


@pytest.mark.parametrize("site", ["https://example.org", "http://127.0.0.1:3000"])
def test_sites_that_may_be_named(site: str) -> None:
    assert _origin(site) == site


def attack(server: Running, examples: int) -> int:
    """Ask what the description allows and what it does not; return how often."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[*HealthCheck],
        )
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            answer = case.call(base_url=server.url, timeout=60)
            asked += 1
            case.validate_response(answer, checks=[not_a_server_error])
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == ["application/problem+json"]

        given(case=operation.as_strategy())(ask)()
    return asked


def test_nothing_that_is_asked_breaks_it(described: Running) -> None:
    assert attack(described, 5) > 40


@pytest.mark.slow
def test_nothing_that_is_asked_for_long_breaks_it(described: Running) -> None:
    assert attack(described, 60) > 300
