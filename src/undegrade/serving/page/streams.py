"""Streams of answers that end with the server, also where their browser does not let go of them."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ANSWERS = "/gradio_api/queue/data"
_GONE: Message = {"type": "http.disconnect"}


class EndingStreams:
    """Has each stream that is still open at the end look as if its browser had left.

    Gradio's server tells browsers that it has stopped, and leaves it to them to close the streams.
    One that did not would hold the server for its grace.

    Args:
        app: Gradio's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self, seconds: float) -> None:
        """Cut off what is open after so many seconds, in which browsers are told."""
        asyncio.get_running_loop().call_later(seconds, self._ended.set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["path"] == _ANSWERS:
            receive = self._until_end(receive)
        await self._app(scope, receive, send)

    def _until_end(self, receive: Receive) -> Receive:
        """Return what gives the messages of a browser until the end."""

        async def received() -> Message:
            message = asyncio.ensure_future(receive())
            end = asyncio.ensure_future(self._ended.wait())
            try:
                await asyncio.wait({message, end}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else _GONE
            finally:
                message.cancel()
                end.cancel()

        return received
