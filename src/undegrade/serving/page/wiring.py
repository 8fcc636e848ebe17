"""What happens when something on the page is pressed or changed."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import gradio as gr

from undegrade.serving.page import controls, words
from undegrade.serving.page.actions import PageActions
from undegrade.serving.page.sessions import PageSession, PageSessions, Sent
from undegrade.serving.page.showing import HIDDEN, Changes, merged

Parts = dict[str, Any]
"""The page's components by name."""

_UNEXPECTED = "Something unexpected went wrong; the server's log says what. Try it again."
_QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# What a browser gives as it gives it: Gradio would break down over an emptied slider, and does not
# tell what a file is called whose name has marks in it. The form checks all of its fields itself.
_AS_IT_IS = {**_QUIET, "preprocess": False}
_log = logging.getLogger("undegrade.serving")


class Wiring:
    """Has done what is asked for on the page, and shows on the page what came of it.

    Args:
        parts: The components.
        actions: Does what is asked for.
        sessions: Who has the page open.
    """

    def __init__(self, parts: Parts, actions: PageActions, sessions: PageSessions) -> None:
        self._parts, self._actions, self._sessions = parts, actions, sessions

    def connect(self, blocks: gr.Blocks, examples: Mapping[Path, gr.Button]) -> None:
        """Connect the components.

        Args:
            blocks: The page.
            examples: Example photos, and what is pressed to take them.
        """
        parts, everything = self._parts, [*self._parts.values()]
        fields = [parts[name] for name in controls.FIELDS]
        chosen = [parts["photo"], parts["page"]]
        parts["photo"].change(self.choose, chosen, everything, **_AS_IT_IS)
        typed = [parts["page"].submit, parts["page"].blur]
        gr.on(typed, self.turn_page, chosen, everything, **_AS_IT_IS)
        given = [parts["photo"], *fields]
        restored = parts["restore"].click(self.restore, given, everything, **_AS_IT_IS)
        restored.then(self.look_again, None, parts["still"], **_QUIET)
        parts["cancel"].click(self.cancel, None, None, **_QUIET)
        parts["right"].input(self.show, parts["right"], parts["compare"], **_QUIET)
        place = [parts["across"], parts["down"], parts["right"]]
        shown = [parts["detail"], parts["status"]]
        asked = [parts["look"].click, parts["detail_fold"].expand]
        gr.on(asked, self.detail, place, shown, **_AS_IT_IS)
        changes = [field.change for field in fields] + [parts["seen"].change]
        gr.on(changes, self.command, fields, parts["command"], **_AS_IT_IS)
        parts["model"].change(_texture, parts["model"], parts["texture"], **_QUIET)
        for file, button in examples.items():
            button.click(_taker(file), None, parts["photo"], **_QUIET)
        blocks.load(self.stay, None, None, **_QUIET)
        blocks.unload(self.leave)

    async def choose(self, photo: Any, page: str, request: gr.Request) -> AsyncIterator[Any]:
        """Take a photo."""
        session = self._session(request)
        changes = self._actions.choosing.choose(
            session, _sent(photo), str(page or ""), _client(request)
        )
        async for change in self._told(session, changes):
            yield change

    async def turn_page(self, photo: Any, page: str, request: gr.Request) -> AsyncIterator[Any]:
        """Take another page of the photo's file."""
        session = self._session(request)
        changes = self._actions.choosing.turn_page(
            session, _sent(photo), str(page or ""), _client(request)
        )
        async for change in self._told(session, changes):
            yield change

    async def restore(self, photo: Any, request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        """Restore the photo."""
        values, session = _values(given), self._session(request)
        changes = self._actions.restoring.restore(session, _sent(photo), values, _client(request))
        async for change in self._told(session, changes):
            yield change

    async def look_again(self, request: gr.Request) -> Any:
        """Have the result looked at."""
        session = self._session(request)
        return self._noted(
            session, await self._actions.restoring.look_again(session, _client(request))
        )

    async def cancel(self, request: gr.Request) -> None:
        """Give the restoration up."""
        await self._actions.restoring.cancel(self._session(request))

    def show(self, label: str | None, request: gr.Request) -> Any:
        """Show another result."""
        session = self._session(request)
        return self._noted(session, self._actions.viewing.show(session, label))

    async def detail(self, across: Any, down: Any, label: str | None, request: gr.Request) -> Any:
        """Show a part in full resolution."""
        session = self._session(request)
        changes = await self._actions.viewing.detail(session, _share(across), _share(down), label)
        return self._noted(session, changes)

    async def command(self, request: gr.Request, *given: Any) -> Any:
        """Say how the same is asked for on the command line."""
        session = self._session(request)
        told = await self._actions.restoring.command(session, _values(given), _client(request))
        return self._noted(session, told)

    async def stay(self, request: gr.Request) -> None:
        """Last as long as the page is open.

        Gradio's server ends the stream of answers when no question is open, and loses the answer
        to one that is asked while the browser does not know of that yet. This one is always open.
        """
        await self._session(request).stay()

    async def leave(self, request: gr.Request) -> None:
        """Give up what nobody waits for any more: the page was closed.

        Where the server ends that is no reason: what runs has its grace.
        """
        session = self._sessions.find(request.session_hash or "")
        if session is not None and not session.over:
            await self._actions.restoring.leave(session)
            self._sessions.leave(request.session_hash or "")

    def _session(self, request: gr.Request) -> PageSession:
        return self._sessions.of(request.session_hash or "")

    def _named(self, changes: Changes) -> Any:
        """Return changes by component, as Gradio wants them, which takes updates to pieces."""
        given = {self._parts[name]: copy(value) for name, value in changes.items()}
        return given or gr.skip()

    def _noted(self, session: PageSession, changes: Changes) -> Any:
        """Note changes as what the page shows now, and return them by component."""
        session.shows = merged(session.shows, changes)
        return self._named(changes)

    async def _told(
        self, session: PageSession, changes: AsyncIterator[Changes]
    ) -> AsyncIterator[Any]:
        """Pass changes on; of what nobody expected, tell that it was.

        Where there are none, that is said: Gradio would empty all components. Each answer repeats
        all that the page shows: of two that come close together, Gradio's script forgets what the
        second one leaves out. It is one state for all that goes on at once on a page, so that what
        ends late does not bring back what has been replaced.
        """
        yield gr.skip()
        try:
            async for change in changes:
                session.shows = merged(session.shows, change)
                yield self._named(session.shows)
        except Exception:
            _log.exception("the page could not do what was asked for")
            sorry = {"status": words.message(_UNEXPECTED, "problem"), "progress": ""}
            session.shows = merged(session.shows, sorry)
            yield self._named(session.shows)


def _values(given: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(controls.FIELDS, given, strict=True))


def _sent(photo: Any) -> Sent | None:
    """Return the photo that a browser names; that it was sent is checked before."""
    if not isinstance(photo, dict) or not isinstance(photo.get("path"), str):
        return None
    file, name = Path(photo["path"]), photo.get("orig_name")
    return Sent(file, (Path(name).name if isinstance(name, str) else "") or file.name)


def _share(given: Any) -> float:
    """Return what stands in a field from 0 to 100; the middle of an empty one."""
    return min(max(float(given), 0.0), 100.0) if isinstance(given, int | float) else 50.0


def _client(request: gr.Request) -> str:
    """Return who asks: the address, as the API has it."""
    return request.client.host if request.client else "unknown"


def _texture(model: str) -> Any:
    """Show the texture's control for models that draw one, and no others."""
    own = controls.own_texture(model)
    return gr.update(visible=own is not None or HIDDEN, value=1.0 if own is None else own)


def _taker(file: Path) -> Callable[[], str]:
    def take() -> str:
        return str(file)

    return take
