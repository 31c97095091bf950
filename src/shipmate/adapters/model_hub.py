"""Fetch a model's files from a hub, as huggingface.co serves them: whole, checked, and no byte twice.

A file is asked for at `/NAME/resolve/REVISION/FILE`. The hub answers with it or sends on to where it lies, and names a
checksum on the way: SHA-256 of a large file (`X-Linked-Etag`), Git's own of a small one (`ETag`).
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp

from shipmate.adapters.model_files import Files
from shipmate.disk import disk_faults
from shipmate.errors import Missing, ModelGarbled, ModelUnavailable, UsageError

__all__ = ["Hub", "Progress", "fetch_model"]

# Called with the file's name, the bytes that are there, and how many it will be (0 where the hub does not say).
Progress = Callable[[str, int, int], None]

NAME = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)?")
PIECE_BYTES = 1 << 16
ATTEMPTS = 5


class Hub(NamedTuple):
    """Where models are fetched from, and how patiently."""

    url: str = "https://huggingface.co"
    silence_s: float = 30.0
    pause_s: float = 1.0


class Absent(Exception):
    """The hub has no such file."""


class Expected(NamedTuple):
    """What the hub says of a file; empty where it says nothing."""

    size: int
    checksum: str


async def fetch_model(
    name: str,
    cache: Path,
    files: Files,
    *,
    revision: str = "main",
    hub: Hub | None = None,
    progress: Progress | None = None,
) -> Path:
    """Return the folder with the model's files, after fetching what is not there yet; what broke off goes on.

    Raises `Missing` when the hub has no such model, `ModelUnavailable` when it cannot be reached, `ModelGarbled` when
    a file is not what the hub says, `DiskFull`.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` is no folder, and not the name of a model either.",
            do="Write the name as OWNER/MODEL, or a folder as the assistant's folder sees it.",
        )
    hub = hub or Hub()
    folder = cache / name.replace("/", "--") / revision
    # It lies in a folder that holds all that the hub has of these files, so that the hub is not asked again.
    whole = folder / f"whole-{files.extra}"
    if whole.exists():
        return folder
    at = f"{hub.url.rstrip('/')}/{name}/resolve/{revision}"
    told = progress or (lambda *_: None)
    timeout = aiohttp.ClientTimeout(total=None, connect=hub.silence_s, sock_read=hub.silence_s)
    with disk_faults(folder):
        # A compressed answer could neither be resumed nor counted.
        async with aiohttp.ClientSession(timeout=timeout, headers={"Accept-Encoding": "identity"}) as session:
            fetch = _Fetch(session, at, folder, told, hub)
            for file in files.needed:
                if not await fetch.has(file):
                    raise Missing(f"{at} has no {file}", do=f"name a model that the hub has, with a {file}")
            if not await fetch.has_any(files.model):
                raise Missing(f"{at} has no model of this kind", do=f"name a model with {' or '.join(files.model)}")
            for file in files.welcome:
                await fetch.has(file)
        whole.touch()
    return folder


class _Fetch:
    def __init__(self, session: aiohttp.ClientSession, at: str, folder: Path, told: Progress, hub: Hub) -> None:
        self._session = session
        self._at = at
        self._folder = folder
        self._told = told
        self._hub = hub

    async def has_any(self, files: tuple[str, ...]) -> bool:
        """Fetch the first of these files that the hub has, unless one of them is there already."""
        if any((self._folder / file).exists() for file in files):
            return True
        for file in files:
            if await self.has(file):
                return True
        return False

    async def has(self, file: str) -> bool:
        """Fetch a file unless it is there already; return whether the hub has it."""
        target = self._folder / file
        if target.exists():
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        fault: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                expected = await self._rest(file, part)
            except Absent:
                return False
            except (aiohttp.ClientError, TimeoutError) as error:
                fault = error
                # What came goes on being counted: the next attempt asks for the rest.
                await asyncio.sleep(self._hub.pause_s * attempt)
                continue
            await asyncio.to_thread(_check, part, expected, f"{self._at}/{file}")
            part.replace(target)
            return True
        raise ModelUnavailable(
            f"{self._at}/{file} could not be fetched: {fault or type(fault).__name__}",
            do="check the network and try again: what is there already is kept",
        ) from fault

    async def _rest(self, file: str, part: Path) -> Expected:
        """Append what is not there of a file; return what the hub says of the whole."""
        there = _size(part)
        asked = {"Range": f"bytes={there}-"} if there else {}
        async with self._session.get(f"{self._at}/{file}", headers=asked) as response:
            # 401 is what a hub says of a model that is not there, to somebody whom it does not know.
            if response.status in {401, 403, 404}:
                raise Absent
            if response.status == 416:
                _discard(part)
                raise aiohttp.ClientPayloadError("the file has changed since it broke off")
            response.raise_for_status()
            if response.status != 206:
                there = 0
            expected = _expected(response, there)
            with part.open("ab" if there else "wb") as kept:
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    kept.write(piece)
                    there += len(piece)
                    self._told(file, there, expected.size)
        if expected.size and there < expected.size:
            raise aiohttp.ClientPayloadError(f"it broke off after {there} of {expected.size} bytes")
        return expected


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _discard(part: Path) -> None:
    part.unlink()


def _expected(response: aiohttp.ClientResponse, there: int) -> Expected:
    answers = [*response.history, response]
    sizes = [int(answer.headers.get("X-Linked-Size", 0)) for answer in answers]
    length = response.content_length
    size = max(sizes) or (there + length if length is not None else 0)
    linked = [answer.headers.get("X-Linked-Etag") for answer in answers]
    tags = [tag for tag in (*linked, answers[0].headers.get("ETag")) if tag]
    checksum = tags[0].removeprefix("W/").strip('"') if tags else ""
    return Expected(size, checksum)


def _check(part: Path, expected: Expected, url: str) -> None:
    """Compare a file with its checksum; a wrong one is deleted."""
    match len(expected.checksum):
        case 64:
            digest = hashlib.sha256()
        case 40:
            digest = hashlib.sha1(f"blob {part.stat().st_size}\0".encode(), usedforsecurity=False)
        case _:
            return
    with part.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    if digest.hexdigest() != expected.checksum:
        part.unlink()
        raise ModelGarbled(f"{url} came with a wrong checksum, and was deleted", do="try again; ask who runs the hub")
