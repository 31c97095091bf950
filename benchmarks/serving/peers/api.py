"""The FastAPI door that all peers share: JSON, or SSE when it is asked for."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Protocol

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from benchmarks.serving.peers.passages import Passages

__all__ = ["Answer", "Assistant", "serve"]

SYSTEM = "Answer the question from the context alone. If the context does not answer it, say so."


class Question(BaseModel):
    message: str


class Answer(BaseModel):
    answer: str
    sources: list[str]


class Assistant(Protocol):
    """What a peer's library makes of a question."""

    async def answer(self, question: str) -> Answer:
        """Return the whole answer."""

    def stream(self, question: str) -> AsyncIterator[str]:
        """Yield the answer's text as it comes."""


def serve(make: Callable[[Passages, str], Assistant]) -> None:
    """Serve the assistant: `python -m ... INDEX_FOLDER MODEL_URL PORT`."""
    index, model_url, port = sys.argv[1:]
    assistant = make(Passages(Path(index)), model_url)
    app = FastAPI()

    @app.post("/chat", response_model=None)
    async def chat(question: Question, accept: Annotated[str, Header()] = "") -> Answer | StreamingResponse:
        if "text/event-stream" in accept:
            return StreamingResponse(events(assistant.stream(question.message)), media_type="text/event-stream")
        return await assistant.answer(question.message)

    uvicorn.run(app, host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", log_level="warning")


async def events(tokens: AsyncIterator[str]) -> AsyncIterator[str]:
    async for token in tokens:
        yield f"data: {json.dumps({'text': token})}\n\n"
    yield "data: [DONE]\n\n"
