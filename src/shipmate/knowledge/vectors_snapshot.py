"""A copy of the vectors as of one commit, taken while others ingest.

The manifest is replaced as a whole by each commit, and the files that it names are written once: so one reading of it
tells what to copy, and when a file has gone in the meantime, the next reading tells better.
"""

import shutil
from pathlib import Path

import msgspec

from shipmate.disk import place
from shipmate.errors import Busy, Damaged
from shipmate.knowledge.vectors import ATTEMPTS, MANIFEST, Manifest, Vectors

__all__ = ["check_vectors", "snapshot_vectors"]


def snapshot_vectors(folder: Path, target: Path) -> None:
    """Copy the newest commit to a new folder; raise `Busy` when commits come faster than they can be copied."""
    for _ in range(ATTEMPTS):
        written = (folder / MANIFEST).read_bytes()
        numbers = {str(note.number) for note in _manifest(folder, written).blocks}
        target.mkdir(parents=True)
        try:
            for file in sorted(folder.glob("*.npy")):
                if file.name.partition(".")[0] in numbers:
                    place(file, target / file.name)
            (target / MANIFEST).write_bytes(written)
            check_vectors(target)
        except (FileNotFoundError, Damaged):
            shutil.rmtree(target)
            if (folder / MANIFEST).read_bytes() == written:
                raise
        else:
            return
    raise Busy(f"{folder} changes faster than it can be copied", do="try again when the ingest has ended")


def check_vectors(folder: Path) -> None:
    """Open every block; raise `Damaged` when one is not there or not what the manifest says."""
    manifest = _manifest(folder, (folder / MANIFEST).read_bytes())
    Vectors(folder, embedder=manifest.embedder, dimensions=manifest.dimensions)


def _manifest(folder: Path, written: bytes) -> Manifest:
    try:
        return msgspec.json.decode(written, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Damaged(f"the vectors in {folder} do not open: {error}", do="run `shipmate ingest`") from error
