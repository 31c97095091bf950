"""Models in ONNX, from a folder: a text encoder and a cross-encoder."""

from shipmate.adapters.onnx.cross_encoder import OnnxCrossEncoder
from shipmate.adapters.onnx.embedder import OnnxEmbedder
from shipmate.adapters.onnx.engine import FILES
from shipmate.adapters.onnx.settings import OnnxSettings

__all__ = ["FILES", "OnnxCrossEncoder", "OnnxEmbedder", "OnnxSettings"]
