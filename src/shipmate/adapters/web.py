"""Ask web servers for pages: bounded in size, time, redirects and rate, and never led into a private network.

An address is checked after its name was looked up, and that very address is connected to: a name that means
something else a moment later leads nowhere.
"""

import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Timer
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from shipmate import __version__
from shipmate.ports import Clock

__all__ = ["Answer", "Web", "is_public"]

PORTS = {"http": 80, "https": 443}
MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
PAGE_S = 30.0
READ_S = 10.0
BLOCK_BYTES = 64 * 1024
AGENT = f"shipmate/{__version__}"
# IPv6 addresses with an IPv4 address at their end.
NAT64 = IPv6Network("64:ff9b::/96")
# What is public of IPv6; outside it lie networks of their own, and prefixes that lead into them.
PUBLIC = IPv6Network("2000::/3")
# Parts of the public ranges that serve a network's own purposes, whatever the version of Python says of them.
SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
SLOW = "The server is too slow."
SAFE = "%/:@!$&'()*+,;=~-._?"


class Answer(NamedTuple):
    """What a server answered; `fault` says why there is nothing else."""

    # Where it came from in the end.
    url: str
    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    fault: str = ""


class Web:
    """Asks for one page after the other, no faster than it may."""

    def __init__(self, clock: Clock, *, allow_private: bool, requests_per_s: float, page_s: float = PAGE_S) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._interval_s = 1 / requests_per_s
        self._page_s = page_s
        self._next_at = 0.0
        self._tls = ssl.create_default_context()

    def get(self, url: str, *, largest_bytes: int, headers: Mapping[str, str], may: Callable[[str], bool]) -> Answer:
        """Return a page, following redirects as far as `may` allows each; never raises for what the network does."""
        status = 0
        for _ in range(MOST_REDIRECTS + 1):
            if not may(url):
                return Answer(url, status, fault="It leads to a place that may not be read.")
            answer = self._ask(url, headers, largest_bytes)
            status = answer.status
            target = answer.headers.get("location", "")
            if status not in REDIRECTS or not target:
                return answer
            try:
                url = urljoin(url, target.strip()).partition("#")[0]
            except ValueError:
                return Answer(url, status, fault="It leads to something that is no address.")
        return Answer(url, status, fault=f"It leads on more than {MOST_REDIRECTS} times.")

    def _ask(self, url: str, headers: Mapping[str, str], largest_bytes: int) -> Answer:
        self._wait()
        try:
            parts = urlsplit(url)
            connection = _Connection(parts, self._tls, allow_private=self._allow_private)
        except ValueError:
            return Answer(url, fault="It is no address of a page.")
        # Each read has its own limit; this one is for who sends a little all the time.
        timer = Timer(self._page_s, connection.cut)
        timer.start()
        try:
            path = quote(parts.path or "/", safe=SAFE) + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
            connection.request("GET", path, headers={"User-Agent": AGENT, "Accept-Encoding": "gzip", **headers})
            answer = _answer(url, connection.getresponse(), largest_bytes)
            return Answer(url, fault=SLOW) if connection.is_cut else answer
        except _PrivateError as error:
            return Answer(url, fault=f"It lies in a private network, at {error}.")
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            late = connection.is_cut or isinstance(error, TimeoutError)
            return Answer(url, fault=SLOW if late else f"The server does not answer well: {error}.")
        finally:
            timer.cancel()
            connection.close()

    def _wait(self) -> None:
        now = self._clock.elapsed()
        if now < self._next_at:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval_s


class _PrivateError(Exception):
    pass


class _Connection(http.client.HTTPConnection):
    """A connection to the address that was checked."""

    def __init__(self, url: SplitResult, tls: ssl.SSLContext, *, allow_private: bool) -> None:
        if url.scheme not in PORTS or not url.hostname or "@" in url.netloc:
            raise ValueError(url)
        super().__init__(url.hostname, url.port or PORTS[url.scheme], timeout=READ_S)
        self._tls = tls if url.scheme == "https" else None
        self._allow_private = allow_private
        self.is_cut = False

    def connect(self) -> None:
        """Look the name up, and connect to the first address that may be connected to."""
        fault: Exception = OSError("the name has no address")
        for family, kind, protocol, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            address = str(place[0])
            if not self._allow_private and not is_public(address):
                fault = _PrivateError(address)
                continue
            self.sock = socket.socket(family, kind, protocol)
            self.sock.settimeout(READ_S)
            try:
                self.sock.connect(place)
                if self._tls:
                    self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
            except OSError as error:
                self.sock.close()
                fault = error
            else:
                if self.is_cut:
                    break
                return
        raise fault

    def cut(self) -> None:
        """End it from outside, whoever waits for it."""
        self.is_cut = True
        with suppress(OSError):
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """Tell whether an address belongs to the public internet, also one that is wrapped into another."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if not inner and (ip in NAT64 or int(ip) >> 32 == 0):
            inner = ip_address(int(ip) & 0xFFFFFFFF)  # type: ignore[assignment]
        if inner:
            return is_public(str(inner))
        if ip not in PUBLIC:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in SPECIAL)


def _answer(url: str, response: http.client.HTTPResponse, largest_bytes: int) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    inflate = zlib.decompressobj(31) if headers.get("content-encoding", "") in {"gzip", "x-gzip"} else None
    body = bytearray()
    while block := response.read(BLOCK_BYTES):
        body += inflate.decompress(block, largest_bytes + 1 - len(body)) if inflate else block
        if len(body) > largest_bytes:
            fault = f"It is larger than {largest_bytes / 1024 / 1024:,.0f} MiB."
            return Answer(url, response.status, headers, fault=fault)
    if response.length or (inflate and body and not inflate.eof):
        return Answer(url, response.status, headers, fault="The server broke off in the middle.")
    return Answer(url, response.status, headers, bytes(body))
