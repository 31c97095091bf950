"""Assistants of which releases can be built, and what the journal says of those."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from shipmate import bootstrap
from shipmate.config import Project
from shipmate.messages import Ask, Finished, Reply
from shipmate.shipping.build import build

__all__ = ["answered", "ask", "built", "events", "made", "reread"]

ROSES = "# Roses\n\nRoses are pruned in March, when the frost is over. Use sharp shears.\n"
TULIPS = "# Tulips\n\nTulip bulbs go into the ground in October, ten centimetres deep.\n"
FAQ = "version: 1\nfaq:\n  - {question: Which colour has the gate?, answer: The gate is green.}\n"


def made(folder: Path, **files: str) -> Project:
    """Make an assistant whose folder a release can be built of; `files` are documents by their names without ending."""
    bootstrap.init(folder)
    (folder / "knowledge" / "welcome.md").unlink()
    for name, text in (files or {"roses": ROSES, "tulips": TULIPS}).items():
        (folder / "knowledge" / f"{name}.md").write_text(text)
    (folder / "faq.yml").write_text(FAQ)
    return reread(folder)


def reread(folder: Path) -> Project:
    """Load a folder and bring its index in step."""
    project = bootstrap.load(folder)
    bootstrap.ingest(project, progress=lambda _: None)
    return project


def built(project: Project) -> str:
    """Build a release; return its id."""
    return build(project).release


def answered(project: Project, question: str, release: str | None = "", caller: str = "local") -> Reply:
    """Return what is answered by a release, by the folder, or by what is live."""

    async def reply() -> Reply:
        async with bootstrap.open_house(project, release=release, shared=caller != "local") as house:
            return await ask(house, question, caller)

    return asyncio.run(reply())


async def ask(house: bootstrap.House, question: str, caller: str = "local") -> Reply:
    """Return what is answered now."""
    *_, finished = [event async for event in house.assistant.turn(Ask(text=question, caller=caller))]
    assert isinstance(finished, Finished)
    return finished.reply


def events(project: Project, prefix: str = "release.") -> list[dict[str, Any]]:
    """Return what the journal says of releases, in order."""
    path = project.state / "shipmate.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT event FROM events WHERE name LIKE ? ORDER BY seq", (f"{prefix}%",))
        return [json.loads(row) for (row,) in rows]
