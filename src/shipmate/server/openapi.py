"""`/openapi.json`: every door, the plain ASGI ones included, with schemas made of the records themselves."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shipmate import __version__
from shipmate.curation import Change, Curation
from shipmate.curator import Effect
from shipmate.insight.outcomes import BroughtOutcome
from shipmate.insight.report import Report
from shipmate.live import FaqOnly, Live
from shipmate.messages import Card, Cited, Finished, Hit, Passage, Reply, Started, Token, Trace
from shipmate.neighbourhood import Neighbourhood
from shipmate.release.canary.report import TrialShown
from shipmate.server.access import is_public
from shipmate.server.chat import ChatRequest
from shipmate.server.insight_doors import Feedback, Taken
from shipmate.server.openai_door import Chunk, Completion, CompletionRequest, Model, ModelList
from shipmate.server.problems import PROBLEMS, Failed, OpenAIError, ProblemDetails
from shipmate.server.websocket import SocketFrame

__all__ = ["describe", "json_of", "list_of", "openai_problems", "problems"]

Schema = dict[str, Any]

RECORDS = (
    ChatRequest,
    Reply,
    Started,
    Token,
    Cited,
    Card,
    Finished,
    Failed,
    SocketFrame,
    CompletionRequest,
    Completion,
    Chunk,
    Model,
    ModelList,
    Trace,
    Passage,
    Neighbourhood,
    Hit,
    Curation,
    Change,
    Effect,
    TrialShown,
    FaqOnly,
    Live,
    Feedback,
    BroughtOutcome,
    Taken,
    Report,
    ProblemDetails,
    OpenAIError,
)
EVENTS = ("Started", "Token", "Cited", "Card", "Finished", "Failed")
TITLES = {status: title for status, _, title in reversed(PROBLEMS.values())} | {
    405: "The method is not known here",
    426: "This door speaks WebSocket",
    503: "The assistant is not ready, or cannot store anything now",
}
REQUEST_HEADERS = [
    {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "The user's languages.",
        "schema": {"type": "string"},
    },
    {
        "name": "X-Consent-ID",
        "in": "header",
        "required": False,
        "description": "The consent under which the message may be kept for more than answering; without it, for nothing.",
        "schema": {"type": "string", "pattern": "^[!-~]{0,128}$"},
    },
]


def json_of(name: str, media_type: str = "application/json") -> Schema:
    """Return the content of a request or an answer that is one record."""
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def list_of(name: str, *, least: int = 0) -> Schema:
    """Return the content of a request or an answer that is a list of so many records or more."""
    listed = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return {"application/json": {"schema": listed | ({"minItems": least} if least else {})}}


def problems(*statuses: int) -> dict[int | str, Schema]:
    """Return the problem answers with these statuses."""
    content = json_of("ProblemDetails", "application/problem+json")
    return {status: {"description": TITLES[status], "content": content} for status in statuses}


def openai_problems(*statuses: int) -> dict[int | str, Schema]:
    """Return the same in OpenAI's form."""
    return {status: {"description": TITLES[status], "content": json_of("OpenAIError")} for status in statuses}


def describe(routes: FastAPI, *, title: str, needs_key: bool) -> Schema:
    """Return the whole description."""
    document = get_openapi(
        title=title,
        version=__version__,
        openapi_version="3.1.0",
        description="Ask an assistant that answers from its own documents, and cites them.",
        routes=routes.routes,
    )
    hot = {
        "/chat": {"post": _chat()},
        "/ws": {"get": _socket()},
        "/v1/chat/completions": {"post": _completions()},
        "/healthz": {"get": _text("health", "Tell that the process lives")},
        "/readyz": {
            "get": _text(
                "readiness",
                "Tell whether a turn may begin: not before there is an index, and not while the server shuts down",
                503,
            )
        },
        "/probez": {
            "get": _text("probe", "Answer a suggested question from the documents; nothing is kept of it", 404, 503)
        },
        "/metrics": {"get": _text("metrics", "Return the counters in Prometheus's text format", 401)},
    }
    document["paths"] = hot | document["paths"]
    _, schemas = msgspec.json.schema_components(RECORDS, ref_template="#/components/schemas/{name}")
    document["components"] = {"schemas": schemas}
    if needs_key:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                # A socket may show its key in the first frame.
                operation["security"] = [] if is_public(path) or path == "/ws" else [{"key": []}]
    return document


def _chat() -> Schema:
    retry = {"description": "On a wait card: seconds until a turn is free.", "schema": {"type": "integer"}}
    return {
        "summary": "Ask; get the reply, or its events as they come",
        "description": "The reply is complete and committed when it arrives. With `Accept: text/event-stream` the turn "
        "streams as the events `started`, `token`, `citation`, `card`, `finished` and `error`; each event's data is the "
        "record of that name as JSON. Kind `wait` means that the caller asked too often.",
        "operationId": "chat",
        "tags": ["chat"],
        "parameters": REQUEST_HEADERS,
        "requestBody": {"required": True, "content": json_of("ChatRequest")},
        "responses": _responses(
            {
                "description": "The reply",
                "headers": {"Retry-After": retry},
                "content": json_of("Reply") | _events_of(_as_text(_events())),
            },
            problems(400, 401, 403, 404, 405, 409, 413, 415, 422, 503),
        ),
    }


def _socket() -> Schema:
    return {
        "summary": "Open a WebSocket for one conversation after the other",
        "description": "Send SocketFrame objects as text frames; get the events of /chat as text frames, each one record "
        "with its name in `type`. The first frame may carry what a browser cannot put into headers. A frame that "
        "cannot be used is answered with an `error` event, and the socket stays open. Close codes: 1003 not text, "
        "1007 not UTF-8, 1008 no key, 1009 too large, 1012 the server restarts.",
        "operationId": "socket",
        "tags": ["chat"],
        "parameters": REQUEST_HEADERS,
        "responses": _responses(
            {"description": "The socket is open", "content": {"application/json": {"schema": _events()}}},
            problems(403, 405, 422, 426),
            status=101,
        ),
    }


def _completions() -> Schema:
    return {
        "summary": "Ask as one asks a model of OpenAI's",
        "description": "The last user message is the question; earlier user and assistant messages are data that help to "
        "understand it. System and developer messages are left out: only the charter instructs the assistant. "
        "Parameters that steer a bare model are ignored. Citations stand in the text as [n], and in full in the "
        "extension field `citations` of the message, or of the last chunk's delta.",
        "operationId": "chat_completions",
        "tags": ["openai"],
        "parameters": REQUEST_HEADERS,
        "requestBody": {"required": True, "content": json_of("CompletionRequest")},
        "responses": _responses(
            {
                "description": "The completion; with `stream`, Chunk objects and `[DONE]` as server-sent events",
                "content": json_of("Completion")
                | _events_of({"anyOf": [{"const": "[DONE]"}, _as_text({"$ref": "#/components/schemas/Chunk"})]}),
            },
            openai_problems(400, 401, 403, 405, 413, 415, 422, 429, 503),
        ),
    }


def _text(name: str, summary: str, *refusals: int) -> Schema:
    content = {"text/plain": {"schema": {"type": "string"}}}
    done = {"description": "Done", "content": content}
    return {"summary": summary, "operationId": name, "responses": _responses(done, problems(*refusals))}


def _events_of(data: Schema) -> Schema:
    """Return the content of an answer that is a stream of events with such data."""
    return {"text/event-stream": {"schema": {"type": "object", "properties": {"data": data}, "required": ["data"]}}}


def _as_text(schema: Schema) -> Schema:
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


def _events() -> Schema:
    return {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in EVENTS]}


def _responses(good: Schema, bad: dict[int | str, Schema], *, status: int = 200) -> Schema:
    return {str(status): good} | {str(code): response for code, response in bad.items()}
