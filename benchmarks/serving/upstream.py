"""A fake OpenAI-compatible model server: it quotes the documents that stand in the prompt, at a set pace.

Run as `python -m benchmarks.serving.upstream PORT CORPUS_FOLDER`. A server that checks its model's sentences against the
documents must find them there, so the reply is made of sentences of the prompt that the corpus holds word for word;
each word is a token. `POST /pace` sets how the replies after it come; `POST /streams` hands out, once, what was sent
and when.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop

from benchmarks.serving.corpus import plain_sentences, read_corpus
from benchmarks.serving.measures import Sent

__all__ = ["Pace", "main"]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NOTHING_FOUND = "The prompt holds no sentence of the documents ."


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How replies come."""

    tokens: int = 40
    first_token_s: float = 0.0
    # 0: as fast as the loop turns.
    tokens_per_s: float = 0.0
    # The whole reply in one write.
    at_once: bool = False
    # Keep what was sent for `POST /streams`.
    recorded: bool = False


class PromptMessage(msgspec.Struct, frozen=True):
    content: str | list[dict[str, str]] = ""


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class Completion(msgspec.Struct, frozen=True):
    messages: tuple[PromptMessage, ...]
    stream: bool = False
    stream_options: StreamOptions | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[str]
    # Each token as one event in one HTTP chunk.
    chunks: list[bytes]
    whole: bytes
    usage: dict[str, int]


def _chunk(event: bytes) -> bytes:
    data = b"data: %s\n\n" % event
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return msgspec.json.encode(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": choices}
    )


def _usage(usage: dict[str, int]) -> bytes:
    return msgspec.json.encode(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [], "usage": usage}
    )


def _response(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


class Quoter:
    """Makes replies out of the documents that a prompt holds; each prompt's reply is made once."""

    def __init__(self, sentences: set[str]) -> None:
        self._sentences = sentences
        self._replies: dict[tuple[str, int], Reply] = {}

    def reply(self, prompt: str, count: int) -> Reply:
        """Return a reply of whole sentences with `count` tokens or some more; fewer when the prompt has no more."""
        reply = self._replies.get((prompt, count))
        if reply is None:
            reply = self._replies[prompt, count] = self._make(prompt, count)
        return reply

    def _make(self, prompt: str, count: int) -> Reply:
        words: list[str] = []
        for sentence in dict.fromkeys(plain_sentences(prompt)):
            if sentence in self._sentences:
                words += sentence.split()
            if len(words) >= count:
                break
        words = words or NOTHING_FOUND.split()
        tokens = [words[0], *(" " + word for word in words[1:])]
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(tokens)}
        usage["total_tokens"] = sum(usage.values())
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(tokens)},
            "finish_reason": "stop",
        }
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "fake", "choices": [choice]}
        first = _delta({"role": "assistant", "content": tokens[0]})
        return Reply(
            tokens=tokens,
            chunks=[_chunk(first), *(_chunk(_delta({"content": token})) for token in tokens[1:])],
            whole=_response(msgspec.json.encode({**whole, "usage": usage})),
            usage=usage,
        )


class Model:
    """What all connections share."""

    def __init__(self, quoter: Quoter) -> None:
        self.quoter = quoter
        self.pace = Pace()
        self.sent: list[Sent] = []


class Connection(asyncio.Protocol):
    """One client's connection; one request at a time."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body = b""
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        if self._streaming:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path, self._body = url, b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        match self._path:
            case b"/pace":
                self._model.pace = msgspec.json.decode(self._body, type=Pace)
                self._transport.write(_response(b"{}"))
            case b"/streams":
                self._transport.write(_response(msgspec.json.encode(self._model.sent)))
                self._model.sent = []
            case b"/v1/models":
                self._transport.write(_response(b'{"object":"list","data":[{"id":"fake","object":"model"}]}'))
            case b"/v1/chat/completions":
                self._complete(msgspec.json.decode(self._body, type=Completion))
            case _:
                self._transport.write(_response(b"{}", b"404 Not Found"))

    def _complete(self, completion: Completion) -> None:
        pace = self._model.pace
        texts = (message.content for message in completion.messages)
        prompt = "\n".join(t if isinstance(t, str) else "\n".join(part.get("text", "") for part in t) for t in texts)
        reply = self._model.quoter.reply(prompt, pace.tokens)
        if not completion.stream:
            self._transport.write(reply.whole)
            return
        with_usage = completion.stream_options is not None and completion.stream_options.include_usage
        tail = _chunk(_delta({}, "stop")) + (_chunk(_usage(reply.usage)) if with_usage else b"")
        tail += _chunk(b"[DONE]") + b"0\r\n\r\n"
        if pace.at_once:
            self._transport.write(STREAM_HEAD + b"".join(reply.chunks) + tail)
            return
        self._streaming = asyncio.get_running_loop().create_task(self._stream(prompt, reply, tail, pace))

    async def _stream(self, prompt: str, reply: Reply, tail: bytes, pace: Pace) -> None:
        self._transport.write(STREAM_HEAD)
        await asyncio.sleep(pace.first_token_s)
        start = time.monotonic()
        at = []
        for number, chunk in enumerate(reply.chunks, 1):
            at.append(time.monotonic())
            self._transport.write(chunk)
            # A schedule that does not drift.
            late = start + number / pace.tokens_per_s - at[-1] if pace.tokens_per_s else 0.0
            await asyncio.sleep(max(late, 0.0))
        self._transport.write(tail)
        if pace.recorded:
            self._model.sent.append(Sent(prompt=prompt, tokens=reply.tokens, at=at))


async def serve(port: int, corpus_folder: Path) -> None:
    sentences = {s for row in read_corpus(corpus_folder).rows for s in plain_sentences(row.text)}
    model = Model(Quoter(sentences))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(model), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Serve until stopped."""
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
