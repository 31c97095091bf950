"""A cross-encoder that `stack.yml` names puts in order what an assistant finds."""

import asyncio
from pathlib import Path

import pytest

from shipmate import bootstrap

pytestmark = pytest.mark.real
TINY = Path(__file__).parent.parent / "fixtures" / "tiny-cross-encoder"


def test_cross_encoder_orders_what_is_found(tmp_path: Path) -> None:
    """The tiny one knows no heading's weight: the text that says the question, and nothing else, comes first."""
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "long.md").write_text(
        f"# Password\n\nPassword reset: {'the library opens at six. ' * 8}\n"
    )
    (tmp_path / "knowledge" / "short.md").write_text("Reset my password\n")
    stack = "version: 1\nembedder: none\n"
    (tmp_path / "stack.yml").write_text(f"{stack}reranker:\n  adapter: cross_encoder\n  model: {TINY}\n")
    project = bootstrap.load(tmp_path)
    assert bootstrap.check(tmp_path) == []
    bootstrap.ingest(project, progress=lambda _: None)
    hits = asyncio.run(bootstrap.search(project, "reset my password", 8))
    assert [hit.passage.source for hit in hits] == ["short.md", "long.md"]
    assert hits[0].legs["reranker"] > hits[1].legs["reranker"] > 0
    (tmp_path / "stack.yml").write_text(stack)
    light = asyncio.run(bootstrap.search(bootstrap.load(tmp_path), "reset my password", 8))
    assert len(light) == 2
    assert all("reranker" not in hit.legs for hit in light)
