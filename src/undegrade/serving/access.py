"""Who may ask: those with the key, and no web site that somebody on this machine has open."""

import base64
import hmac
import ipaddress
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from undegrade.serving.options import ServerOptions
from undegrade.serving.problems import HttpError

_OPEN = ("/healthz", "/readyz")  # what needs no key
_HARMLESS = ("GET", "HEAD", "OPTIONS")  # what changes nothing
_LOCAL = "localhost"


class Access:
    """Refuses whoever may not ask.

    A browser asks this server whatever a web site has it ask, and the site may have its own name
    stand for this machine. So on this machine alone, or where it has names, the server heeds no
    other name but an address or localhost; and without a key sites change nothing unless named.

    Args:
        options: How the server runs.
    """

    def __init__(self, options: ServerOptions) -> None:
        key = options.api_key
        self._key = None if key is None else key.get_secret_value().encode()
        self._origins = options.origins
        self._names = tuple(name.lower() for name in options.names)
        self._strict = bool(options.names) or _is_loopback(options.host)

    def check(self, scope: Scope) -> None:
        """Refuse a request that may not be.

        Raises:
            HttpError: It is one.
        """
        headers = Headers(scope=scope)
        if self._strict:
            _check_host(headers.get("host", ""), self._names)
        if self._key is None:
            self._check_site(scope["method"], headers)
        elif scope["path"] not in _OPEN:
            _check_key(self._key, scope["method"], headers)

    def _check_site(self, method: str, headers: Headers) -> None:
        origin = headers.get("origin")
        by_browser = origin is not None or headers.get("sec-fetch-site", "none") != "none"
        if method in _HARMLESS or not by_browser or _is_own(headers):
            return
        if origin not in self._origins and "*" not in self._origins:
            raise HttpError(
                HTTPStatus.FORBIDDEN,
                f"the web site {origin or 'of another server'} may not ask",
                hint="it may if the server is started with --origin and the site's address",
            )


def _check_host(host: str, names: Sequence[str]) -> None:
    """Refuse a name that is not the server's; addresses are nobody's to give away."""
    name = _name_of(host)
    if not host or name in names or name == _LOCAL or name.endswith(f".{_LOCAL}"):
        return
    if not _is_address(name):
        raise HttpError(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"the server is not called {host}",
            hint="ask for localhost, or have the server started with --name and that name",
        )


def _check_key(key: bytes, method: str, headers: Headers) -> None:
    given = headers.get("authorization", "")
    secret = _secret(headers, harmless=method in ("GET", "HEAD"))
    if not hmac.compare_digest(secret.encode(), key):
        # A browser that opens a page asks its user for the key, and sends it from then on.
        opens = "text/html" in headers.get("accept", "")
        asked = 'Basic realm="undegrade: the key is the password", charset="UTF-8"'
        raise HttpError(
            HTTPStatus.UNAUTHORIZED,
            "the key is missing or wrong" if given else "a key is needed",
            hint="send it as Authorization: Bearer KEY",
            headers={"WWW-Authenticate": asked if opens else "Bearer"},
        )


def _secret(headers: Headers, *, harmless: bool) -> str:
    """Return the key that a request brings, empty for none.

    A browser adds the password that it knows to whatever any web site has it ask. So a password
    counts only where nothing is changed, or where the server's own page asks.
    """
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip().encode("latin-1").decode(errors="replace")
    if scheme.lower() != "basic" or not (harmless or _is_own(headers)):
        return ""
    try:
        _, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password


def _is_own(headers: Headers) -> bool:
    """Return whether what a browser sends comes from the server's own page, as it says itself."""
    if "sec-fetch-site" in headers:  # only over HTTPS, and on the same machine
        return headers["sec-fetch-site"] == "same-origin"
    try:
        return urlsplit(headers.get("origin", "")).netloc == headers.get("host")
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    """Return whether a server that listens there is reached from its own machine alone."""
    return host == _LOCAL or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
