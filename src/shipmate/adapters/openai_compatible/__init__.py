"""Any language model behind an OpenAI-compatible server: hosted, vLLM, llama.cpp, Ollama, a gateway."""

from shipmate.adapters.openai_compatible.embedder import OpenAIEmbedder
from shipmate.adapters.openai_compatible.model import OpenAICompatible
from shipmate.adapters.openai_compatible.settings import OpenAICompatibleSettings, OpenAIEmbedderSettings

__all__ = ["OpenAICompatible", "OpenAICompatibleSettings", "OpenAIEmbedder", "OpenAIEmbedderSettings"]
