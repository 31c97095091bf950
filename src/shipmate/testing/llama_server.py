"""llama.cpp's own server in this process, from the `xllamacpp` wheel: a real model behind a real protocol."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["llama_server"]


@contextmanager
def llama_server(gguf: Path, *, context_tokens: int = 4096) -> Iterator[str]:
    """Serve a model file on loopback; the value is the base URL. It writes its log to stderr."""
    import xllamacpp  # noqa: PLC0415  # an extra, and only for those who call this

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx = context_tokens
    params.n_parallel = 1
    params.hostnames = ["127.0.0.1"]
    params.port = _free_port()
    params.cpuparams.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
