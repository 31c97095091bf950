"""Every passage index keeps the promises of its port; the one on disk also survives being killed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.testing.conformance.passage_index import CHECKS, OpenIndex
from shipmate.testing.memory_index import Commits, MemoryIndex


def _memory(_: Path) -> OpenIndex:
    commits = Commits()
    return lambda: MemoryIndex(commits)


INDEXES: dict[str, Callable[[Path], OpenIndex]] = {
    "memory": _memory,
    "tantivy": lambda folder: lambda: TantivyIndex(folder / "index"),
}


@pytest.mark.parametrize("open_index", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_index_keeps_its_promises(
    check: Callable[[OpenIndex], None], open_index: Callable[[Path], OpenIndex], tmp_path: Path
) -> None:
    check(open_index(tmp_path))
