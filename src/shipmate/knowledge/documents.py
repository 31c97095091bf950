"""Find documents in folders, without opening any; what cannot be one is said and passed over."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from shipmate.errors import Problem, UsageError
from shipmate.sources import DocumentFile, DocumentFolder

__all__ = [
    "KINDS",
    "LARGEST_BYTES",
    "MARKDOWN",
    "PARSED",
    "TABLES",
    "WEBPAGE",
    "Entry",
    "File",
    "Listing",
    "list_file",
    "list_files",
    "select",
]

MIB = 1024 * 1024
LARGEST_BYTES = 32 * MIB
MARKDOWN = {".markdown", ".md"}
WEBPAGE = {".htm", ".html", ".xhtml"}
TEXT = {".text", ".txt"}
TABLES = {".csv", ".jsonl", ".ndjson", ".tsv"}
# What is read in a process of its own.
PARSED = {".docx", ".pdf"}
KINDS = MARKDOWN | WEBPAGE | TEXT | TABLES | PARSED
LEAVE = "Check that it exists and that you may read it."


class Entry(Protocol):
    """Something that may be a document, wherever it is."""

    @property
    def source(self) -> str:
        """Return the name under which it is indexed and cited."""

    @property
    def suffix(self) -> str:
        """Return the end of its name, in small letters, which tells what kind of document it is."""

    @property
    def size_bytes(self) -> int:
        """Return how large it is."""

    @property
    def audience(self) -> tuple[str, ...]:
        """Return who may see it at most; empty: everyone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return which columns of a table are read; empty: all."""

    @property
    def stamp(self) -> str:
        """Return what is another as soon as the content is; empty when only reading it can tell."""

    def read(self, largest_bytes: int) -> bytes | Problem:
        """Return the bytes, or why it is passed over."""

    def problem(self, what: str, do: str, *, line: int = 0, reason: str = "") -> Problem:
        """Say why it is passed over; the reason is a word or two."""


class File(NamedTuple):
    """A file that may be a document."""

    folder: DocumentFolder
    # Its path below the folder, with forward slashes.
    below: str
    size_bytes: int
    columns: tuple[str, ...] = ()
    # Under which it is cited, where that is not its place.
    name: str = ""

    @property
    def source(self) -> str:
        """Return the name under which it is indexed and cited."""
        return self.name or self.folder.prefix + self.below

    @property
    def path(self) -> Path:
        """Return where to open it."""
        return self.folder.path / self.below

    @property
    def suffix(self) -> str:
        """Return the end of its name, which tells what kind of document it is."""
        return PurePosixPath(self.below).suffix.lower()

    @property
    def audience(self) -> tuple[str, ...]:
        """Return who may see it at most."""
        return self.folder.audience

    @property
    def stamp(self) -> str:
        """Return nothing: only reading a file tells whether it has changed."""
        return ""

    def read(self, largest_bytes: int = LARGEST_BYTES) -> bytes | Problem:
        """Return the bytes of the file, or why it is passed over."""
        try:
            with self.path.open("rb") as opened:
                data = opened.read(largest_bytes + 1)
        except OSError as error:
            return self.problem(f"It cannot be read: {error.strerror}.", LEAVE, reason="unreadable")
        return data if len(data) <= largest_bytes else _too_large(self, len(data), largest_bytes)

    def problem(self, what: str, do: str, *, line: int = 0, reason: str = "") -> Problem:
        """Say why this file is passed over."""
        file = self.name or f"{self.folder.path.name}/{self.below}"
        return Problem(file=file, line=line, what=what, do=do, reason=reason)


class Listing(NamedTuple):
    """What a place holds."""

    # What its documents' names begin with.
    place: str
    entries: Sequence[Entry]
    # What was passed over; of unknown kinds of file, one for all that end alike.
    skipped: list[Problem]
    # As what the place was read, such as a commit.
    state: str = ""


def list_files(folder: DocumentFolder, *, largest_bytes: int = LARGEST_BYTES) -> Listing:
    """List the documents below a folder in a stable order, without opening any; hidden ones are left out.

    Raises `UsageError` when there is no such folder: one that vanished must not empty the index.
    """
    if not folder.path.is_dir():
        raise UsageError(f"There is no folder {folder.path}.", do="Create it and put your documents there.")
    return select(folder.prefix, folder.path.name, _walk(folder), largest_bytes=largest_bytes)


def list_file(file: DocumentFile, *, largest_bytes: int = LARGEST_BYTES) -> Listing:
    """List a single document. Raises `UsageError` when there is no such file."""
    try:
        size_bytes = file.path.stat().st_size
    except OSError as error:
        raise UsageError(f"{file.path} cannot be read: {error.strerror}.", do=LEAVE) from error
    folder = DocumentFolder(path=file.path.parent, prefix=file.prefix, audience=file.audience)
    entry = File(folder, file.path.name, size_bytes, file.columns)
    return select(entry.source, file.path.name, [entry], largest_bytes=largest_bytes)


def select(
    place: str, called: str, found: Iterable[Entry | Problem], *, largest_bytes: int = LARGEST_BYTES, state: str = ""
) -> Listing:
    """Return what of it is a document by its kind and size, and say what is not."""
    entries: list[Entry] = []
    skipped: list[Problem] = []
    unknown: Counter[str] = Counter()
    for one in found:
        if isinstance(one, Problem):
            skipped.append(one)
        elif one.suffix not in KINDS:
            unknown[one.suffix or one.source] += 1
        elif one.size_bytes > largest_bytes:
            skipped.append(_too_large(one, one.size_bytes, largest_bytes))
        else:
            entries.append(one)
    skipped.extend(_unknown_kind(called, suffix, count) for suffix, count in sorted(unknown.items()))
    if not entries:
        skipped.append(_no_documents(called))
    return Listing(place, entries, skipped, state)


def _walk(folder: DocumentFolder) -> Iterator[File | Problem]:
    """Yield each visible file, or why it cannot be one, in the order of names."""
    waiting = [PurePosixPath()]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder.path / below) as entries:
                visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            yield File(folder, str(below), 0).problem(
                f"It cannot be listed: {error.strerror}.", LEAVE, reason="unreadable"
            )
            continue
        for entry in visible:
            if not entry.is_dir(follow_symlinks=False):
                yield from _entry(File(folder, str(below / entry.name), 0), entry)
        folders = [below / entry.name for entry in reversed(visible) if entry.is_dir(follow_symlinks=False)]
        waiting.extend(inner for inner in folders if str(inner) != folder.without)


def _entry(file: File, entry: os.DirEntry[str]) -> Iterator[File | Problem]:
    if entry.is_symlink():
        # What a link within the folder points to is read in its own place.
        if not _is_within(file):
            yield file.problem(
                "This link leads out of the folder.", "Put a copy of the file in its place.", reason="link"
            )
    elif not _is_unicode(file.below):
        yield file.problem("Its name is not valid UTF-8.", "Rename it.", reason="name")
    elif not entry.is_file():
        yield file.problem("This is no regular file.", "Take it away.", reason="no file")
    else:
        try:
            yield file._replace(size_bytes=entry.stat().st_size)
        except OSError as error:
            yield file.problem(f"It cannot be read: {error.strerror}.", LEAVE, reason="unreadable")


def _is_within(file: File) -> bool:
    try:
        return file.path.resolve().is_relative_to(file.folder.path.resolve())
    except (OSError, RuntimeError):
        # A link to itself leads nowhere.
        return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(entry: Entry, size_bytes: int, largest_bytes: int) -> Problem:
    return entry.problem(
        f"The file is too large: {size_bytes / MIB:,.1f} MiB, and at most {largest_bytes / MIB:,.1f} MiB are read.",
        "Split it into several files.",
        reason="too large",
    )


def _unknown_kind(place: str, suffix: str, count: int) -> Problem:
    return Problem(
        file=place,
        line=0,
        what=f"Not read: {count} of the kind {suffix}.",
        do="Convert to Markdown, HTML, PDF, Word or text what should be found.",
        reason="unknown kind",
        warning=True,
    )


def _no_documents(place: str) -> Problem:
    do = f"Put files into it: {', '.join(sorted(KINDS))}."
    return Problem(file=place, line=0, what="There are no documents here.", do=do, reason="no documents")
