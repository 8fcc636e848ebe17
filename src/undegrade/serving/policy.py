"""What a browser may do on the server's pages: ask nobody but this server."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE = "script-src 'self' 'unsafe-inline'"
"""Scripts of the server, in files and in its pages."""

_POLICY = (
    "default-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
)


class Strict:
    """Adds headers to the answers of an application, by which browsers ask nobody else.

    Args:
        app: The application.
        scripts: Which scripts may run: a directive of a Content-Security-Policy.
        places: Beginnings of the paths where it is so.
    """

    def __init__(self, app: ASGIApp, scripts: str = INLINE, places: Sequence[str] = ("/",)) -> None:
        self._app, self._places = app, tuple(places)
        self._headers = {
            "Content-Security-Policy": "; ".join((*_POLICY, scripts)),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add headers to the answer."""
        if not scope.get("path", "").startswith(self._places):
            await self._app(scope, receive, send)
            return

        async def strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, strictly)
