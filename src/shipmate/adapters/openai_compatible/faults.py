"""What goes wrong with a model server, as errors that say what to do."""

from http import HTTPStatus
from typing import NamedTuple

from shipmate.adapters.openai_compatible.connection import Connection
from shipmate.adapters.openai_compatible.pool import ConnectTimeout
from shipmate.adapters.openai_compatible.settings import OpenAICompatibleSettings
from shipmate.errors import ModelError, ModelGarbled, ModelTimeout, ModelUnavailable

__all__ = ["SHOWN_CHARS", "Failure", "broken_off", "late", "refused", "silent", "unanswered"]

# Of what a server says, in an error.
SHOWN_CHARS = 200


class Failure(NamedTuple):
    """Why a request brought no answer."""

    error: ModelError
    # It may be gone at the next attempt.
    passing: bool = False
    # How long the server wants to be left alone; None when it does not say.
    pause_s: float | None = None


def unanswered(url: str, settings: OpenAICompatibleSettings, error: Exception) -> Failure:
    """Say why no response came."""
    match error:
        case ConnectTimeout():
            what = f"No connection to {url} within {settings.connect_timeout_s:g} s."
            return Failure(ModelUnavailable(what, do="Look whether the model server runs."), passing=True)
        case OSError():
            what = f"The model server at {url} cannot be reached: {_shown(error)}."
            do = "Look whether it runs, and whether `base_url` in stack.yml is right."
            return Failure(ModelUnavailable(what, do=do), passing=True)
        case _:
            what = f"{url} does not speak HTTP as expected: {_shown(error)}."
            return Failure(ModelGarbled(what, do="Look at `base_url` in stack.yml."))


def refused(url: str, settings: OpenAICompatibleSettings, response: Connection, *, said: str) -> Failure:
    """Say why a response is no answer; `said` is the beginning of its body."""
    status, headers = response.status, response.headers
    said = f": {said[:SHOWN_CHARS]}" if said else "."
    if status == HTTPStatus.OK:
        kind = headers.get("content-encoding") or headers.get("content-type") or "no type"
        what = f"The model server at {url} sent {kind} instead of an event stream{said}"
        return Failure(ModelGarbled(what, do="Let `base_url` in stack.yml end where the server's /v1 ends."))
    passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    error = ModelUnavailable(f"The model server at {url} answered {status}{said}", do=_advice(status, settings))
    return Failure(error, passing=passing, pause_s=_seconds(headers.get("retry-after", "")))


def silent(url: str, settings: OpenAICompatibleSettings) -> ModelTimeout:
    """Say that nothing came for too long."""
    what = f"The model server at {url} was silent for {settings.idle_timeout_s:g} s."
    return ModelTimeout(what, do="Raise `idle_timeout_s` in stack.yml, or use a faster model.")


def late(url: str) -> ModelTimeout:
    """Say that the answer was not done in time."""
    do = "Raise `model_deadline_s` in stack.yml, or use a faster model."
    return ModelTimeout(f"The model at {url} did not finish within its deadline.", do=do)


def broken_off(url: str) -> ModelUnavailable:
    """Say that an answer ended before its end."""
    return ModelUnavailable(f"The model server at {url} broke off its answer.", do="Look at its log.")


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


def _seconds(header: str) -> float | None:
    """Return the seconds that a Retry-After header names; one with a date counts as none."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return max(seconds, 0.0) if seconds < float("inf") else None


def _shown(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
