"""The stack: which adapter serves each layer, and the lock that keeps a frozen one as it is."""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipmate.errors import DiskFull, Problem, ProjectError, StorageError
from shipmate.messages import Record
from shipmate.shape import AdapterChoice, Section
from shipmate.yaml_source import Source

__all__ = [
    "LAYERS",
    "LOCK_FILE",
    "FreezeException",
    "Layer",
    "Limits",
    "Lock",
    "LockedLayer",
    "Server",
    "Stack",
    "check_lock",
    "refused",
    "unnamed",
    "write_lock",
]

LAYERS = ("model", "index", "embedder", "reranker", "store")
# What locks of earlier versions do not name: there was nothing else to choose.
LATER = {"embedder": "static", "reranker": "light"}
LOCK_FILE = "stack.lock"
LOCK_VERSION = 1
LOCK_BYTES = 1024 * 1024


class Layer(Record, frozen=True, kw_only=True):
    """The adapter of one layer, with its settings as the user wrote them."""

    adapter: str
    settings: dict[str, Any]


class Limits(Section, frozen=True, kw_only=True):
    """What one caller and one turn may use."""

    body_bytes: Annotated[int, Meta(ge=1024, le=2**30, description="The largest request body.")] = 64 * 1024
    message_chars: Annotated[int, Meta(ge=1, le=1_000_000, description="The longest message.")] = 4_000
    model_tokens: Annotated[int, Meta(ge=1, le=100_000, description="The longest reply of a model.")] = 600
    model_deadline_s: Annotated[float, Meta(gt=0, le=600, description="How long a model may take.")] = 20.0
    turns_per_minute: Annotated[float, Meta(gt=0, le=100_000, description="Per caller, in the long run.")] = 30.0
    burst: Annotated[int, Meta(ge=1, le=100_000, description="Per caller, at once after a pause.")] = 10
    turns_at_once: Annotated[int, Meta(ge=1, le=100_000, description="Over all callers.")] = 256


class Server(Section, frozen=True, kw_only=True):
    """Where it listens, and for whom."""

    host: Annotated[str, Meta(description="The address; another than loopback needs keys and origins.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="0 picks a free one.")] = 8080
    api_keys_env: Annotated[
        str, Meta(min_length=1, description="The environment variable with the keys: name=key,other-name=other-key.")
    ] = "SHIPMATE_API_KEYS"
    allowed_origins: Annotated[tuple[str, ...], Meta(description="Sites whose pages may call this server.")] = ()
    admins: Annotated[
        tuple[str, ...],
        Meta(
            description="The names of the keys with which the search may be repaired; without keys, this machine's user may."
        ),
    ] = ()
    test_callers: Annotated[
        tuple[str, ...],
        Meta(
            description="The names of keys, or `local`, whose questions are only tests: they count in no report and no trial."
        ),
    ] = ()
    limits: Limits = Limits()


class Cost(Section, frozen=True, kw_only=True):
    """What it costs beside the models."""

    infrastructure_usd_per_h: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(description="US dollars an hour for the machines; reports share it out."),
    ] = None


class FreezeException(Section, frozen=True, kw_only=True):
    """Who lets a frozen layer be changed, why, and until when."""

    owner: Annotated[str, Meta(min_length=1, description="Who answers for the change.")]
    reason: Annotated[str, Meta(min_length=1, description="Why it cannot wait.")]
    expires: Annotated[date, Meta(description="The last day on which it holds.")]


class Recollection(Section, frozen=True, kw_only=True):
    """What is recalled of past conversations: of resolved ones, whose callers gave their consent."""

    days: Annotated[int, Meta(ge=0, le=3650, description="For so long; 0: nothing is recalled.")] = 90


class Stack(Section, frozen=True, kw_only=True):
    """Which adapter serves each layer; settings stand beside `adapter`."""

    version: Literal[1] = 1
    model: Annotated[AdapterChoice, Meta(description="What writes the answers: `extractive` quotes.")] = "extractive"
    index: Annotated[AdapterChoice, Meta(description="What finds passages.")] = "tantivy"
    embedder: Annotated[
        AdapterChoice, Meta(description="What tells which passages mean alike: `static` comes with Shipmate.")
    ] = "static"
    reranker: Annotated[
        AdapterChoice, Meta(description="What puts found passages in order: `light` comes with Shipmate.")
    ] = "light"
    store: Annotated[AdapterChoice, Meta(description="What keeps conversations and the journal.")] = "sqlite"
    # No layer of the lock: it decides who is in a trial, not what is answered, and must be changed when a service fails.
    flags: Annotated[
        AdapterChoice, Meta(description="What says who is in which arm of a trial: `hash` needs no service.")
    ] = "hash"
    memory: Recollection = Recollection()
    server: Server = Server()
    cost: Cost = Cost()
    groups: Annotated[
        Mapping[str, tuple[str, ...]],
        Meta(
            description="Who is in which groups, and so sees what is meant for them: the name of an API key, or `local`."
        ),
    ] = {}
    regions: Annotated[tuple[str, ...], Meta(description="Where this stack runs.")] = ()
    frozen_until: Annotated[date | None, Meta(description="Until that day no layer is swapped.")] = None
    freeze_exception: FreezeException | None = None

    def layer(self, name: str) -> Layer:
        """Return a layer's adapter and its settings."""
        choice: AdapterChoice = getattr(self, name)
        if isinstance(choice, str):
            return Layer(adapter=choice, settings={})
        return Layer(
            adapter=choice["adapter"], settings={key: value for key, value in choice.items() if key != "adapter"}
        )


def unnamed(stack: Stack, source: Source) -> Iterator[Problem]:
    """Yield the layers that name no adapter."""
    for layer in (*LAYERS, "flags"):
        choice = getattr(stack, layer)
        if not isinstance(choice if isinstance(choice, str) else choice.get("adapter"), str):
            yield source.problem((layer,), f"`{layer}` names no adapter.", f"Add `adapter: ` below `{layer}:`.")


class LockedLayer(Record, frozen=True, kw_only=True):
    adapter: str
    settings: dict[str, Any]
    # Of the software behind the adapter; empty when it has none of its own.
    release: str = ""


class Lock(Record, frozen=True, kw_only=True):
    """What `stack.lock` holds: the layers as they were when they were frozen."""

    version: int
    frozen_until: date | None
    layers: dict[str, LockedLayer]
    # Of everything above, so that an edited lock is noticed.
    digest: str = ""

    @classmethod
    def of(cls, stack: Stack, until: date | None, releases: Mapping[str, str]) -> "Lock":
        """Lock the layers of a stack; `releases` says which software serves them."""
        layers = {}
        for name in LAYERS:
            layer = stack.layer(name)
            layers[name] = LockedLayer(adapter=layer.adapter, settings=layer.settings, release=releases.get(name, ""))
        return cls(version=LOCK_VERSION, frozen_until=until, layers=layers).sealed()

    def sealed(self) -> "Lock":
        """Return the lock with the digest of its content."""
        content = msgspec.json.encode(msgspec.structs.replace(self, digest=""), order="deterministic")
        return msgspec.structs.replace(self, digest=f"sha256:{hashlib.sha256(content).hexdigest()}")


def write_lock(folder: Path, lock: Lock) -> None:
    """Write `stack.lock` whole or not at all; raises `StorageError`."""
    target = folder / LOCK_FILE
    draft = target.with_suffix(".lock.new")
    try:
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(lock, order="deterministic"), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise DiskFull(
            f"{target} could not be written: {error.strerror}.", do="Make room, and run it again."
        ) from error


def refused(path: Path, error: OSError) -> StorageError:
    """Say that a file could not be written."""
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(
        f"{path} could not be written: {error.strerror}.", do="Make room or give leave to write, and run it again."
    )


def check_lock(
    folder: Path, current: Lock, stack: Stack, source: Source, today: date, *, ships: bool = False
) -> list[Problem]:
    """Compare the stack with its lock; an unlocked stack without `frozen_until` is free to change.

    `current` is the lock that would be written now, `source` the file that the stack was read from. Without the lock
    nobody can tell whether a frozen stack was changed: nothing of it `ships` then.
    """
    path = folder / LOCK_FILE
    if not path.exists():
        return list(_unlocked(current, source, today, ships=ships))
    try:
        locked = _comparable(_read_lock(path), current)
    except ProjectError as error:
        return list(error.problems)
    if locked.frozen_until and today < locked.frozen_until:
        return list(_changes(locked, current, stack.freeze_exception, source, today))
    return list(_outdated(locked, current, source))


def _unlocked(current: Lock, source: Source, today: date, *, ships: bool) -> Iterator[Problem]:
    if current.frozen_until and today < current.frozen_until:
        what = f"The stack is to be frozen until {current.frozen_until}, and {LOCK_FILE} is missing."
        do = f"Run `shipmate check --lock`, or take the {LOCK_FILE} from version control that was there before."
        yield source.problem(("frozen_until",), what, do, code="C060", warning=not ships)


def _outdated(locked: Lock, current: Lock, source: Source) -> Iterator[Problem]:
    if locked != current:
        do = "Run `shipmate check --lock`."
        yield source.problem((), f"{LOCK_FILE} holds an earlier stack.", do, code="C060", warning=True)


def _changes(
    locked: Lock, current: Lock, exception: FreezeException | None, source: Source, today: date
) -> Iterator[Problem]:
    """Name each layer that is not what it was, unless somebody answers for it."""
    until = locked.frozen_until
    excused = exception is not None and today <= exception.expires
    do = f"Put it back, wait until {until}, or add `freeze_exception:` with owner, reason and expires."
    if excused and exception is not None:
        do = f"{exception.owner} answers for it until {exception.expires}: run `shipmate check --lock`."
    for name in LAYERS:
        old, new = locked.layers[name], current.layers[name]
        if (old.adapter, old.settings) != (new.adapter, new.settings):
            what = f"`{name}` is frozen until {until} as {_shown(old)}, and is now {_shown(new)}."
            yield source.problem((name,), what, do, code="C060", warning=excused)
        elif old.release != new.release:
            what = f"`{name}` was locked with {old.release or 'no release'} and runs on {new.release or 'none'}."
            yield source.problem((name,), what, f"Try it before {until}, or put it back.", code="C060", warning=True)
    if until and (current.frozen_until is None or current.frozen_until < until):
        what = f"`frozen_until` was locked as {until} and is now {current.frozen_until or 'not set'}."
        yield source.problem(("frozen_until",), what, do, code="C060", warning=excused)


def _shown(layer: LockedLayer) -> str:
    settings = ", ".join(f"{key}: {value}" for key, value in sorted(layer.settings.items()))
    return f"`{layer.adapter}`" + (f" ({settings})" if settings else "")


def _read_lock(path: Path) -> Lock:
    """Return the lock; raise `ProjectError` when it is not what was written."""
    try:
        with path.open("rb") as file:
            lock = msgspec.json.decode(file.read(LOCK_BYTES), type=Lock)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _bad_lock(f"cannot be read ({error})") from error
    if lock.version > LOCK_VERSION:
        raise _bad_lock("was written by a later Shipmate", do="Upgrade Shipmate.")
    if not set(LAYERS) - LATER.keys() <= lock.layers.keys() <= set(LAYERS) or lock != lock.sealed():
        raise _bad_lock("was edited by hand: its digest does not fit")
    later = {name: LockedLayer(adapter=adapter, settings={}) for name, adapter in LATER.items()}
    return msgspec.structs.replace(lock, layers={**later, **lock.layers}).sealed()


def _comparable(locked: Lock, current: Lock) -> Lock:
    """Return the lock without the releases of layers that have none: once it named the client of a model's server."""
    layers = {
        name: layer if current.layers[name].release else msgspec.structs.replace(layer, release="")
        for name, layer in locked.layers.items()
    }
    return msgspec.structs.replace(locked, layers=layers).sealed()


def _bad_lock(what: str, do: str = f"Take {LOCK_FILE} from version control, where it was committed.") -> ProjectError:
    return ProjectError([Problem(file=LOCK_FILE, line=0, what=f"{LOCK_FILE} {what}.", do=do, code="C060")])
