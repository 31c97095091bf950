"""An encoder behind an OpenAI-compatible server: hosted, vLLM, llama.cpp, Ollama, a gateway."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipmate.adapters.openai_compatible.pool import Pool, shown_url
from shipmate.adapters.openai_compatible.settings import OpenAIEmbedderSettings, key_from
from shipmate.errors import ModelGarbled, ModelTimeout, ModelUnavailable
from shipmate.text import words

__all__ = ["OpenAIEmbedder"]

# Texts of one request, and characters of one text: servers refuse what is longer than their models read.
BATCH = 64
LONGEST_CHARACTERS = 8000
ATTEMPTS = 4
SHOWN_CHARACTERS = 200


class Row(msgspec.Struct):
    """One vector of an answer, and the place of its text in the request."""

    embedding: list[float]
    index: int


class Answer(msgspec.Struct):
    """What a server says to a request."""

    data: list[Row]


class OpenAIEmbedder:
    """An `Embedder` at the other end of an HTTP connection."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        dimensions: int,
        key: str = "",
        silence_s: float = 30.0,
        pause_s: float = 0.5,
    ) -> None:
        """`base_url` goes up to and with /v1; `pause_s` comes before the first retry, and doubles."""
        endpoint = f"{base_url.rstrip('/')}/embeddings"
        # For errors.
        self._url = shown_url(endpoint)
        self._model = model
        self.dimensions = dimensions
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._pool = Pool(endpoint, headers, connect_timeout_s=silence_s)
        self._silence_s = silence_s
        self._pause_s = pause_s

    @classmethod
    def opened(cls, settings: OpenAIEmbedderSettings) -> "OpenAIEmbedder":
        """Open what `stack.yml` names; raise `UsageError` where its key is missing."""
        return cls(
            settings.base_url,
            settings.model,
            dimensions=settings.dimensions,
            key=key_from(settings.api_key_env),
            silence_s=settings.silence_s,
        )

    @property
    def name(self) -> str:
        """Return the model's name at the server, and its address: another server may serve another version."""
        return f"{self._model}@{self._url}"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text; the server is not asked about one without words."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        worded = [number for number, text in enumerate(texts) if words(text)]
        for start in range(0, len(worded), BATCH):
            batch = worded[start : start + BATCH]
            vectors[batch] = await self._asked([_readable(texts[number]) for number in batch])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    async def close(self) -> None:
        """Drop the connections."""
        await self._pool.close()

    async def _asked(self, texts: list[str]) -> NDArray[np.float32]:
        body = msgspec.json.encode({"model": self._model, "input": texts, "encoding_format": "float"})
        for attempt in range(ATTEMPTS):
            try:
                status, said = await self._sent(body)
            except TimeoutError:
                raise ModelTimeout(
                    f"The encoder at {self._url} was silent for {self._silence_s:g} s.",
                    do="Look whether it is overloaded.",
                ) from None
            except (OSError, ValueError) as error:
                status, said = HTTPStatus.BAD_GATEWAY, str(error).encode()
            if status == HTTPStatus.OK:
                return self._rows(said, len(texts))
            if status != HTTPStatus.TOO_MANY_REQUESTS and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(self._pause_s * 2**attempt)
        shown = said[:SHOWN_CHARACTERS].decode(errors="replace")
        raise ModelUnavailable(
            f"The encoder at {self._url} did not answer ({status}): {shown}",
            do="Look at its address, its key and its log.",
        )

    async def _sent(self, body: bytes) -> tuple[int, bytes]:
        async with asyncio.timeout(self._silence_s):
            connection = await self._pool.post(body)
        try:
            said = b""
            while True:
                async with asyncio.timeout(self._silence_s):
                    data = await connection.read()
                if not data:
                    return connection.status, said
                said += data
        finally:
            connection.release()

    def _rows(self, said: bytes, count: int) -> NDArray[np.float32]:
        """Return the rows in the order of their texts."""
        try:
            data = sorted(msgspec.json.decode(said, type=Answer).data, key=lambda row: row.index)
            rows = np.array([row.embedding for row in data], np.float32)
        except (msgspec.MsgspecError, ValueError) as error:
            do = "Let the address end where the server's /v1 ends."
            raise ModelGarbled(f"{self._url} answered no vectors: {error}", do=do) from error
        if rows.shape != (count, self.dimensions) or not np.isfinite(rows).all():
            what = (
                f"{self._url} answered vectors of the shape {rows.shape} for {count} texts of {self.dimensions} numbers"
            )
            raise ModelGarbled(what, do="Look at the model's name, and at its dimensions.")
        return rows


def _readable(text: str) -> str:
    """Return as much of a text as is read, without halves of surrogate pairs."""
    return text[:LONGEST_CHARACTERS].encode("utf-8", "replace").decode()
