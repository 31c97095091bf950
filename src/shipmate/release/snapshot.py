"""The documents of a collection as they were cut, written so that the same ones are the same bytes.

Each document has a line that tells its name, the fingerprint under which it was read and how many passages follow; then
a line for each of them. Documents stand in the order of their names, passages in that of the text.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from shipmate.disk import disk_faults
from shipmate.errors import Damaged
from shipmate.messages import Passage, Record
from shipmate.ports import PassageIndex

__all__ = ["Counted", "Document", "Heading", "headings", "read", "same_as", "write"]

FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Heading(Record, frozen=True, kw_only=True):
    """What stands above the passages of a document."""

    source: str
    fingerprint: str
    passages: int


class Counted(NamedTuple):
    """How much a snapshot holds."""

    documents: int
    passages: int
    # How many of these not everyone may see.
    restricted: int


class Document(NamedTuple):
    """A document as an index takes it."""

    source: str
    fingerprint: str
    passages: Sequence[Passage]


_encode = msgspec.json.Encoder(order="deterministic").encode
_heading = msgspec.json.Decoder(Heading).decode
_passage = msgspec.json.Decoder(Passage).decode


def write(index: PassageIndex, path: Path) -> Counted:
    """Write what an index holds; return how much that is."""
    fingerprints = index.sources()
    count = restricted = 0
    with disk_faults(path), path.open("wb") as file:
        for source in sorted(fingerprints):
            passages = ordered(index.passages(source))
            lines = list(map(_encode, passages))
            heading = Heading(source=source, fingerprint=fingerprints[source], passages=len(lines))
            file.write(b"\n".join([_encode(heading), *lines]) + b"\n")
            count += len(lines)
            restricted += sum(bool(passage.audience) for passage in passages)
    return Counted(len(fingerprints), count, restricted)


def read(path: Path) -> Iterator[Document]:
    """Yield the documents of a snapshot, one after the other; raise `Damaged` where it is none."""
    with disk_faults(path), path.open("rb") as file:
        try:
            for line in file:
                heading = _heading(line)
                passages = [_passage(file.readline()) for _ in range(heading.passages)]
                yield Document(heading.source, heading.fingerprint, passages)
        except FAULTS as error:
            raise _damaged(path, error) from error


def headings(path: Path) -> Iterator[Heading]:
    """Yield what stands above the passages of each document, without reading those; raise `Damaged`."""
    with disk_faults(path), path.open("rb") as file:
        try:
            for line in file:
                heading = _heading(line)
                for _ in range(heading.passages):
                    file.readline()
                yield heading
        except FAULTS as error:
            raise _damaged(path, error) from error


def same_as(index: PassageIndex, path: Path) -> list[str]:
    """Return the documents that an index holds otherwise than the snapshot; raise `Damaged`."""
    fingerprints = dict(index.sources())
    others = []
    for document in read(path):
        fingerprint = fingerprints.pop(document.source, None)
        is_same = fingerprint == document.fingerprint and ordered(index.passages(document.source)) == ordered(
            document.passages
        )
        if not is_same:
            others.append(document.source)
    return [*others, *sorted(fingerprints)]


def ordered(passages: Sequence[Passage]) -> list[Passage]:
    """Return passages in the order in which they are written."""
    return sorted(passages, key=lambda passage: (passage.start, passage.end, _encode(passage)))


def _damaged(path: Path, error: Exception) -> Damaged:
    return Damaged(f"{path} does not read back as it was written: {error}", do="take the release anew")
