"""The vectors of passages, on disk: readers see whole commits, and one writer at a time adds and removes.

`vectors.json` is replaced as a whole by each commit. It names the embedder, and the blocks that the commit consists of,
each with the file that says which of its rows are still there. A block's rows are written once; a commit joins its own
rows with the blocks that are not much larger, so that there are few. Files are mapped: a reader of an older commit
keeps them though they have left the folder.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipmate.disk import disk_faults
from shipmate.errors import Damaged
from shipmate.knowledge.nearest import COMPARED_ALL, Matrix, Signs, likely, sign_words

__all__ = ["ATTEMPTS", "MANIFEST", "Added", "Manifest", "Vectors"]

MANIFEST = "vectors.json"
ATTEMPTS = 5
# Blocks are joined when the next larger one is not so many times larger.
MUCH_LARGER = 2
# A block with a larger share of removed rows is written anew.
REMOVED_MOST = 0.25


class BlockNote(msgspec.Struct, frozen=True):
    """What the manifest says of a block: its number, its rows, and the commit that last removed some of them."""

    number: int
    rows: int
    removed_by: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """A commit: whose vectors they are, and in which blocks."""

    embedder: str
    dimensions: int
    commit: int = 0
    blocks: tuple[BlockNote, ...] = ()
    # Whose passages there are; a row's audience is the number of one of these.
    audiences: tuple[tuple[str, ...], ...] = ()


class Added(NamedTuple):
    """Vectors to keep: the passages' keys, each one's audience, and a row for each."""

    keys: Sequence[int]
    audiences: Sequence[tuple[str, ...]]
    rows: Matrix


class Columns(NamedTuple):
    """Rows as a block keeps them."""

    keys: NDArray[np.int64]
    audiences: NDArray[np.int32]
    rows: Matrix


class Block:
    """Some rows of a commit; nothing in it changes."""

    def __init__(self, folder: Path, note: BlockNote) -> None:
        self.note = note
        self._folder = folder
        self.keys: NDArray[np.int64] = self._mapped("keys")
        self.audiences: NDArray[np.int32] = self._mapped("audiences")
        self.rows: Matrix = self._mapped("rows")
        if not len(self.keys) == len(self.audiences) == len(self.rows) == note.rows:
            raise ValueError(f"block {note.number} has not the {note.rows} rows that {MANIFEST} names")
        self.present = self._marks()
        self._allowed = lru_cache(maxsize=64)(self._seen_by)
        if note.rows > COMPARED_ALL:
            self._signs: Signs = self._mapped("signs")

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Return the places in the order of their keys."""
        return np.argsort(self.keys)

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return where the keys stand that are here, and have not been removed."""
        ordered = np.searchsorted(self.keys, keys, sorter=self.order).clip(max=self.note.rows - 1)
        places = self.order[ordered]
        found: NDArray[np.intp] = places[(self.keys[places] == keys) & self.present[places]]
        return found

    def nearest(self, vector: Matrix, limit: int, visible: frozenset[int] | None) -> list[tuple[int, float]]:
        """Return the best keys with their cosines, in no order."""
        allowed = self._allowed(visible)
        if self.note.rows > COMPARED_ALL and (allowed is None or np.count_nonzero(allowed) > COMPARED_ALL):
            places: NDArray[np.intp] | None = likely(vector, self._signs, allowed)
        else:
            places = None if allowed is None else np.flatnonzero(allowed)
        keys, rows = (
            (self.keys, self.rows) if places is None else (self.keys.take(places), self.rows.take(places, axis=0))
        )
        scores = rows @ vector
        if len(scores) > limit:
            best = np.argpartition(-scores, limit)[:limit]
            keys, scores = keys[best], scores[best]
        return list(zip(keys.tolist(), scores.tolist(), strict=True))

    def _seen_by(self, visible: frozenset[int] | None) -> NDArray[np.bool_] | None:
        if visible is None:
            return self.present if self.note.removed_by else None
        return self.present & np.isin(self.audiences, list(visible))

    def _marks(self) -> NDArray[np.bool_]:
        """Return which rows have not been removed."""
        note = self.note
        if not note.removed_by:
            return np.ones(note.rows, np.bool_)
        marks: NDArray[np.bool_] = np.load(self._folder / f"{note.number}.present.{note.removed_by}.npy")
        return marks

    def _mapped(self, what: str) -> Any:
        mapped = np.load(self._folder / f"{self.note.number}.{what}.npy", mmap_mode="r")
        return mapped.view(np.ndarray)


class Vectors:
    """Rows of unit length by the keys of passages, searched by cosine; a passage outside `visible` is not looked at."""

    def __init__(self, folder: Path, *, embedder: str, dimensions: int) -> None:
        """Open the newest commit, or none: vectors of another embedder are as good as not there.

        Raises `Damaged` when the files do not hold what they should.
        """
        self._folder = folder
        self._none = Manifest(embedder, dimensions)
        self._blocks: list[Block] = []
        self._manifest, self._blocks = self._opened()

    def __len__(self) -> int:
        """Return the number of vectors."""
        return sum(int(np.count_nonzero(block.present)) for block in self._blocks)

    @property
    def keys(self) -> NDArray[np.int64]:
        """Return the keys of all vectors, in no order."""
        return np.concatenate([np.empty(0, np.int64), *(block.keys[block.present] for block in self._blocks)])

    def search(self, vector: Matrix, limit: int, groups: frozenset[str] = frozenset()) -> dict[int, float]:
        """Return the cosines of the nearest passages that these groups may see, best first."""
        seen = self._seen_by(groups)
        if limit < 1 or not vector.any():
            return {}
        found = [scored for block in self._blocks for scored in block.nearest(vector, limit, seen)]
        return dict(sorted(found, key=lambda scored: (-scored[1], scored[0]))[:limit])

    def cosines(self, vector: Matrix, keys: Iterable[int]) -> dict[int, float]:
        """Return how near these passages are, as far as they have a vector."""
        wanted = np.fromiter(keys, np.int64)
        cosines: dict[int, float] = {}
        for block in self._blocks:
            places = block.places(wanted)
            cosines.update(zip(block.keys[places].tolist(), (block.rows[places] @ vector).tolist(), strict=True))
        return cosines

    def rows_of(self, keys: Iterable[int]) -> Matrix:
        """Return the vectors of these passages, as far as they have one, in no order."""
        wanted = np.fromiter(keys, np.int64)
        none = np.empty((0, self._none.dimensions), np.float32)
        return np.concatenate([none, *(block.rows[block.places(wanted)] for block in self._blocks)])

    def _seen_by(self, groups: frozenset[str]) -> frozenset[int] | None:
        """Return the numbers of the audiences to which these groups belong; None where that is all of them."""
        audiences = self._manifest.audiences
        seen = [number for number, own in enumerate(audiences) if not own or not groups.isdisjoint(own)]
        return None if len(seen) == len(audiences) else frozenset(seen)

    def refresh(self) -> bool:
        """Look for a newer commit and read from it from now on; return whether there was one."""
        if self._read() == self._manifest:
            return False
        self._manifest, self._blocks = self._opened()
        return True

    def write(self, added: Added | None = None, removed: Iterable[int] = ()) -> None:
        """Remove vectors and add others in one commit; an added one replaces that of the same key.

        Raises `DiskFull`; then nothing has changed.
        """
        self.refresh()
        commit = self._manifest.commit + 1
        gone = np.fromiter(removed, np.int64)
        audiences = self._manifest.audiences
        columns: Columns | None = None
        if added is not None and len(added.keys):
            audiences = tuple(dict.fromkeys((*audiences, *added.audiences)))
            columns = _columns(added, audiences)
            gone = np.concatenate([gone, columns.keys])
        with disk_faults(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                blocks = self._written(commit, columns, gone)
                manifest = msgspec.structs.replace(self._manifest, commit=commit, blocks=blocks, audiences=audiences)
                self._save(MANIFEST, msgspec.json.encode(manifest))
            finally:
                self._tidy()
        self.refresh()

    def _written(self, commit: int, added: Columns | None, gone: NDArray[np.int64]) -> tuple[BlockNote, ...]:
        """Write what a commit changes, and return its blocks, the largest first."""
        left = {block: self._left(block, gone) for block in self._blocks}
        size = 0 if added is None else len(added.keys)
        joined = []
        for block in sorted(left, key=lambda block: block.note.rows):
            count = int(np.count_nonzero(left[block]))
            if block.note.rows <= MUCH_LARGER * size or count < (1 - REMOVED_MOST) * block.note.rows:
                joined.append(block)
                size += count
        parts = [Columns(b.keys[left[b]], b.audiences[left[b]], b.rows[left[b]]) for b in joined]
        notes = [self._marked(commit, block, left[block]) for block in self._blocks if block not in joined]
        if size:
            parts += [] if added is None else [added]
            keys, audiences, rows = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            notes.append(self._save_block(commit, Columns(keys, audiences, rows)))
        return tuple(sorted(notes, key=lambda note: (-note.rows, note.number)))

    def _left(self, block: Block, gone: NDArray[np.int64]) -> NDArray[np.bool_]:
        left = block.present.copy()
        left[block.places(gone)] = False
        return left

    def _marked(self, commit: int, block: Block, left: NDArray[np.bool_]) -> BlockNote:
        if np.array_equal(left, block.present):
            return block.note
        self._save_array(f"{block.note.number}.present.{commit}", left)
        return msgspec.structs.replace(block.note, removed_by=commit)

    def _save_block(self, number: int, added: Columns) -> BlockNote:
        columns: dict[str, NDArray[Any]] = {
            "keys": added.keys,
            "audiences": added.audiences,
            "rows": np.ascontiguousarray(added.rows, np.float32),
        }
        if len(added.keys) > COMPARED_ALL:
            columns["signs"] = sign_words(columns["rows"])
        for name, column in columns.items():
            self._save_array(f"{number}.{name}", column)
        return BlockNote(number, len(added.keys))

    def _save_array(self, name: str, array: NDArray[Any]) -> None:
        buffer = BytesIO()
        np.save(buffer, array)
        self._save(f"{name}.npy", buffer.getbuffer())

    def _save(self, name: str, content: bytes | memoryview) -> None:
        """Write a file as a whole, or not at all."""
        written = self._folder / f"{name}.new"
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._folder / name)

    def _opened(self) -> tuple[Manifest, list[Block]]:
        for attempt in range(ATTEMPTS):
            manifest = self._read()
            known = {block.note: block for block in self._blocks}
            try:
                return manifest, [known.get(note) or Block(self._folder, note) for note in manifest.blocks]
            except FileNotFoundError as error:
                # Another commit has come in between, and its writer has tidied up.
                if attempt == ATTEMPTS - 1:
                    raise self._damaged(error) from error
            except (ValueError, EOFError) as error:
                raise self._damaged(error) from error
        raise AssertionError

    def _read(self) -> Manifest:
        try:
            manifest = msgspec.json.decode((self._folder / MANIFEST).read_bytes(), type=Manifest)
        except FileNotFoundError:
            return self._none
        except msgspec.MsgspecError as error:
            raise self._damaged(error) from error
        is_ours = (manifest.embedder, manifest.dimensions) == (self._none.embedder, self._none.dimensions)
        return manifest if is_ours else msgspec.structs.replace(self._none, commit=manifest.commit)

    def _damaged(self, error: Exception) -> Damaged:
        return Damaged(
            f"the vectors in {self._folder} do not open: {error}", do=f"delete {self._folder}, run `shipmate ingest`"
        )

    def _tidy(self) -> None:
        """Delete what the newest commit does not name; whoever reads an older one has its files mapped."""
        manifest = self._read()
        named = {str(note.number): note.removed_by for note in manifest.blocks}
        for file in self._folder.iterdir():
            number, _, rest = file.name.partition(".")
            stale = rest.startswith("present.") and rest != f"present.{named.get(number)}.npy"
            if file.name != MANIFEST and (number not in named or stale or file.suffix == ".new"):
                with suppress(FileNotFoundError):
                    file.unlink()


def _columns(added: Added, audiences: Sequence[tuple[str, ...]]) -> Columns:
    """Return the vectors as a block keeps them."""
    numbers = {own: number for number, own in enumerate(audiences)}
    whose = np.fromiter((numbers[own] for own in added.audiences), np.int32, len(added.audiences))
    return Columns(np.fromiter(added.keys, np.int64, len(added.keys)), whose, added.rows)
