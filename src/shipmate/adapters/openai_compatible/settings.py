"""What a model behind HTTP is told in `stack.yml`."""

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shipmate.errors import UsageError
from shipmate.messages import Record

__all__ = ["OpenAICompatibleSettings", "OpenAIEmbedderSettings", "key_from"]

Seconds = Annotated[float, Meta(gt=0, le=600)]
Price = Annotated[float, Meta(ge=0)]


BaseUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://([^\s/?#@]+@)?[^\s/?#@]+(/[^\s?#@]*)?$",
        description="Up to and with /v1, without a query.",
        extra_json_schema={"examples": ["https://models.example.com/v1"]},
    ),
]
ModelName = Annotated[str, Meta(min_length=1, description="The model's name at the server.")]
KeyVariable = Annotated[str, Meta(description="The environment variable that holds the key; empty: no key.")]


class OpenAIEmbedderSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: openai_compatible` below `embedder` in `stack.yml`."""

    base_url: BaseUrl
    model: ModelName
    dimensions: Annotated[int, Meta(ge=1, le=16_384, description="The length of the model's vectors.")]
    api_key_env: KeyVariable = ""
    silence_s: Annotated[Seconds, Meta(description="How long the server may be silent.")] = 30.0


class OpenAICompatibleSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: openai_compatible` in `stack.yml`."""

    base_url: BaseUrl
    model: ModelName
    api_key_env: KeyVariable = ""
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


def key_from(variable: str) -> str:
    """Return the key that a variable holds, none for no variable; raise `UsageError` where it is not set."""
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            f"stack.yml takes the model's key from {variable}, and that variable is not set.",
            do=f"export {variable}=...",
        )
    return key
