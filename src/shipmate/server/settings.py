"""Where the server listens, who may use it, and its limits."""

import ipaddress
import re
from collections.abc import Mapping

import msgspec

from shipmate.errors import UnsafeBind, UsageError
from shipmate.messages import LOCAL
from shipmate.stack import Server

__all__ = ["ADMINS_KEY", "ORIGINS_KEY", "ServerSettings", "is_loopback", "settings_from"]

ADMINS_KEY = "`server: admins:` of stack.yml"
ORIGINS_KEY = "`server: allowed_origins:` of stack.yml"
CONNECTIONS = 900
KEY_CHARACTERS = 16
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
ORIGIN = re.compile(r"https?://[^\s/?#@]+")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one server; a public address is only accepted together with keys and origins."""

    host: str = "127.0.0.1"
    # 0: any free port; the real one is told when the server listens.
    port: int = 8080
    # Name of the caller -> key. Empty: nobody needs one, which only a loopback address may do.
    api_keys: Mapping[str, str] = {}
    # The environment variable that the keys came from.
    api_keys_env: str = "SHIPMATE_API_KEYS"
    # Such as "https://help.example.com": pages from there may call this server.
    allowed_origins: tuple[str, ...] = ()
    # The names of the keys with which the search may be repaired.
    admins: tuple[str, ...] = ()
    # Connections of all kinds, below the 1,024 files that a process may have open by default.
    connections: int = CONNECTIONS
    # Request line and headers: how large, and how long until they are complete.
    head_bytes: int = 32 * 1024
    head_timeout_s: float = 10.0
    body_bytes: int = 64 * 1024
    body_timeout_s: float = 15.0
    # Turns that may run at once, over all doors; one more is told to come back.
    turns_at_once: int = 256
    # A comment goes out on a waiting event stream, so that no proxy thinks it dead.
    keepalive_s: float = 15.0
    ws_ping_s: float = 20.0
    ws_idle_s: float = 600.0
    # With keys: how long a fresh socket may wait before it shows one.
    ws_key_s: float = 10.0
    shutdown_grace_s: float = 10.0

    def __post_init__(self) -> None:
        for name, key in self.api_keys.items():
            _check_key(name, key)
        if len(set(self.api_keys.values())) < len(self.api_keys):
            raise UsageError("Two callers have the same API key.", do="Give each caller a key of its own.")
        for origin in self.allowed_origins:
            if not ORIGIN.fullmatch(origin):
                raise UsageError(
                    f"{origin!r} is not an origin.",
                    do=f"Write scheme, host and port only in {ORIGINS_KEY}, such as https://help.example.com.",
                )
        if not is_loopback(self.host) and not (self.api_keys and self.allowed_origins):
            raise UnsafeBind(
                f"Others can reach {self.host or 'every address'}, so the server needs API keys and allowed origins.",
                do=f'Set {self.api_keys_env}="name=a-long-random-key" in the environment and {ORIGINS_KEY}, '
                "or listen on 127.0.0.1.",
            )

    def __repr__(self) -> str:
        """Show where it listens; keys stay out of logs."""
        return f"ServerSettings(host={self.host!r}, port={self.port}, api_keys={list(self.api_keys)})"


def settings_from(section: Server, environ: Mapping[str, str], *, host: str = "", port: int = -1) -> ServerSettings:
    """Join stack.yml, the environment's keys and what the command line overrides; raise `UsageError`."""
    return ServerSettings(
        host=host or section.host,
        port=section.port if port < 0 else port,
        api_keys=_api_keys(environ.get(section.api_keys_env, ""), section.api_keys_env),
        api_keys_env=section.api_keys_env,
        allowed_origins=tuple(origin.rstrip("/") for origin in section.allowed_origins),
        admins=section.admins,
        # Room for each turn, and as many that wait or only look.
        connections=max(CONNECTIONS, 2 * section.limits.turns_at_once),
        body_bytes=section.limits.body_bytes,
        turns_at_once=section.limits.turns_at_once,
    )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _api_keys(listing: str, variable: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for entry in filter(None, map(str.strip, listing.split(","))):
        name, separator, key = entry.partition("=")
        if not separator:
            raise UsageError(f"{variable} holds an entry without a name.", do='Write "name=key,other-name=other-key".')
        if name in keys:
            raise UsageError(f"{variable} names {name!r} twice.", do="Give each caller a name of its own.")
        keys[name] = key
    return keys


def _check_key(name: str, key: str) -> None:
    if name == LOCAL:
        raise UsageError(
            f"{name!r} cannot name a caller: it stands for whoever uses the commands on this machine.",
            do="Give the key another name, such as website.",
        )
    if not KEY_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a caller.", do="Use up to 64 letters, digits and the signs . _ - @, such as website."
        )
    if len(key) < KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise UsageError(
            f"The API key of {name!r} is too easy to guess.",
            do=f"Use {KEY_CHARACTERS} random ASCII characters or more, such as `openssl rand -hex 24` prints.",
        )
