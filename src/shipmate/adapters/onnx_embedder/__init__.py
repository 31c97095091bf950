"""A text encoder in ONNX, from a folder or fetched by name from a model hub."""

from shipmate.adapters.onnx_embedder.embedder import OnnxEmbedder
from shipmate.adapters.onnx_embedder.hub import Hub, fetch_model
from shipmate.adapters.onnx_embedder.settings import OnnxSettings

__all__ = ["Hub", "OnnxEmbedder", "OnnxSettings", "fetch_model"]
