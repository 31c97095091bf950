"""What a text encoder in ONNX is told in `stack.yml`."""

from typing import Annotated

from msgspec import Meta

from shipmate.messages import Record

__all__ = ["OnnxSettings"]


class OnnxSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: onnx` in `stack.yml`."""

    model: Annotated[
        str,
        Meta(
            min_length=1,
            description="A folder, from the assistant's folder, or a model's name at the hub.",
            extra_json_schema={"examples": ["models/minilm", "sentence-transformers/all-MiniLM-L6-v2"]},
        ),
    ]
    revision: Annotated[str, Meta(min_length=1, description="Of a model at the hub: branch, tag or commit.")] = "main"
    threads: Annotated[int, Meta(ge=1, le=256, description="How many cores it may use.")] = 1
