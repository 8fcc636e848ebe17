"""The page asked without a browser, as anybody can."""

import itertools
import json
import secrets
from typing import Any

import httpx


class Asking:
    """One open page, of which nothing is seen.

    Args:
        client: Asks the server.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client, self.session = client, secrets.token_hex(5)
        config = client.get("/config").json()
        self._calls = {call["api_name"]: call for call in config["dependencies"]}
        self._labels = {one["id"]: one["props"].get("label") for one in config["components"]}
        self._values = {one["id"]: one["props"].get("value") for one in config["components"]}

    def join(self, call: str, **values: Any) -> httpx.Response:
        """Ask for something, with values of controls by their labels in place of the first ones."""
        found = self._calls[call]
        data = [
            values.get(self._labels[number] or "", self._values[number])
            for number in found["inputs"]
        ]
        body = {"data": data, "fn_index": found["id"], "session_hash": self.session}
        return self._client.post("/gradio_api/queue/join", json=body | {"trigger_id": None})

    def ask(self, call: str, **values: Any) -> list[dict[str, Any]]:
        """Ask for something; return all that is told, to the end."""
        answer = self.join(call, **values)
        assert answer.status_code == 200, answer.text
        return self.told()

    def told(self) -> list[dict[str, Any]]:
        """Return what is told of what was asked, to the end of the first of it."""
        messages = list[dict[str, Any]]()
        place = {"session_hash": self.session}
        with self._client.stream("GET", "/gradio_api/queue/data", params=place) as stream:
            for line in itertools.filterfalse(lambda line: not line, stream.iter_lines()):
                messages.append(json.loads(line.removeprefix("data: ")))
                if messages[-1]["msg"] in ("process_completed", "close_stream"):
                    break
        return messages

    def upload(self, *files: tuple[str, bytes]) -> httpx.Response:
        """Send files."""
        return self._client.post("/gradio_api/upload", files=[("files", one) for one in files])


def sent(path: str) -> dict[str, Any]:
    """Return a file as a browser names it that has sent one."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
