"""A copy of a tantivy folder as of one commit, taken while others ingest.

`meta.json` is replaced as a whole by each commit and names the segments that the commit consists of; the files of a
segment are written once and never changed, but a later commit may merge a segment away. So one reading of `meta.json`
tells what to copy, and when a file has gone in the meantime, the next reading tells better.
"""

import json
import shutil
from pathlib import Path

import tantivy

from shipmate.disk import place
from shipmate.errors import Busy, Damaged

__all__ = ["check_index", "snapshot_index"]

ATTEMPTS = 20


def snapshot_index(folder: Path, target: Path) -> None:
    """Copy the index's newest commit to a new folder, and open the copy to prove it.

    Raises `Busy` when commits come faster than they can be copied, `Damaged` when the index does not open.
    """
    for _ in range(ATTEMPTS):
        commit = (folder / "meta.json").read_bytes()
        try:
            _copy(folder, target, commit)
            check_index(target)
        except (FileNotFoundError, Damaged):
            shutil.rmtree(target, ignore_errors=True)
            if (folder / "meta.json").read_bytes() == commit:
                raise
        else:
            return
    raise Busy(f"{folder} changes faster than it can be copied", do="try again when the ingest has ended")


def check_index(folder: Path) -> None:
    """Open every segment of the index; raise `Damaged` when one is not there or not readable."""
    try:
        tantivy.Index.open(str(folder)).searcher()
    except ValueError as error:
        raise Damaged(
            f"the search index in {folder} does not open: {error}",
            do="run `shipmate ingest`: the index is made from your documents",
        ) from error


def _copy(folder: Path, target: Path, commit: bytes) -> None:
    segments = {segment["segment_id"].replace("-", "") for segment in json.loads(commit)["segments"]}
    names = sorted(file.name for file in folder.iterdir() if file.name.partition(".")[0] in segments)
    target.mkdir(parents=True)
    for name in names:
        place(folder / name, target / name)
    # Which files are tantivy's own, so that it may delete them one day.
    (target / ".managed.json").write_text(json.dumps([*names, "meta.json"]), encoding="utf-8")
    (target / "meta.json").write_bytes(commit)
