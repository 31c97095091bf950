"""Who may use the server, and as whom: keys, devices, origins and host names."""

import hashlib
import hmac
import re
import secrets
from functools import lru_cache
from urllib.parse import urlsplit

from shipmate.errors import Forbidden, Invalid, Malformed, Unauthorised
from shipmate.messages import LOCAL
from shipmate.server.settings import ADMINS_KEY, ORIGINS_KEY, ServerSettings, is_loopback
from shipmate.server.wire import Headers, RawHeaders

__all__ = [
    "PREFLIGHT",
    "Access",
    "check_single",
    "consent",
    "consent_in",
    "device_cookie",
    "is_public",
    "language",
    "language_in",
]

# What tells nothing of anybody needs no key; the pages for graph and search then ask for one themselves, because a link carries none.
PUBLIC_PATHS = frozenset(
    {
        "/",
        "/canary",
        "/compare",
        "/docs",
        "/graph",
        "/openapi.json",
        "/healthz",
        "/probez",
        "/readyz",
        "/report",
        "/search",
    }
)
PUBLIC_FOLDER = "/static/"
COOKIE = "shipmate_device"
COOKIE_DAYS = 400
DEVICE = re.compile(rb"(?:^|;\s*)" + COOKIE.encode() + rb"=([A-Za-z0-9_-]{32})(?=;|$)")
CONSENT = re.compile(r"[\x21-\x7e]{0,128}")
LANGUAGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4})\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")
LANGUAGE_CHARACTERS = 256
# Headers that decide who may use the server: a proxy in front must not have read another of them.
SINGLE = (b"host", b"origin", b"authorization")
# What a browser is told when it asks whether an allowed page may call.
PREFLIGHT: RawHeaders = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Accept, Accept-Language, Authorization, Content-Type, X-Consent-ID"),
    (b"access-control-max-age", b"600"),
)


class Access:
    """The rules of one server's settings."""

    def __init__(self, settings: ServerSettings) -> None:
        self.needs_key = bool(settings.api_keys)
        # Digests have one length, so that comparing tells nothing of a key's.
        self._variable = settings.api_keys_env
        self._keys = [(_digest(key.encode()), name) for name, key in settings.api_keys.items()]
        self._origins = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._admins = frozenset(settings.admins)
        self._hosts: frozenset[bytes] | None = None
        if is_loopback(settings.host):
            own = {b"localhost", b"127.0.0.1", b"[::1]", _bracketed(settings.host)}
            self._hosts = frozenset(own | {_host_name(urlsplit(o).netloc.encode()) for o in settings.allowed_origins})

    def check_host(self, headers: Headers) -> None:
        """Refuse a foreign name that was made to point at this machine (DNS rebinding)."""
        if self._hosts is not None and _host_name(headers.get(b"host", b"")) not in self._hosts:
            raise Forbidden(
                f"This server is not known as {headers.get(b'host', b'').decode('latin-1')!r}.",
                do=f"Use localhost, or put the page's origin into {ORIGINS_KEY}.",
            )

    def check_origin(self, headers: Headers) -> None:
        """Refuse a page of a foreign origin that acts in its visitor's name."""
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._origins and not _same_origin(origin, headers):
            raise Forbidden(
                f"Pages of {origin.decode('latin-1')!r} may not use this server.",
                do=f"Put the origin into {ORIGINS_KEY} if it is yours.",
            )

    def caller(self, headers: Headers) -> str:
        """Return who calls: a key's name, a browser's device, or `LOCAL`; raise `Unauthorised` without a needed key."""
        if self.needs_key:
            scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
            return self.key_name(key.strip() if scheme.lower() == b"bearer" else b"")
        cookie = headers.get(b"cookie")
        device = DEVICE.search(cookie) if cookie else None
        return _device_name(device[1]) if device else LOCAL

    def may_repair(self, caller: str) -> bool:
        """Return whether a caller may repair the search: with keys, who has an admin's; else whoever is at this machine.

        A server without keys that lets other pages call it stands for more people than one, so nobody may there.
        """
        return caller in self._admins if self.needs_key else not self._origins

    def check_repairs(self, caller: str) -> None:
        """Refuse a repair by somebody who may not make it."""
        if not self.may_repair(caller):
            do = f"Put the name of your key into {ADMINS_KEY}, or run `shipmate block` beside the assistant's folder."
            raise Forbidden("Only an admin may repair the search.", do=do)

    def check_trials(self, caller: str) -> None:
        """Refuse to show a trial, or to end it, to somebody who may not."""
        if not self.may_repair(caller):
            do = f"Put the name of your key into {ADMINS_KEY}, or run `shipmate canary` beside the assistant's folder."
            raise Forbidden("Only an admin may see trials.", do=do)

    def check_reports(self, caller: str) -> None:
        """Refuse to report on the work, or to take in outcomes, to somebody who may not."""
        if not self.may_repair(caller):
            do = f"Put the name of your key into {ADMINS_KEY}, or run `shipmate report` beside the assistant's folder."
            raise Forbidden("Only an admin may see the report.", do=do)

    def key_name(self, key: bytes) -> str:
        """Return the name of a key, in constant time; raise `Unauthorised` for an unknown one."""
        shown = _digest(key)
        name = ""
        for digest, owner in self._keys:
            if hmac.compare_digest(digest, shown):
                name = owner
        if not name:
            raise Unauthorised(
                "The API key is missing or not known here.",
                do=f"Send Authorization: Bearer <key>, with a key of the server's {self._variable}.",
            )
        return name

    def shared_with(self, headers: Headers) -> RawHeaders:
        """Return the headers that let an allowed foreign page read the answer; none for others."""
        origin = headers.get(b"origin")
        if origin is None or origin not in self._origins:
            return ()
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"Retry-After"),
            (b"vary", b"Origin"),
        )


def check_single(headers: Headers, sent: RawHeaders) -> None:
    """Refuse a request that says twice who it is, or where it goes; `headers` holds the last of each name `sent`."""
    if len(headers) == len(sent):
        return
    names = [name for name, _ in sent]
    for name in SINGLE:
        if names.count(name) > 1:
            raise Malformed(f"The header {name.decode().title()} came more than once.", do="Send it once.")


def is_public(path: str) -> bool:
    """Return whether a path is served without a key."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDER)


def device_cookie(headers: Headers) -> str:
    """Return the Set-Cookie value that gives a browser an identity; empty when it has one."""
    if DEVICE.search(headers.get(b"cookie", b"")):
        return ""
    secure = "; Secure" if headers.get(b"x-forwarded-proto") == b"https" else ""
    value = secrets.token_urlsafe(24)
    return f"{COOKIE}={value}; Path=/; Max-Age={COOKIE_DAYS * 86400}; HttpOnly; SameSite=Lax{secure}"


def consent(value: str) -> str:
    """Return a consent id as sent; raise `Invalid` when it cannot be one."""
    if not CONSENT.fullmatch(value):
        raise Invalid("X-Consent-ID is not an id.", do="Send up to 128 visible ASCII characters, or leave it out.")
    return value


def consent_in(headers: Headers) -> str:
    """Return the consent id among the headers; empty without one."""
    return consent(headers.get(b"x-consent-id", b"").decode("latin-1"))


@lru_cache(maxsize=1024)
def language(accept_language: str) -> str:
    """Return the preferred language tag of an Accept-Language value; empty when there is none."""
    best, best_quality = "", 0.0
    for entry in accept_language[:LANGUAGE_CHARACTERS].split(","):
        if match := LANGUAGE.fullmatch(entry):
            quality = float(match[2] or 1)
            if quality > best_quality:
                best, best_quality = match[1], quality
    return best


def language_in(headers: Headers) -> str:
    """Return the preferred language among the headers; empty without one."""
    return language(headers.get(b"accept-language", b"").decode("latin-1"))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


@lru_cache(maxsize=4096)
def _device_name(token: bytes) -> str:
    """Return the caller's name of a cookie; the cookie itself is never stored."""
    return f"device-{hashlib.sha256(token).hexdigest()[:32]}"


def _bracketed(host: str) -> bytes:
    return f"[{host}]".encode() if ":" in host else host.encode()


@lru_cache(maxsize=1024)
def _host_name(host: bytes) -> bytes:
    """Return a Host header without its port."""
    name, _, port = host.rpartition(b":")
    return (name if name and port.isdigit() else host).lower()


def _same_origin(origin: bytes, headers: Headers) -> bool:
    scheme, _, host = origin.partition(b"://")
    return scheme in (b"http", b"https") and host == headers.get(b"host")
