"""Models opened by the library sentence-transformers, from a folder: a text encoder and a cross-encoder."""

from shipmate.adapters.sentence_transformer.cross_encoder import TorchCrossEncoder
from shipmate.adapters.sentence_transformer.embedder import TorchEmbedder
from shipmate.adapters.sentence_transformer.library import FILES
from shipmate.adapters.sentence_transformer.settings import SentenceTransformersSettings

__all__ = ["FILES", "SentenceTransformersSettings", "TorchCrossEncoder", "TorchEmbedder"]
