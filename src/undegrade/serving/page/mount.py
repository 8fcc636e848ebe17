"""The page as a part of the server: where it hangs, and what its browser may do."""

import os
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope

from undegrade.serving.intake import Intake
from undegrade.serving.options import ServerOptions
from undegrade.serving.page.actions import PageActions
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.layout import build
from undegrade.serving.page.sessions import PageSessions
from undegrade.serving.page.streams import EndingStreams
from undegrade.serving.page.theme import theme
from undegrade.serving.page.upload_guard import PageLimits, UploadGuard
from undegrade.serving.page.uploads import Uploads
from undegrade.serving.policy import INLINE, Strict
from undegrade.serving.service import JobService

_HERE = Path(__file__).parent
_MOST = 256  # pages that can be open
_AROUND = 1024  # bytes of a request's body around the file in it
_TELLING = 12.0  # seconds that browsers have to hear of the end: Gradio tells them every ten
_PLACES = (  # what the page asks Gradio for; the rest of what that can do is left out
    "/assets/",
    "/static/",
    "/svelte/",
    "/gradio_api/heartbeat/",
    "/gradio_api/file=/",
)
_PATHS = (
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/app_id",  # by which a page finds out that the server is back
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/startup-events",
)
_SCRIPTS = f"{INLINE} 'unsafe-eval'"  # Gradio's own need both


def add_page(app: FastAPI, service: JobService, intake: Intake, options: ServerOptions) -> Drawing:
    """Hang the page below all routes of a server.

    Args:
        app: The server.
        service: Does the jobs.
        intake: Takes the photos in.
        options: How the server runs.

    Returns:
        What draws pictures, which has to be stopped at the end.
    """
    folder, limits = options.place / "page", options.limits
    # Gradio asks for both nowhere else.
    os.environ["GRADIO_TEMP_DIR"] = str((folder / "files").absolute())
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    drawing = Drawing(service.room)
    uploads = Uploads((folder / "files").absolute(), service)
    sessions = PageSessions(uploads.folder / "sessions", 3600 * limits.keep_hours, _MOST)
    blocks = build(PageActions.of(service, intake, drawing), sessions, limits)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=max(1, limits.max_bytes - _AROUND),
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css_paths=[_HERE / "style.css"],
        head=f"<script>{(_HERE / 'behaviour.js').read_text(encoding='utf-8')}</script>",
    )
    mounted = app.router.routes.pop()
    assert isinstance(mounted, Mount)
    streams = EndingStreams(mounted.app)
    service.companions.append(_Page(mounted.app, sessions, uploads, streams))
    sendable = PageLimits(limits.max_bytes, len(blocks.fns))
    guarded = UploadGuard(streams, uploads, sessions.folder, sendable)
    app.router.routes.append(_PageMount("/", app=Strict(guarded, _SCRIPTS)))
    return drawing


class _Page:
    """The page as something that goes on beside the jobs.

    Args:
        app: Gradio's part of it.
        sessions: Who has it open.
        uploads: What was sent to it.
        streams: Its answers.
    """

    def __init__(
        self, app: Any, sessions: PageSessions, uploads: Uploads, streams: EndingStreams
    ) -> None:
        self._app, self._sessions, self._uploads = app, sessions, uploads
        self._streams = streams

    def begin_end(self) -> None:
        """Let go of open pages, which would hold the server until its grace is over."""
        self._app.stop_event.set()
        self._sessions.begin_end()

    def end(self) -> None:
        """End the streams of answers: one that waits for an answer would hold the server."""
        self._app.get_blocks()._queue.close()
        self._streams.end(_TELLING)

    async def tidy(self) -> None:
        """Forget pages that have asked nothing for long, and see what lies on the disk."""
        self._sessions.tidy()
        await self._uploads.tidy()


class _PageMount(Mount):
    """Answers what the page asks for; all else is no route, as if there were no page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a request is the page's."""
        path = scope.get("path", "")
        if path not in _PATHS and not path.startswith(_PLACES):
            return Match.NONE, {}
        return super().matches(scope)
