"""The server process: listens, and ends as it is asked to within its grace."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from undegrade.errors import OutputError
from undegrade.serving.app import create_app
from undegrade.serving.devices import check_device
from undegrade.serving.diary import write_diary
from undegrade.serving.options import ServerOptions
from undegrade.serving.service import JobService
from undegrade.signals import heeding

_SLACK = 2  # seconds that answers take on their way after the last job
_KEEP_ALIVE = 15  # seconds that an idle connection is kept
_log = logging.getLogger("undegrade.serving")


class Server(uvicorn.Server):
    """A server that answers on while its jobs end, and whose streams end with them.

    Args:
        config: How it listens.
        service: Is told of the end.
    """

    def __init__(self, config: uvicorn.Config, service: JobService) -> None:
        super().__init__(config)
        self._service = service
        self._is_hurried = self._was_ready = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let jobs that run end, within their grace; then take no more requests either."""
        self._service.begin_end()
        _log.info(
            "ending; jobs that run have %.0f s, unless asked again", self._service.seconds_left
        )
        await self._service.stop()
        if self._is_hurried:
            _log.info("ending at once; jobs that ran are begun again at the next start")
        # What is fetched now may take the rest of that time.
        self.config.timeout_graceful_shutdown = round(self._service.seconds_left) + _SLACK
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Say once that jobs are done; called again and again while the server runs."""
        if not self._was_ready and self._service.is_ready:
            self._was_ready = True
            _log.info("ready: models are loaded")
        return await super().on_tick(counter)

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        """Begin the end; who asks again does not want to wait for jobs."""
        if self.should_exit:
            self._is_hurried = True
            self._service.end_now()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear Ctrl-C and the request to end, after which the process ends in peace."""
        with heeding(lambda number: self.handle_exit(number, None)):
            yield


def run(options: ServerOptions, tell: Callable[[int], None]) -> None:
    """Serve until somebody asks for the end.

    Args:
        options: How.
        tell: Called with the port that is listened on.

    Raises:
        OutputError: The address or the folder of jobs cannot be used.
        UsageError: The device cannot.
    """
    check_device(options.device)
    write_diary()
    with _listening(options.host, options.port) as place:
        port: int = place.getsockname()[1]
        app = create_app(options.model_copy(update={"port": port}))
        config = uvicorn.Config(
            app,
            host=options.host,
            log_level="warning",
            timeout_keep_alive=_KEEP_ALIVE,
        )
        server = Server(config, app.state.service)
        tell(port)
        server.run([place])


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket at an address.

    Raises:
        OutputError: There can be none.
    """
    try:
        [(family, kind, _, _, place), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise OutputError(
            f"{host}:{port} cannot be listened on ({error.strerror or error})",
            fix="choose another --host or --port",
        ) from error
    return listening
