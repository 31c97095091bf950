"""What people repair by hand: words that mean the same, pinned passages and blocked ones, in `curation.yml`."""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, structs

from shipmate.disk import disk_faults, glance
from shipmate.errors import Problem, ProjectError, UsageError
from shipmate.messages import Record
from shipmate.shape import Section, fit
from shipmate.text import stems
from shipmate.yaml_edit import with_item, without_item
from shipmate.yaml_source import MAX_BYTES, Source, parse

__all__ = [
    "CURATION",
    "Block",
    "Change",
    "Curation",
    "CurationFile",
    "Followed",
    "Pin",
    "Place",
    "amended",
    "curation_of",
    "parsed",
    "read",
    "save",
    "unfit",
]

log = logging.getLogger(__name__)

CURATION = "curation.yml"
BEGINNING = "version: 1\n"
SPAN = re.compile(r"(.+)#(\d{1,15})-(\d{1,15})", re.DOTALL)
# Written as it is; everything else is put into quotes.
PLAIN = re.compile(r"[A-Za-z][\w./-]*\.[A-Za-z]\w*(?:#\d+-\d+)?", re.ASCII)
SECTIONS = {"block": "blocks", "pin": "pins", "join": "synonyms"}
UNDOES = {"unblock": "block", "unpin": "pin", "part": "join"}

Words = Annotated[str, Meta(min_length=1)]
Passage = Annotated[
    str,
    Meta(
        min_length=1,
        description="A document as a citation names it, or with `#start-end` what stands there, in characters.",
        extra_json_schema={"examples": ["guide.md", "guide.md#120-480"]},
    ),
]


class Place(NamedTuple):
    """A document, or what stands in it at [start, end)."""

    source: str
    start: int = 0
    # 0: the whole document.
    end: int = 0

    @classmethod
    def of(cls, written: str) -> "Place":
        """Read `guide.md` or `guide.md#120-480`."""
        span = SPAN.fullmatch(written)
        return cls(span[1], int(span[2]), int(span[3])) if span else cls(written)

    def touches(self, start: int, end: int) -> bool:
        """Return whether it has a character in common with [start, end) of its document."""
        return not self.end or (start < self.end and self.start < end)


class Pin(Section, frozen=True, kw_only=True):
    """A question, and the passage that comes first for it."""

    question: Annotated[str, Meta(min_length=1, description="The question, as people ask it.")]
    passage: Passage


class Block(Section, frozen=True, kw_only=True):
    """What is shown to nobody."""

    passage: Passage
    reason: Annotated[str, Meta(description="Why, for whoever reads this file.")] = ""


class CurationFile(Section, frozen=True, kw_only=True):
    """Repairs of the search, each in a line of its own."""

    version: Literal[1] = 1
    synonyms: Annotated[tuple[tuple[Words, ...], ...], Meta(description="Lists of words that mean the same.")] = ()
    pins: Annotated[tuple[Pin, ...], Meta(description="Passages that come first for a question.")] = ()
    blocks: Annotated[
        tuple[Passage | Block, ...], Meta(description="Documents and passages that nobody is shown.")
    ] = ()


class Curation(Record, frozen=True, kw_only=True):
    """The repairs that hold."""

    synonyms: tuple[tuple[str, ...], ...] = ()
    pins: tuple[Pin, ...] = ()
    blocks: tuple[Block, ...] = ()
    # SHA-256 of the file; empty without one.
    digest: str = ""

    def blocking(self, blocks: "tuple[Block, ...]") -> "Curation":
        """Return the same repairs with these blocks too: what is shown to nobody now is shown to nobody."""
        more = tuple(block for block in blocks if block.passage not in {own.passage for own in self.blocks})
        if not more:
            return self
        together = hashlib.sha256("\0".join([self.digest, *sorted(block.passage for block in more)]).encode())
        return structs.replace(self, blocks=(*self.blocks, *more), digest=together.hexdigest())


class Change(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One repair, to be made or to be undone."""

    # `join` says that words mean the same, `part` takes that back.
    action: Literal["block", "unblock", "pin", "unpin", "join", "part"]
    # To block or to pin: SOURCE or SOURCE#start-end.
    passage: str = ""
    # To pin: for this question.
    question: str = ""
    # To join: the words.
    words: tuple[str, ...] = ()
    # To block: why.
    reason: str = ""


def curation_of(file: CurationFile, content: bytes) -> Curation:
    """Return the repairs of a file."""
    return Curation(
        synonyms=file.synonyms,
        pins=file.pins,
        blocks=tuple(block if isinstance(block, Block) else Block(passage=block) for block in file.blocks),
        digest=hashlib.sha256(content).hexdigest(),
    )


def unfit(file: CurationFile, source: Source) -> Iterator[Problem]:
    """Yield what a file says that cannot be meant."""
    for number, alike in enumerate(file.synonyms):
        if len(alike) < 2:
            do = "Write two words or more, such as `[cancel, terminate]`, or take the line out."
            yield source.problem(("synonyms", number), "This list names no two words.", do)
        for place, word in enumerate(alike):
            if not stems(word):
                do = "Name a word that tells something; `and`, `to` and their like are left out of every search."
                yield source.problem(("synonyms", number, place), f"Nothing is searched by `{word}`.", do)
    for number, pin in enumerate(file.pins):
        if not stems(pin.question):
            what = f"`{pin.question}` holds no word that is searched."
            yield source.problem(("pins", number, "question"), what, "Write the question as people ask it.")
        yield from _empty(source, ("pins", number, "passage"), pin.passage)
    for number, block in enumerate(file.blocks):
        yield from _empty(source, ("blocks", number), block.passage if isinstance(block, Block) else block)


def _empty(source: Source, path: tuple[str | int, ...], passage: str) -> Iterator[Problem]:
    place = Place.of(passage)
    if SPAN.fullmatch(passage) and place.start >= place.end:
        what = f"`{passage}` ends before it begins."
        yield source.problem(path, what, "Write SOURCE#start-end as `shipmate search` prints it.")


def parsed(content: bytes) -> Curation:
    """Return what the file's bytes say; raise `ProjectError` with all that is wrong."""
    source = parse(CURATION, content)
    if source.data is None and not source.problems:
        return Curation(digest=hashlib.sha256(content).hexdigest())
    if source.data is None:
        raise ProjectError(source.problems)
    file = fit(source, CurationFile, source.data)
    problems = list(unfit(file, source))
    if problems:
        raise ProjectError(problems)
    return curation_of(file, content)


def read(folder: Path) -> bytes:
    """Return the file's bytes; none where there is no file."""
    path = folder / CURATION
    with disk_faults(path):
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return b""
    if len(content) > MAX_BYTES:
        do = "Take out what is no longer needed."
        raise ProjectError([Problem(file=CURATION, line=0, what=f"The file is larger than {MAX_BYTES} bytes.", do=do)])
    return content


def save(folder: Path, content: bytes) -> None:
    """Write the file in one piece: who reads it sees the old one or the new one."""
    path = folder / CURATION
    # What a link leads to is written, and the link stays.
    path = path.resolve() if path.is_symlink() else path
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with disk_faults(path):
        try:
            beside.write_bytes(content)
            if path.exists():
                beside.chmod(path.stat().st_mode & 0o777)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def amended(content: bytes, change: Change) -> bytes:
    """Return the file's bytes with a change made; all that it does not touch stays byte for byte.

    Raises `UsageError` where there is nothing to change, or where the file's form does not let it be done.
    """
    parsed(content)
    text = content.decode()
    before = parse(CURATION, content).data or {"version": 1}
    undoes = UNDOES.get(change.action)
    section = SECTIONS[undoes or change.action]
    items = list(before.get(section) or ())
    if undoes:
        numbers = [number for number, item in enumerate(items) if _is_meant(undoes, item, change)]
        if not numbers:
            raise UsageError(f"{CURATION} holds no such line.", do="Look at the file: it names all that is repaired.")
        after = [item for number, item in enumerate(items) if number not in numbers]
    else:
        if any(_is_meant(change.action, item, change) for item in items):
            raise UsageError(f"{CURATION} says so already.", do="There is nothing to do.")
        after = [*items, _item(change)]
    try:
        if undoes:
            for number in reversed(numbers):
                text = without_item(text, section, number)
        else:
            text = with_item(text or BEGINNING, section, _written(_item(change)))
    except ValueError:
        text = ""
    done = text.encode()
    if parse(CURATION, done).data != before | {section: after}:
        line = f"`- {_written(_item(change))}` below `{section}:`"
        raise UsageError(
            f"The form of {CURATION} does not let a line be changed in it.", do=f"Change it by hand: {line}."
        )
    parsed(done)
    return done


def _item(change: Change) -> Any:
    """Return what stands in the file for a change."""
    match SECTIONS[UNDOES.get(change.action, change.action)]:
        case "blocks":
            return {"passage": change.passage, "reason": change.reason} if change.reason else change.passage
        case "pins":
            return {"question": change.question, "passage": change.passage}
    return list(change.words)


def _is_meant(action: str, item: Any, change: Change) -> bool:
    """Return whether an item of the file says what the change does, whatever its reason."""
    match action:
        case "block":
            return bool((item["passage"] if isinstance(item, dict) else item) == change.passage)
        case "pin":
            return bool(item["question"] == change.question and item["passage"] == change.passage)
    return set(item) == set(change.words)


def _written(item: Any) -> str:
    """Return an item in one line of YAML."""
    match item:
        case dict():
            return f"{{{', '.join(f'{key}: {_written(value)}' for key, value in item.items())}}}"
        case list():
            return f"[{', '.join(map(_written, item))}]"
    return item if PLAIN.fullmatch(item) else json.dumps(item, ensure_ascii=False)


class Followed:
    """The repairs of a folder as they are now: a glance at the file each time, and a reading when it has changed."""

    def __init__(self, folder: Path, curation: Curation) -> None:
        self.curation = curation
        self._folder = folder
        self._path = str(folder / CURATION)
        self._seen: tuple[int, int, int] | None = (0, 0, 0)

    def changed(self) -> bool:
        """Return whether there are other repairs now; a file with problems changes nothing, and the log says so."""
        seen = glance(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            content = read(self._folder)
            curation = parsed(content) if content else Curation()
        except ProjectError as error:
            log.warning("The repairs stay as they were, because %s has problems: %s", CURATION, error)
            return False
        if curation == self.curation:
            return False
        self.curation = curation
        return True
