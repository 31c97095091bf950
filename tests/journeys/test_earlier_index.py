"""A folder whose index an earlier version made, or nobody yet: who only looks writes nothing, and says what to do."""

import asyncio
from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.errors import NoIndex
from tests.journeys.process import make_garden, shipmate

QUESTION = "When are roses pruned?"
EARLIER = "made by an earlier version"
LOOKS = (("doctor",), ("upgrade", "--dry-run"))


def upgraded(folder: Path, index: str) -> Path:
    """Return an assistant's folder as it is after this version was installed over the one that made the index."""
    made = make_garden(folder) / ".shipmate" / "index" / index
    made.mkdir(parents=True)
    (made / "meta.json").write_text("{}")
    return folder


def test_looking_at_a_folder_writes_nothing(tmp_path: Path) -> None:
    for folder in (make_garden(tmp_path / "new"), upgraded(tmp_path / "old", "passages-2")):
        before = sorted(folder.rglob("*"))
        for look in LOOKS:
            shipmate(*look, folder)
        with pytest.raises(NoIndex):
            asyncio.run(bootstrap.search(bootstrap.load(folder), QUESTION, 3))
        assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("index", ["passages-1", "passages-2", "passages-3"])
def test_an_earlier_versions_index_is_told_until_it_is_made_anew(tmp_path: Path, index: str) -> None:
    folder = upgraded(tmp_path / "garden", index)
    for look, code in zip(LOOKS, (5, 0), strict=True):
        told = shipmate(*look, folder)
        assert told.code == code
        assert EARLIER in told.out
        assert f"un `shipmate ingest {folder}`" in told.out
        assert "Put documents" not in told.out
    with pytest.raises(NoIndex, match=EARLIER):
        asyncio.run(bootstrap.search(bootstrap.load(folder), QUESTION, 3))
    assert shipmate("ingest", folder).code == 0
    for look in LOOKS:
        told = shipmate(*look, folder)
        assert told.code == 0
        assert EARLIER not in told.out
