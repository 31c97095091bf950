"""The library sentence-transformers, told to open what lies in a folder and to ask nobody."""

import os
from pathlib import Path
from typing import Any

from shipmate.adapters.model_files import Files, fingerprint
from shipmate.errors import Damaged, Missing, UsageError

__all__ = ["FILES", "model_name", "opened"]

# What a hub is asked for.
FILES = Files(
    extra="sentence_transformers",
    needed=("config.json", "tokenizer.json"),
    model=("model.safetensors",),
    welcome=(
        "modules.json",
        "1_Pooling/config.json",
        "config_sentence_transformers.json",
        "sentence_bert_config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.txt",
    ),
)
WEIGHTS = "model.safetensors"
# The libraries read these when they are imported.
SILENCE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_OFFLINE": "1",
}


def model_name(folder: Path) -> str:
    """Return the folder's name, and what tells this model from another under that name; raise `Missing`."""
    weights = folder / WEIGHTS
    if not weights.is_file() or not (folder / "config.json").is_file():
        raise Missing(f"{folder} holds no model", do=f"name a folder with a config.json and a {WEIGHTS}")
    return f"sentence-transformers-{folder.resolve().name}-{fingerprint(weights)}"


def opened(kind: str, folder: Path, *, threads: int, longest_tokens: int) -> Any:
    """Open a `SentenceTransformer` or `CrossEncoder` from a folder; nothing is fetched, and no code of a model's runs."""
    os.environ.update(SILENCE)
    try:
        import sentence_transformers  # noqa: PLC0415 - an extra
        import torch  # noqa: PLC0415 - an extra
    except ImportError as error:
        do = "pip install 'shipmate[sentence_transformers]'"
        raise UsageError(f"a model of sentence-transformers needs {error.name}", do=do) from error
    torch.set_num_threads(threads)
    try:
        model = getattr(sentence_transformers, kind)(str(folder), device="cpu", local_files_only=True)
    except Exception as error:  # the libraries raise what they like
        raise Damaged(f"the model in {folder} does not open: {error}", do="fetch the model again") from error
    model.max_seq_length = min(model.max_seq_length or longest_tokens, longest_tokens)
    return model
