"""Any language model behind an OpenAI-compatible server: hosted, vLLM, llama.cpp, Ollama, a gateway."""

from shipmate.adapters.openai_compatible.model import OpenAICompatible
from shipmate.adapters.openai_compatible.settings import OpenAICompatibleSettings

__all__ = ["OpenAICompatible", "OpenAICompatibleSettings"]
