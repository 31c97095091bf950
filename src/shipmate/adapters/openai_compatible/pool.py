"""The connections to one server, kept open between requests."""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from aiohappyeyeballs import start_connection

from shipmate import __version__
from shipmate.adapters.openai_compatible.connection import Connection

__all__ = ["ConnectTimeout", "Pool", "shown_url"]

# Servers and what lies between forget connections that nobody uses.
KEPT_S = 15.0
# How long an address may take before the next one of the same name is tried beside it.
NEXT_ADDRESS_S = 0.25
PORTS = {"http": 80, "https": 443}
# What a URL's path may hold as it is.
PATH_SIGNS = "/%:@!$&'()*+,;=~"
# What stands before the host: a user and a password.
USER = re.compile(r"(?<=://)([^/?#]*)@")
# They say where a request ends.
FRAMING = frozenset(("Content-Length", "Transfer-Encoding"))


class ConnectTimeout(ConnectionError):
    """No connection within its time."""


class Pool:
    """Sends requests to one URL, on a connection that is free or else on a new one."""

    def __init__(self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float) -> None:
        """Raise `ValueError` when the URL is none, or goes on behind its path."""
        parts = urlsplit(shown_url(url))
        if not parts.hostname:
            raise ValueError(f"{shown_url(url)} names no host")
        if "?" in url or "#" in url:
            raise ValueError(f"{shown_url(url)} holds a query or a fragment")
        self._host = parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._head = _head(url, headers)
        self._tls = _tls() if parts.scheme == "https" else None
        self._connect_timeout_s = connect_timeout_s
        self._connected: set[Connection] = set()
        # Those that are free, with the timers that close them.
        self._free: dict[Connection, asyncio.TimerHandle] = {}

    async def post(self, body: bytes) -> Connection:
        """Send a request; return its connection when the head of the response has come, to be released.

        Raises `ConnectTimeout`, and other `OSError` when the server cannot be reached or goes away, and `ValueError`
        when it does not speak HTTP.
        """
        request = b"%sContent-Length: %d\r\n\r\n%s" % (self._head, len(body), body)
        if free := self._take():
            try:
                return await _sent(free, request)
            except ConnectionError:
                # The server may have closed it just before the request came; then it has said nothing.
                if free.has_begun:
                    raise
        return await _sent(await self._connect(), request)

    async def close(self) -> None:
        """Drop all connections."""
        while self._free:
            self._take()
        for connection in tuple(self._connected):
            connection.drop()
        # They are told so in the loop's next turn.
        await asyncio.sleep(0)

    def _keep(self, connection: Connection) -> None:
        self._free[connection] = asyncio.get_running_loop().call_later(KEPT_S, self._forget, connection)

    def _forget(self, connection: Connection) -> None:
        del self._free[connection]
        connection.drop()

    def _take(self) -> Connection | None:
        """Return the free connection that was used last."""
        while self._free:
            connection, closing = self._free.popitem()
            closing.cancel()
            if connection.is_reusable:
                return connection
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                opened = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S)
                name = self._host if self._tls else None
                _, connection = await loop.create_connection(
                    lambda: Connection(free=self._keep, connected=self._connected),
                    sock=opened,
                    ssl=self._tls,
                    server_hostname=name,
                )
                return connection
        except TimeoutError as error:
            raise ConnectTimeout from error


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without the user and the password in it."""
    return USER.sub("", url)


async def _sent(connection: Connection, request: bytes) -> Connection:
    try:
        await connection.send(request)
    except BaseException:
        connection.drop()
        raise
    return connection


def _head(url: str, headers: Mapping[str, str]) -> bytes:
    """Return all of a request's head that is the same for each."""
    parts = urlsplit(shown_url(url))
    host, user = parts.netloc, USER.search(url)
    lines = {
        "Host": host if host.isascii() else host.encode("idna").decode(),
        "User-Agent": f"shipmate/{__version__}",
        "Accept-Encoding": "identity",
    }
    if user:
        lines["Authorization"] = f"Basic {b64encode(unquote(user[1]).encode()).decode()}"
    lines.update((name.title(), value) for name, value in headers.items() if name.title() not in FRAMING)
    for name, value in lines.items():
        if not set("\r\n\0").isdisjoint(name + value):
            raise ValueError(f"the header {name!r} holds a line break")
    target = quote(parts.path, safe=PATH_SIGNS)
    return "".join([f"POST {target} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in lines.items())]).encode()


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
