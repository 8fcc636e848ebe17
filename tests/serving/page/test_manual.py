"""The description of the API in a real browser."""

import json
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect


def test_the_description_is_shown_and_tried_out_without_asking_anybody_else(
    browser: Browser, server: str
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    asked, errors = list[str](), list[str]()
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{server}/docs")
    expect(page.locator(".opblock")).to_have_count(13, timeout=30_000)
    operation = page.locator(".opblock", has_text="/api/v1/limits")
    operation.locator(".opblock-summary-control").click()
    expect(operation).to_contain_text("Say what is refused.")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    told = json.loads(answer.locator(".response-col_description pre").first.inner_text())
    assert told == httpx.get(f"{server}/api/v1/limits").json()
    context.close()
    paths = {urlsplit(url).path for url in asked if url.startswith(server)}
    assert {"/docs", "/openapi.json", "/api/v1/limits"} <= paths
    assert [url for url in asked if not url.startswith((f"{server}/", "data:"))] == []
    assert errors == []


def test_a_browser_is_forbidden_to_ask_anybody_else_for_it(server: str) -> None:
    answer = httpx.get(f"{server}/docs")
    for told in (answer, httpx.get(f"{server}/docs/files/swagger-ui-bundle.js")):
        assert told.status_code == 200
        policy = dict(
            part.split(" ", 1) for part in told.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == policy["connect-src"] == "'self'"
        assert policy["script-src"] == "'self' 'unsafe-inline'"
    assert "http" not in answer.headers["content-security-policy"]
    assert '"validatorUrl": null' in answer.text
    assert "//" not in answer.text.replace("window.location.protocol + '//'", "")


@pytest.mark.parametrize("path", ["/redoc", "/docs/files/redoc", "/docs/files/../core.py"])
def test_there_is_one_description(server: str, path: str) -> None:
    assert httpx.get(server + path).status_code == 404
