"""`POST /v1/chat/completions`: the assistant as a model, for every client that speaks OpenAI's protocol.

The last user message is the question. Earlier user and assistant messages come along as data; system and developer
messages are left out, because only the charter instructs the assistant.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from shipmate.errors import Invalid, Malformed, RateLimited
from shipmate.messages import Ask, Citation, Finished, Message, Reply, Role, Started, StreamEvent, Token
from shipmate.server.access import consent_in, language_in
from shipmate.server.lobby import Lobby
from shipmate.server.problems import ProblemDetails, openai_error
from shipmate.server.sse import Framing, wait_s
from shipmate.server.wire import ENCODER, Headers, RawHeaders, decode

__all__ = ["Chunk", "Completion", "CompletionForm", "CompletionRequest", "Model", "ModelList"]


# What no type can say: a user's message has words, and at least one message is a user's.
IS_USERS = {"properties": {"role": {"const": "user"}}, "required": ["role"]}
WORDS = {"type": "string", "pattern": r"\S"}
A_PART_WITH_WORDS = {"type": "array", "contains": {"properties": {"text": WORDS}, "required": ["text"]}}
HAS_WORDS = {"properties": {"content": {"anyOf": [WORDS, A_PART_WITH_WORDS]}}}
USER_ASKS = {"if": IS_USERS, "then": {**HAS_WORDS, "required": ["content"]}}


class ContentPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a message; only text is read."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["text", "refusal"]})]
    text: str = ""


class ClientMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the client's conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream tells besides text."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer; only text is written."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["text"]})] = "text"


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A chat completion request; parameters that steer a bare model are ignored."""

    messages: Annotated[
        list[Annotated[ClientMessage, msgspec.Meta(extra_json_schema=USER_ASKS)]],
        msgspec.Meta(min_length=1, extra_json_schema={"contains": IS_USERS}),
    ]
    # Any name is accepted: one assistant answers, under its own.
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, msgspec.Meta(extra_json_schema={"enum": [1, None]})] = None
    response_format: ResponseFormat | None = None


class CompletionUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that a language model counted; zeros for quotes."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The reply; [1] in its content refers to the first of its citations."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    citations: tuple[Citation, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[Choice, ...]
    usage: CompletionUsage


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a chunk adds; the last one brings the citations."""

    role: str = ""
    content: str | None = None
    citations: tuple[Citation, ...] = ()


class ChunkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer's growth."""

    index: int = 0
    delta: Delta
    logprobs: None = None
    finish_reason: Literal["stop"] | None = None


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a streamed chat completion."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[ChunkChoice, ...]
    usage: CompletionUsage | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The assistant, as OpenAI's clients list it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "shipmate"


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """Every assistant that this server has: one."""

    object: Literal["list"] = "list"
    data: tuple[Model, ...]


DECODER = msgspec.json.Decoder(CompletionRequest)
EARLIER = {"user": Role.USER, "assistant": Role.ASSISTANT}


class CompletionForm:
    """The form of OpenAI's door."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def read(self, body: bytes, headers: Headers, caller: str) -> tuple[Ask, Framing | None]:
        """Return the last user message with what was said before it, and chunks for who wants a stream."""
        request = _decoded(body)
        ask = _ask(request, headers, caller)
        if not request.stream:
            return ask, None
        with_usage = request.stream_options is not None and bool(request.stream_options.include_usage)
        return ask, ChunkFraming(self._lobby, with_usage=with_usage)

    def whole(self, reply: Reply, retry_after_s: float) -> tuple[bytes, RawHeaders]:
        """Return a completion; raise `RateLimited` in the place of one that would only say: wait."""
        if retry_after_s:
            raise RateLimited(reply.text, do=f"Retry after {retry_after_s:.0f} s.", retry_after_s=retry_after_s)
        return ENCODER.encode(_completion(self._lobby, reply)), ()


class ChunkFraming:
    """Chat completion chunks; all text of a batch goes into one."""

    def __init__(self, lobby: Lobby, *, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._created = int(lobby.clock.now())
        self._model = lobby.assistant.name
        self._release = lobby.assistant.release
        self._id = "chatcmpl-"

    def headers(self, first: Sequence[StreamEvent]) -> RawHeaders:
        """Raise `RateLimited` in place of a stream that would only say: wait."""
        if retry_after_s := wait_s(first):
            raise RateLimited(
                "The assistant is busy with your other questions.",
                do=f"Retry after {retry_after_s:.0f} s.",
                retry_after_s=retry_after_s,
            )
        return ()

    def batch(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the role, then the new text, then the end with the citations."""
        pieces = []
        if events and isinstance(events[0], Started):
            self._id = f"chatcmpl-{events[0].turn_id}"
            pieces.append(self._delta(Delta(role="assistant", content="")))
        if text := "".join(event.text for event in events if isinstance(event, Token)):
            pieces.append(self._delta(Delta(content=text)))
        if events and isinstance(events[-1], Finished):
            pieces += self._closing(events[-1].reply)
        return b"".join(pieces)

    def failed(self, details: ProblemDetails) -> bytes:
        """Return the error as data, which OpenAI's clients raise."""
        return _data(openai_error(details))

    def end(self) -> bytes:
        """Return the sign that nothing follows."""
        return b"data: [DONE]\n\n"

    def _closing(self, reply: Reply) -> list[bytes]:
        pieces = [self._delta(Delta(citations=reply.citations), finish_reason="stop")]
        if self._with_usage:
            pieces.append(self._chunk((), usage=_usage(reply)))
        return pieces

    def _delta(self, delta: Delta, finish_reason: Literal["stop"] | None = None) -> bytes:
        return self._chunk((ChunkChoice(delta=delta, finish_reason=finish_reason),))

    def _chunk(self, choices: tuple[ChunkChoice, ...], usage: CompletionUsage | None = None) -> bytes:
        return _data(
            Chunk(
                id=self._id,
                created=self._created,
                model=self._model,
                system_fingerprint=self._release,
                choices=choices,
                usage=usage,
            )
        )


def _decoded(body: bytes) -> CompletionRequest:
    """Return the request; OpenAI's clients know 400 for whatever is wrong with one."""
    try:
        return decode(DECODER, body)
    except Invalid as error:
        raise Malformed(error.what, do=error.do) from None


def _ask(request: CompletionRequest, headers: Headers, caller: str) -> Ask:
    if request.n is not None and request.n != 1:
        raise Malformed(f"n is {request.n}.", do="Leave n out: an assistant gives one answer.")
    if request.response_format is not None and request.response_format.type != "text":
        raise Malformed(
            f"response_format {request.response_format.type!r} is not written here.",
            do="Leave it out: answers are text.",
        )
    last = max((i for i, message in enumerate(request.messages) if message.role == "user"), default=-1)
    if last < 0:
        raise Malformed("There is no user message.", do='Send the question as the last message, with role "user".')
    return Ask(
        text=_text(request.messages[last]),
        caller=caller,
        language=language_in(headers),
        consent_id=consent_in(headers),
        history=tuple(
            Message(role=EARLIER[message.role], text=_text(message), at=0.0)
            for message in request.messages[:last]
            if message.role in EARLIER
        ),
        channel="v1",
    )


def _text(message: ClientMessage) -> str:
    """Return a message's words; raise `Malformed` for pictures and sounds."""
    if isinstance(message.content, str):
        return message.content
    foreign = [part.type for part in message.content or () if part.type not in ("text", "refusal")]
    if foreign:
        raise Malformed(f"A message holds {foreign[0]!r}.", do="Send text parts only.")
    return "\n".join(part.text for part in message.content or ())


def _completion(lobby: Lobby, reply: Reply) -> Completion:
    return Completion(
        id=f"chatcmpl-{reply.turn_id}",
        created=int(lobby.clock.now()),
        model=lobby.assistant.name,
        system_fingerprint=reply.release,
        choices=(Choice(message=AnswerMessage(content=reply.text, citations=reply.citations)),),
        usage=_usage(reply),
    )


def _usage(reply: Reply) -> CompletionUsage:
    usage = reply.usage
    return CompletionUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )


def _data(record: Any) -> bytes:
    return b"data: %s\n\n" % ENCODER.encode(record)
