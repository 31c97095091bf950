"""A chat model at the other end of an HTTP connection."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from secrets import SystemRandom
from typing import Literal

import msgspec

from shipmate.adapters.openai_compatible.connection import Connection
from shipmate.adapters.openai_compatible.events import Counted, Events
from shipmate.adapters.openai_compatible.faults import Failure, broken_off, late, refused, silent, unanswered
from shipmate.adapters.openai_compatible.pool import Pool, shown_url
from shipmate.adapters.openai_compatible.settings import OpenAICompatibleSettings, key_from
from shipmate.messages import Message, Role, Usage

__all__ = ["OpenAICompatible"]

# How much of a refusal is read, and for how long.
REFUSAL_BYTES = 4096
REFUSAL_S = 1.0
LONGEST_PAUSE_S = 8.0
# How long a server may take to end a stream that is complete, before its connection is dropped.
ENDING_S = 0.05
CHARS_PER_TOKEN = 4
CHANCE = SystemRandom().random
ROLES = {
    Role.SYSTEM: "system",
    Role.USER: "user",
    Role.ASSISTANT: "assistant",
    Role.TOOL: "user",
    Role.HUMAN: "assistant",
}


class OpenAICompatible:
    """A `ChatModel` at the other end of an HTTP connection."""

    def __init__(self, settings: OpenAICompatibleSettings, *, jitter: Callable[[], float] = CHANCE) -> None:
        """`jitter` returns numbers from 0 to 1. Raises `UsageError` when the named key is not set."""
        self._settings = settings
        self._jitter = jitter
        self._key = key_from(settings.api_key_env)
        self._endpoint = f"{settings.base_url.rstrip('/')}/chat/completions"
        # For errors.
        self._url = shown_url(self._endpoint)
        self._pool: Pool | None = None

    @property
    def name(self) -> str:
        """Return the model's name at the server."""
        return self._settings.model

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncGenerator[str | Usage, None]:
        """Yield what each read from the server brings as one piece, and the usage; closing drops the connection."""
        deadline = asyncio.get_running_loop().time() + deadline_s
        connection = await self._open(self._body(messages, max_tokens), deadline)
        patience = _Patience(connection, deadline=deadline, idle_s=self._settings.idle_timeout_s)
        try:
            events = Events(self._url)
            while not events.done and (data := await self._read(connection, patience)):
                text = events.feed(data)
                if text:
                    yield text
            events.end()
            await _ended(connection)
            yield self._usage(events, messages)
        finally:
            patience.stop()
            # Keeps the connection when the answer was read to its end, and drops it otherwise.
            connection.release()

    async def close(self) -> None:
        """Drop all connections."""
        pool, self._pool = self._pool, None
        if pool:
            await pool.close()

    def _body(self, messages: Sequence[Message], max_tokens: int) -> bytes:
        body: dict[str, object] = {
            "model": self._settings.model,
            "messages": [{"role": ROLES[message.role], "content": message.text} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            self._settings.max_tokens_field: max_tokens,
        }
        if self._settings.temperature is not None:
            body["temperature"] = self._settings.temperature
        return msgspec.json.encode(body)

    async def _open(self, body: bytes, deadline: float) -> Connection:
        """Return a connection on which the answer comes; try again while it may help and time is left."""
        attempt = 0
        while isinstance(outcome := await self._attempt(body, deadline), Failure):
            pause_s = outcome.pause_s
            if pause_s is None:
                pause_s = min(self._settings.backoff_s * 2**attempt, LONGEST_PAUSE_S) * (0.5 + self._jitter() / 2)
            in_time = asyncio.get_running_loop().time() + pause_s < deadline
            if not (outcome.passing and in_time and attempt < self._settings.retries):
                raise outcome.error
            await asyncio.sleep(pause_s)
            attempt += 1
        return outcome

    async def _attempt(self, body: bytes, deadline: float) -> Connection | Failure:
        first_byte = asyncio.get_running_loop().time() + self._settings.idle_timeout_s
        try:
            async with asyncio.timeout_at(min(deadline, first_byte)):
                connection = await self._connected().post(body)
        except TimeoutError:
            return Failure(late(self._url) if deadline < first_byte else silent(self._url, self._settings))
        except (OSError, ValueError) as error:
            return unanswered(self._url, self._settings, error)
        if _streams(connection):
            return connection
        try:
            return refused(self._url, self._settings, connection, said=await self._excerpt(connection))
        finally:
            connection.release()

    async def _excerpt(self, connection: Connection) -> str:
        """Return the beginning of what the server says, never the key."""
        raw = b""
        with suppress(OSError, ValueError):
            async with asyncio.timeout(REFUSAL_S):
                while len(raw) < REFUSAL_BYTES and (data := await connection.read()):
                    raw += data
        text = " ".join(raw[:REFUSAL_BYTES].decode("utf-8", "replace").split())
        return text.replace(self._key, "***") if self._key else text

    async def _read(self, connection: Connection, patience: "_Patience") -> bytes:
        """Return whatever has come; nothing at the end."""
        try:
            with patience:
                return await connection.read()
        except (OSError, ValueError) as error:
            if patience.ended == "silent":
                raise silent(self._url, self._settings) from error
            raise (late if patience.ended == "late" else broken_off)(self._url) from error

    def _connected(self) -> Pool:
        if self._pool is None:
            headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **self._settings.headers}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._pool = Pool(self._endpoint, headers, connect_timeout_s=self._settings.connect_timeout_s)
        return self._pool

    def _usage(self, events: Events, messages: Sequence[Message]) -> Usage:
        counted = events.counted
        sent = sum(len(message.text) for message in messages)
        tokens = counted or Counted(-(-sent // CHARS_PER_TOKEN), -(-events.chars // CHARS_PER_TOKEN))
        cost = (
            tokens.prompt_tokens * self._settings.input_usd_per_million
            + tokens.completion_tokens * self._settings.output_usd_per_million
        )
        return Usage(
            model=self.name,
            input_tokens=tokens.prompt_tokens,
            output_tokens=tokens.completion_tokens,
            cost_usd=cost / 1e6,
            estimated=counted is None,
        )


class _Patience:
    """Drops a connection whose reads wait too long, or whose answer does not end in time.

    One timer for all reads: one for each would cost as much as the read.
    """

    def __init__(self, connection: Connection, *, deadline: float, idle_s: float) -> None:
        self.ended: Literal["", "late", "silent"] = ""
        self._connection = connection
        self._deadline = deadline
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        # Since when a read has waited; the deadline, which is later than now, while none does.
        self._since = deadline
        self._timer = self._loop.call_at(min(deadline, self._loop.time() + idle_s), self._look)

    def __enter__(self) -> None:
        self._since = self._loop.time()

    def __exit__(self, *_: object) -> None:
        self._since = self._deadline

    def stop(self) -> None:
        """Leave the connection alone from now on."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        silent_at = self._since + self._idle_s
        if now < min(self._deadline, silent_at):
            # A read that has not begun yet cannot be silent before this.
            self._timer = self._loop.call_at(min(self._deadline, silent_at, now + self._idle_s), self._look)
            return
        self.ended = "late" if now >= self._deadline else "silent"
        self._connection.drop()


def _streams(response: Connection) -> bool:
    """Tell whether a response is an answer; many servers send one under a type of their own, or none."""
    kind = response.headers.get("content-type", "")
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    return response.status == HTTPStatus.OK and is_plain and "json" not in kind and "html" not in kind


async def _ended(connection: Connection) -> None:
    """Let the stream end, so that the connection can be used again."""
    if connection.is_complete:
        return
    with suppress(OSError, ValueError):
        async with asyncio.timeout(ENDING_S):
            while await connection.read():
                pass
