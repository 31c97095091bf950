"""What a caller is told when a request fails: RFC 9457 problem details, one row per kind of error.

Below `/v1/` the same is told in OpenAI's words, because its clients read nothing else.
"""

import logging
import math

import msgspec

from shipmate.errors import (
    Busy,
    ConversationBusy,
    Forbidden,
    Invalid,
    Malformed,
    Missing,
    NoIndex,
    NotReady,
    RateLimited,
    ShipmateError,
    StorageError,
    TooLarge,
    Unauthorised,
    WrongMediaType,
)

__all__ = [
    "PROBLEMS",
    "Failed",
    "OpenAIError",
    "ProblemDetails",
    "openai_error",
    "problem",
    "problem_of",
    "refusal_headers",
    "written",
]

log = logging.getLogger(__name__)


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not carried out (RFC 9457)."""

    # Names the kind of problem for programs.
    type: str
    # Names it for people; the same for each of its kind.
    title: str
    status: int
    # What happened this time, and what to do next.
    detail: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    """A stream could not go on, or a frame could not be used."""

    problem: ProblemDetails


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: None = None
    code: str


class OpenAIError(msgspec.Struct, frozen=True, kw_only=True):
    """An error as OpenAI's clients expect it."""

    error: ErrorBody


OPENAI_PATHS = "/v1/"
OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
# Error -> status, name, title. The nearest class in an error's ancestry decides.
PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    Malformed: (400, "malformed", "The request cannot be read"),
    Unauthorised: (401, "unauthorised", "An API key is needed"),
    Forbidden: (403, "forbidden", "This is not answered here"),
    Missing: (404, "missing", "There is no such thing"),
    Busy: (503, "busy", "Somebody else holds what is needed"),
    ConversationBusy: (409, "conversation-busy", "The conversation is busy"),
    TooLarge: (413, "too-large", "The request is too large"),
    WrongMediaType: (415, "wrong-media-type", "This content type is not read here"),
    Invalid: (422, "invalid", "A field of the request is wrong"),
    RateLimited: (429, "rate-limited", "Too many requests"),
    NoIndex: (503, "no-index", "Nothing was ingested yet"),
    NotReady: (503, "not-ready", "The assistant is not ready"),
    StorageError: (503, "storage", "The assistant cannot store anything now"),
    Exception: (500, "internal", "Something went wrong here"),
}


def problem(status: int, name: str, title: str, detail: str) -> ProblemDetails:
    """Return a problem under this project's own name space."""
    return ProblemDetails(type=f"urn:shipmate:problem:{name}", title=title, status=status, detail=detail)


def problem_of(error: Exception) -> ProblemDetails:
    """Return what a caller may know of an error; an unexpected one is logged and told without its text."""
    row = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    if isinstance(error, ShipmateError) and row is not PROBLEMS[Exception]:
        return problem(*row, f"{error.what} {error.do}".rstrip())
    log.error("A request failed unexpectedly.", exc_info=error)
    return problem(*row, "The assistant's log tells why. Try again, and tell its owner when it stays.")


def openai_error(details: ProblemDetails) -> OpenAIError:
    """Return a problem in OpenAI's form."""
    kind = "server_error" if details.status >= 500 else OPENAI_TYPES.get(details.status, "invalid_request_error")
    code = OPENAI_CODES.get(details.status) or details.type.rpartition(":")[2]
    return OpenAIError(error=ErrorBody(message=details.detail, type=kind, code=code))


def written(details: ProblemDetails, path: str) -> tuple[bytes, bytes]:
    """Return media type and body in the form that clients of this path read."""
    if path.startswith(OPENAI_PATHS):
        return b"application/json", msgspec.json.encode(openai_error(details))
    return b"application/problem+json", msgspec.json.encode(details)


def refusal_headers(error: Exception) -> list[tuple[bytes, bytes]]:
    """Return the headers that belong to an error's status."""
    match error:
        case Unauthorised():
            return [(b"www-authenticate", b"Bearer")]
        case RateLimited():
            return [(b"retry-after", b"%d" % math.ceil(error.retry_after_s))]
        case NotReady():
            return [(b"retry-after", b"1")]
        case TooLarge():
            # What is left of the body is not read.
            return [(b"connection", b"close")]
        case _:
            return []
