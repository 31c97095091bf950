"""What is meant for a group is found, quoted and shown by its page to nobody else."""

from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.messages import LOCAL, Ask, Finished, Reply, ReplyKind

PUBLIC = "# Roses\n\nRoses are pruned in March, when the frost is over.\n"
SECRET = "---\naudience: [staff]\n---\n# Wages\n\nThe head gardener earns 4,200 euros a month.\n"
STACK = "version: 1\ngroups:\n  local: [staff]\n  desk: [staff, board]\n  shop: [customers]\n"
QUESTION = "How much does the head gardener earn a month?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "roses.md").write_text(PUBLIC)
    (tmp_path / "knowledge" / "wages.md").write_text(SECRET)
    (tmp_path / "stack.yml").write_text(STACK)
    bootstrap.ingest(bootstrap.load(tmp_path), progress=lambda _: None)
    return tmp_path


async def told(folder: Path, caller: str, *, shared: bool) -> tuple[Reply, list[str]]:
    """Return what a caller is answered, and the texts that the page would show beside it."""
    async with bootstrap.open_assistant(bootstrap.load(folder), shared=shared) as assistant:
        *_, finished = [event async for event in assistant.turn(Ask(text=QUESTION, caller=caller))]
        assert isinstance(finished, Finished)
        around = await assistant.passages_around("wages.md", 0, len(SECRET), caller)
        trace = await assistant.trace(finished.reply.turn_id, caller)
        return finished.reply, [*(passage.text for passage in around), *(scored.source for scored in trace.passages)]


@pytest.mark.parametrize(("caller", "shared"), [("desk", True), (LOCAL, False)])
async def test_who_is_in_the_group_is_answered_from_it(folder: Path, caller: str, *, shared: bool) -> None:
    reply, shown = await told(folder, caller, shared=shared)
    assert reply.kind is ReplyKind.ANSWER
    assert "4,200 euros" in reply.text
    assert "wages.md" in shown


@pytest.mark.parametrize("caller", ["shop", "unknown", LOCAL, "staff"])
async def test_nobody_else_learns_that_there_is_such_a_page(folder: Path, caller: str) -> None:
    reply, shown = await told(folder, caller, shared=True)
    assert "4,200" not in reply.text
    assert not any("Wages" in text or "gardener" in text or text == "wages.md" for text in shown)
    assert all(citation.source == "roses.md" for citation in reply.citations)


async def test_a_search_in_the_terminal_sees_what_its_groups_may_see(folder: Path) -> None:
    async def sources() -> set[str]:
        return {hit.passage.source for hit in await bootstrap.search(bootstrap.load(folder), QUESTION, 8)}

    assert "wages.md" in await sources()
    (folder / "stack.yml").write_text("version: 1\n")
    assert "wages.md" not in await sources()
