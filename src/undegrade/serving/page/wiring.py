"""What happens when something on the page is pressed or changed."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from undegrade.serving.page import controls, words
from undegrade.serving.page.desk import Changes, Desk
from undegrade.serving.page.visits import Visit, Visits

Parts = dict[str, Any]
"""The page's components by name."""

_UNEXPECTED = "Something unexpected went wrong; the server's log says what. Try it again."
_QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_log = logging.getLogger("undegrade.serving")


class Wiring:
    """Brings what is done on the page to the desk, and what that says back to the page.

    Args:
        parts: The components.
        desk: Does what is asked for.
        visits: Who has the page open.
    """

    def __init__(self, parts: Parts, desk: Desk, visits: Visits) -> None:
        self._parts, self._desk, self._visits = parts, desk, visits

    def connect(self, blocks: gr.Blocks, examples: Mapping[Path, gr.Button]) -> None:
        """Connect the components.

        Args:
            blocks: The page.
            examples: Example photos, and what is pressed to take them.
        """
        parts, everything = self._parts, [*self._parts.values()]
        fields = [parts[name] for name in controls.FIELDS]
        chosen = [parts["photo"], parts["page"]]
        gr.on(
            [parts["photo"].change, parts["page"].submit],
            self.choose,
            chosen,
            everything,
            **_QUIET,
        )
        parts["restore"].click(self.restore, fields, everything, **_QUIET)
        parts["cancel"].click(self.cancel, None, None, **_QUIET)
        parts["right"].input(self.show, parts["right"], parts["compare"], **_QUIET)
        place = [parts["across"], parts["down"], parts["right"]]
        parts["look"].click(self.detail, place, [parts["detail"], parts["status"]], **_QUIET)
        changes = [field.change for field in fields] + [parts["seen"].change]
        gr.on(changes, self.command, fields, parts["command"], **_QUIET)
        parts["model"].change(_texture, parts["model"], parts["texture"], **_QUIET)
        for file, button in examples.items():
            button.click(_taker(file), None, parts["photo"], **_QUIET)
        blocks.load(self.stay, None, None, **_QUIET)
        blocks.unload(self.leave)

    async def choose(self, photo: str | None, page: str, request: gr.Request) -> AsyncIterator[Any]:
        """Take a photo."""
        path = Path(photo) if photo else None
        changes = self._desk.choose(self._visit(request), path, page, _client(request))
        async for change in self._told(changes):
            yield change

    async def restore(self, request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        """Restore the photo."""
        values = _values(given)
        changes = self._desk.restore(self._visit(request), values, _client(request))
        async for change in self._told(changes):
            yield change

    async def cancel(self, request: gr.Request) -> None:
        """Give the restoration up."""
        await self._desk.cancel(self._visit(request))

    def show(self, label: str | None, request: gr.Request) -> Any:
        """Show another result."""
        return self._named(self._desk.show(self._visit(request), label))

    async def detail(
        self, across: float, down: float, label: str | None, request: gr.Request
    ) -> Any:
        """Show a part in full resolution."""
        visit = self._visit(request)
        return self._named(await self._desk.detail(visit, across, down, label))

    def command(self, request: gr.Request, *given: Any) -> Any:
        """Say how the same is asked for on the command line."""
        return self._named(self._desk.command(self._visit(request), _values(given)))

    async def stay(self, request: gr.Request) -> None:
        """Last as long as the page is open.

        Gradio's server ends the stream of answers when no question is open, and loses the answer
        to one that is asked while the browser does not know of that yet. This one is always open.
        """
        await self._visit(request).over.wait()

    async def leave(self, request: gr.Request) -> None:
        """Give up what nobody waits for any more: the page was closed."""
        await self.cancel(request)
        self._visits.leave(request.session_hash or "")

    def _visit(self, request: gr.Request) -> Visit:
        return self._visits.of(request.session_hash or "")

    def _named(self, changes: Changes) -> Any:
        """Return changes by component, as Gradio wants them."""
        return {self._parts[name]: value for name, value in changes.items()} or gr.skip()

    async def _told(self, changes: AsyncIterator[Changes]) -> AsyncIterator[Any]:
        """Pass changes on; of what nobody expected, tell that it was."""
        try:
            async for change in changes:
                yield self._named(change)
        except Exception:
            _log.exception("the page could not do what was asked for")
            yield self._named({"status": words.message(_UNEXPECTED, "problem"), "progress": ""})


def _values(given: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(controls.FIELDS, given, strict=True))


def _client(request: gr.Request) -> str:
    """Return who asks: the address, as the API has it."""
    return request.client.host if request.client else "unknown"


def _texture(model: str) -> Any:
    """Show the texture's control for models that draw one, and no others."""
    own = controls.own_texture(model)
    return gr.update(visible=own is not None, value=1.0 if own is None else own)


def _taker(file: Path) -> Callable[[], str]:
    def take() -> str:
        return str(file)

    return take
