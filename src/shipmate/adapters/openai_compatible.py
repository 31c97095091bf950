"""Any language model behind an OpenAI-compatible server: hosted, vLLM, llama.cpp, Ollama, a gateway."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from secrets import SystemRandom
from typing import Annotated, Literal, NamedTuple

import aiohttp
import msgspec
from msgspec import Meta

from shipmate.errors import ModelError, ModelGarbled, ModelTimeout, ModelUnavailable, UsageError
from shipmate.messages import Message, Record, Role, Usage

__all__ = ["OpenAICompatible", "OpenAICompatibleSettings"]

LINE_BYTES = 256 * 1024
ERROR_BYTES = 4096
ERROR_CHARS = 200
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

Seconds = Annotated[float, Meta(gt=0, le=600)]
Price = Annotated[float, Meta(ge=0)]


class OpenAICompatibleSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: openai_compatible` in `stack.yml`."""

    base_url: Annotated[str, Meta(pattern="^https?://", description="Up to and with /v1.")]
    model: Annotated[str, Meta(min_length=1, description="The model's name at the server.")]
    api_key_env: Annotated[str, Meta(description="The environment variable that holds the key; empty: no key.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Sent with each request.")] = msgspec.field(
        default_factory=dict
    )
    temperature: Annotated[float | None, Meta(description="Null leaves it to the server.")] = 0.0
    max_tokens_field: Annotated[
        Literal["max_tokens", "max_completion_tokens"], Meta(description="How the server calls the limit.")
    ] = "max_tokens"
    connect_timeout_s: Annotated[Seconds, Meta(description="To open a connection.")] = 5.0
    idle_timeout_s: Annotated[Seconds, Meta(description="Between two pieces of an answer, and before the first.")] = (
        15.0
    )
    retries: Annotated[int, Meta(ge=0, le=10, description="Before the first word of an answer.")] = 2
    backoff_s: Annotated[Seconds, Meta(description="Before the first retry; doubled for each further one.")] = 0.5
    input_usd_per_million: Annotated[Price, Meta(description="For the costs in the journal.")] = 0.0
    output_usd_per_million: Annotated[Price, Meta(description="For the costs in the journal.")] = 0.0


class OpenAICompatible:
    """A `ChatModel` at the other end of an HTTP connection."""

    def __init__(self, settings: OpenAICompatibleSettings, *, jitter: Callable[[], float] = CHANCE) -> None:
        """`jitter` returns numbers from 0 to 1. Raises `UsageError` when the named key is not set."""
        self._settings = settings
        self._jitter = jitter
        self._key = _key(settings.api_key_env)
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """Return the model's name at the server."""
        return self._settings.model

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncGenerator[str | Usage, None]:
        """Yield what each read from the server brings as one piece, and the usage; closing drops the connection."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_s
        response = await self._open(self._body(messages, max_tokens), deadline)
        patience = _Patience(response, deadline=deadline, idle_s=self._settings.idle_timeout_s)
        try:
            answer = _Answer(self._url)
            while not answer.done and (data := await self._read(response, patience)):
                text = answer.feed(data)
                if text:
                    yield text
            answer.end()
            await _ended(response)
            yield self._usage(answer, messages)
        finally:
            patience.stop()
            # Gives the connection back when the answer was read to its end, and drops it otherwise.
            response.release()

    async def close(self) -> None:
        """Drop all connections."""
        session, self._session = self._session, None
        if session:
            await session.close()

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

    async def _open(self, body: bytes, deadline: float) -> aiohttp.ClientResponse:
        """Return a response that streams; try again while it may help and time is left."""
        attempt = 0
        while isinstance(outcome := await self._attempt(body, deadline), _Failure):
            pause_s = outcome.pause_s
            if pause_s is None:
                pause_s = min(self._settings.backoff_s * 2**attempt, LONGEST_PAUSE_S) * (0.5 + self._jitter() / 2)
            in_time = asyncio.get_running_loop().time() + pause_s < deadline
            if not (outcome.passing and in_time and attempt < self._settings.retries):
                raise outcome.error
            await asyncio.sleep(pause_s)
            attempt += 1
        return outcome

    async def _attempt(self, body: bytes, deadline: float) -> "aiohttp.ClientResponse | _Failure":
        try:
            first_byte = asyncio.get_running_loop().time() + self._settings.idle_timeout_s
            async with asyncio.timeout_at(min(deadline, first_byte)):
                response = await self._connected().post(self._url, data=body, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return self._unanswered(error, deadline)
        kind = response.headers.get("Content-Type", "")
        if response.status == HTTPStatus.OK and "json" not in kind and "html" not in kind:
            return response
        try:
            return await self._refused(response, kind)
        finally:
            response.close()

    def _unanswered(self, error: Exception, deadline: float) -> "_Failure":
        """Say why no response came."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                what = f"No connection to {self._url} within {self._settings.connect_timeout_s:g} s."
                return _Failure(ModelUnavailable(what, do="Look whether the model server runs."), passing=True)
            case TimeoutError():
                late = asyncio.get_running_loop().time() >= deadline
                return _Failure(_late(self._url) if late else self._silent())
            case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
                what = f"The model server at {self._url} cannot be reached: {_shown(error)}."
                do = "Look whether it runs, and whether `base_url` in stack.yml is right."
                return _Failure(ModelUnavailable(what, do=do), passing=True)
            case _:
                what = f"{self._url} does not speak HTTP as expected: {_shown(error)}."
                return _Failure(ModelGarbled(what, do="Look at `base_url` in stack.yml."))

    async def _refused(self, response: aiohttp.ClientResponse, kind: str) -> "_Failure":
        """Say why this response is no answer."""
        status = response.status
        said = await self._excerpt(response)
        what = f"The model server at {self._url} answered {status}{said}"
        if status == HTTPStatus.OK:
            what = f"The model server at {self._url} sent {kind or 'no type'} instead of an event stream{said}"
            return _Failure(ModelGarbled(what, do="Let `base_url` in stack.yml end where the server's /v1 ends."))
        passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        error = ModelUnavailable(what, do=_advice(status, self._settings))
        return _Failure(error, passing=passing, pause_s=_retry_after(response.headers.get("Retry-After", "")))

    async def _excerpt(self, response: aiohttp.ClientResponse) -> str:
        """Return the beginning of what the server says, never the key."""
        try:
            async with asyncio.timeout(1):
                raw = await response.content.read(ERROR_BYTES)
        except (aiohttp.ClientError, TimeoutError):
            raw = b""
        text = " ".join(raw.decode("utf-8", "replace").split())
        if self._key:
            text = text.replace(self._key, "***")
        return f": {text[:ERROR_CHARS]}" if text else "."

    async def _read(self, response: aiohttp.ClientResponse, patience: "_Patience") -> bytes:
        """Return whatever has come; nothing at the end."""
        try:
            with patience:
                return await response.content.readany()
        except aiohttp.ClientError as error:
            if patience.ended == "silent":
                raise self._silent() from error
            raise (_late if patience.ended == "late" else _broken_off)(self._url) from error

    def _silent(self) -> ModelTimeout:
        what = f"The model server at {self._url} was silent for {self._settings.idle_timeout_s:g} s."
        return ModelTimeout(what, do="Raise `idle_timeout_s` in stack.yml, or use a faster model.")

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **self._settings.headers}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout_s)
            # The turns are bounded elsewhere.
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        return self._session

    def _usage(self, answer: "_Answer", messages: Sequence[Message]) -> Usage:
        counted = answer.counted
        sent = sum(len(message.text) for message in messages)
        tokens = counted or _Counted(-(-sent // CHARS_PER_TOKEN), -(-answer.chars // CHARS_PER_TOKEN))
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
    """Closes a response whose reads wait too long, or that does not end in time.

    One timer for all reads: one for each would cost as much as the read.
    """

    def __init__(self, response: aiohttp.ClientResponse, *, deadline: float, idle_s: float) -> None:
        self.ended: Literal["", "late", "silent"] = ""
        self._response = response
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
        """Leave the response alone from now on."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        silent_at = self._since + self._idle_s
        if now < min(self._deadline, silent_at):
            # A read that has not begun yet cannot be silent before this.
            self._timer = self._loop.call_at(min(self._deadline, silent_at, now + self._idle_s), self._look)
            return
        self.ended = "late" if now >= self._deadline else "silent"
        self._response.close()


class _Failure(NamedTuple):
    error: ModelError
    # It may be gone at the next attempt.
    passing: bool = False
    # How long the server wants to be left alone; None when it does not say.
    pause_s: float | None = None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True, gc=False):
    delta: _Delta | None = None
    index: int = 0
    finish_reason: str | None = None


class _Counted(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    choices: list[_Choice] | None = None
    usage: _Counted | None = None
    # Whatever the server says of what went wrong.
    error: object = None


class _Answer:
    """Reads one event stream: bytes in, text out."""

    _decode = msgspec.json.Decoder(_Chunk).decode

    def __init__(self, url: str) -> None:
        self.done = False
        self.counted: _Counted | None = None
        self.chars = 0
        self._url = url
        self._finished = False
        self._rest = b""

    def feed(self, data: bytes) -> str:
        """Return the text of all events that the data completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES:
            raise ModelGarbled(f"{self._url} sent a line of more than {LINE_BYTES} bytes.", do="Look at the server.")
        text = "".join([self._text(line) for line in lines if line])
        self.chars += len(text)
        return text

    def end(self) -> None:
        """Raise `ModelUnavailable` when the stream ended before the answer."""
        if self._rest.strip() and not self.done:
            self.feed(b"\n")
        if not (self.done or self._finished):
            raise _broken_off(self._url)

    def _text(self, line: bytes) -> str:
        """Return the text of one line: nothing for most that are not data."""
        if self.done:
            return ""
        if not line.startswith(b"data: {"):
            line = line.strip()
            if not line or line.startswith((b":", b"event:", b"id:", b"retry:")):
                return ""
            if not line.startswith(b"data:"):
                raise self._garbled(line)
            if line[5:].lstrip() == b"[DONE]":
                self.done = True
                return ""
        try:
            chunk = self._decode(line[5:])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._garbled(line) from error
        if chunk.error is not None:
            said = msgspec.json.encode(chunk.error)[:ERROR_CHARS].decode("utf-8", "replace")
            raise ModelUnavailable(f"The model server at {self._url} broke off: {said}", do="Look at its log.")
        if chunk.choices is None and chunk.usage is None:
            raise self._garbled(line)
        self.counted = chunk.usage or self.counted
        return self._said(chunk.choices or ())

    def _said(self, choices: Sequence[_Choice]) -> str:
        text = ""
        for choice in choices:
            if choice.index == 0:
                self._finished = self._finished or choice.finish_reason is not None
                if choice.delta and choice.delta.content:
                    text += choice.delta.content
        return text

    def _garbled(self, line: bytes) -> ModelGarbled:
        said = line[:ERROR_CHARS].decode("utf-8", "replace")
        do = "Look whether `base_url` in stack.yml names an OpenAI-compatible server."
        return ModelGarbled(f"{self._url} sent something else than its protocol: {said}", do=do)


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            f"stack.yml takes the model's key from {variable}, and that variable is not set.",
            do=f"export {variable}=...",
        )
    return key


def _advice(status: int, settings: OpenAICompatibleSettings) -> str:
    if status in (401, 403):
        variable = settings.api_key_env
        return (
            f"Look at the key in {variable}." if variable else "Name the key's variable as `api_key_env` in stack.yml."
        )
    if status == 404:
        return "Look at `base_url` and `model` in stack.yml."
    if status == 429:
        return "Ask less often, or raise the limit at the server."
    return "Look at the server's log." if status >= 500 else "Look at the settings of `model` in stack.yml."


def _retry_after(header: str) -> float | None:
    """Return the seconds that a Retry-After header names; one with a date counts as none."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return max(seconds, 0.0) if seconds < float("inf") else None


async def _ended(response: aiohttp.ClientResponse) -> None:
    """Let the stream end, so that the connection can be used again."""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(ENDING_S):
            while await response.content.readany():
                pass


def _late(url: str) -> ModelTimeout:
    do = "Raise `model_deadline_s` in stack.yml, or use a faster model."
    return ModelTimeout(f"The model at {url} did not finish within its deadline.", do=do)


def _broken_off(url: str) -> ModelUnavailable:
    return ModelUnavailable(f"The model server at {url} broke off its answer.", do="Look at its log.")


def _shown(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
