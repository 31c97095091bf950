"""The event stream in which an answer comes."""

from collections.abc import Sequence

import msgspec

from shipmate.adapters.openai_compatible.faults import SHOWN_CHARS, broken_off
from shipmate.errors import ModelGarbled, ModelUnavailable

__all__ = ["LINE_BYTES", "Counted", "Events"]

LINE_BYTES = 256 * 1024


class _Delta(msgspec.Struct, frozen=True, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True, gc=False):
    delta: _Delta | None = None
    index: int = 0
    finish_reason: str | None = None


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What the server says of its tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    choices: list[_Choice] | None = None
    usage: Counted | None = None
    # Whatever the server says of what went wrong.
    error: object = None


class Events:
    """Reads one event stream: bytes in, text out."""

    _decode = msgspec.json.Decoder(_Chunk).decode

    def __init__(self, url: str) -> None:
        """`url` is named in errors."""
        # Nothing more is expected.
        self.done = False
        self.counted: Counted | None = None
        # Of the text so far.
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
            raise broken_off(self._url)

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
            said = msgspec.json.encode(chunk.error)[:SHOWN_CHARS].decode("utf-8", "replace")
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
        said = line[:SHOWN_CHARS].decode("utf-8", "replace")
        do = "Look whether `base_url` in stack.yml names an OpenAI-compatible server."
        return ModelGarbled(f"{self._url} sent something else than its protocol: {said}", do=do)
