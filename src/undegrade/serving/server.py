"""The server process: listens, and ends as it is asked to within its grace."""

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn

from undegrade.errors import OutputError
from undegrade.serving.app import create_app
from undegrade.serving.devices import check_device
from undegrade.serving.options import ServerOptions
from undegrade.serving.service import JobService
from undegrade.signals import heeding

_SLACK = 2.0  # seconds that answers take on their way after the last job
_KEEP_ALIVE = 15  # seconds that an idle connection is kept


class Server(uvicorn.Server):
    """A server whose streams and waiting requests end when it is asked to.

    Args:
        config: How it listens.
        service: Is told of the end.
    """

    def __init__(self, config: uvicorn.Config, service: JobService) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more jobs, and answer what was asked."""
        self._service.begin_end()
        await super().shutdown(sockets)

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
    with _listening(options.host, options.port) as place:
        app = create_app(options)
        config = uvicorn.Config(
            app,
            host=options.host,
            log_level="warning",
            timeout_graceful_shutdown=round(options.grace + _SLACK),
            timeout_keep_alive=_KEEP_ALIVE,
        )
        server = Server(config, app.state.service)
        tell(place.getsockname()[1])
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
