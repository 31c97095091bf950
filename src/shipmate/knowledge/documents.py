"""Find the documents of a folder, and read them one by one; what cannot be read is said and passed over."""

import codecs
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from shipmate.config import DocumentFolder
from shipmate.errors import Problem, UsageError
from shipmate.knowledge.blocks import Block, BlockKind, Document
from shipmate.knowledge.markdown import front_title, markdown_blocks, text_blocks
from shipmate.knowledge.webpage import read_webpage

__all__ = ["LARGEST_BYTES", "File", "Listing", "list_files", "parse", "read"]

MIB = 1024 * 1024
LARGEST_BYTES = 32 * MIB
MARKDOWN = {".markdown", ".md"}
WEBPAGE = {".htm", ".html", ".xhtml"}
TEXT = {".text", ".txt"}
KINDS = ", ".join(sorted(MARKDOWN | WEBPAGE | TEXT))
LEAVE = "Check that it exists and that you may read it."
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class File(NamedTuple):
    """A file that may be a document."""

    folder: DocumentFolder
    # Its path below the folder, with forward slashes.
    below: str
    size_bytes: int

    @property
    def source(self) -> str:
        """Return the name under which it is indexed and cited."""
        return self.folder.prefix + self.below

    @property
    def path(self) -> Path:
        """Return where to open it."""
        return self.folder.path / self.below

    @property
    def suffix(self) -> str:
        """Return the end of its name, which tells what kind of document it is."""
        return PurePosixPath(self.below).suffix.lower()

    def problem(self, what: str, do: str, *, line: int = 0) -> Problem:
        """Say why this file is passed over."""
        return Problem(file=f"{self.folder.path.name}/{self.below}", line=line, what=what, do=do)


class Listing(NamedTuple):
    """What a folder holds."""

    files: list[File]
    # What was passed over; of unknown kinds of file, one for all that end alike.
    skipped: list[Problem]


def list_files(folder: DocumentFolder, *, largest_bytes: int = LARGEST_BYTES) -> Listing:
    """List the documents below a folder in a stable order, without opening any; hidden ones are left out.

    Raises `UsageError` when there is no such folder: one that vanished must not empty the index.
    """
    if not folder.path.is_dir():
        raise UsageError(f"There is no folder {folder.path}.", do="Create it and put your documents there.")
    listing = Listing([], [])
    unknown: Counter[str] = Counter()
    for found in _walk(folder):
        if isinstance(found, Problem):
            listing.skipped.append(found)
        elif found.suffix not in MARKDOWN | WEBPAGE | TEXT:
            unknown[found.suffix or found.below] += 1
        elif found.size_bytes > largest_bytes:
            listing.skipped.append(_too_large(found, found.size_bytes, largest_bytes))
        else:
            listing.files.append(found)
    listing.skipped.extend(_unknown_kind(folder, suffix, count) for suffix, count in sorted(unknown.items()))
    if not listing.files:
        listing.skipped.append(_no_documents(folder))
    return listing


def read(file: File, *, largest_bytes: int = LARGEST_BYTES) -> bytes | Problem:
    """Return the bytes of a file, or why it is passed over."""
    try:
        with file.path.open("rb") as opened:
            data = opened.read(largest_bytes + 1)
    except OSError as error:
        return file.problem(f"It cannot be read: {error.strerror}.", LEAVE)
    return data if len(data) <= largest_bytes else _too_large(file, len(data), largest_bytes)


def parse(file: File, data: bytes) -> Document | Problem:
    """Return the document that a file's bytes hold, or why there is none."""
    encoding = "utf-16" if data.startswith(UTF16_MARKS) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data:
        return file.problem("This is binary, though its name ends like a text's.", "Save it as text, or take it away.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        return file.problem(
            f"This is not {encoding.removesuffix('-sig').upper()}: byte {error.start} does not belong there.",
            "Save the file as UTF-8.",
            line=0 if encoding == "utf-16" else data.count(b"\n", 0, error.start) + 1,
        )
    document = _document(file, text)
    return document if document.blocks else file.problem("There is no text in it.", "Write some, or take it away.")


def _walk(folder: DocumentFolder) -> Iterator[File | Problem]:
    """Yield each visible file, or why it cannot be one, in the order of names."""
    waiting = [PurePosixPath()]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder.path / below) as entries:
                visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            yield File(folder, str(below), 0).problem(f"It cannot be listed: {error.strerror}.", LEAVE)
            continue
        for entry in visible:
            if not entry.is_dir(follow_symlinks=False):
                yield from _entry(File(folder, str(below / entry.name), 0), entry)
        waiting.extend(below / entry.name for entry in reversed(visible) if entry.is_dir(follow_symlinks=False))


def _entry(file: File, entry: os.DirEntry[str]) -> Iterator[File | Problem]:
    if entry.is_symlink():
        # What a link within the folder points to is read in its own place.
        if not file.path.resolve().is_relative_to(file.folder.path.resolve()):
            yield file.problem("This link leads out of the folder.", "Put a copy of the file in its place.")
    elif not _is_unicode(file.below):
        yield file.problem("Its name is not valid UTF-8.", "Rename it.")
    elif not entry.is_file():
        yield file.problem("This is no regular file.", "Take it away.")
    else:
        try:
            yield file._replace(size_bytes=entry.stat().st_size)
        except OSError as error:
            yield file.problem(f"It cannot be read: {error.strerror}.", LEAVE)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(file: File, size_bytes: int, largest_bytes: int) -> Problem:
    return file.problem(
        f"The file is too large: {size_bytes / MIB:,.1f} MiB, and at most {largest_bytes / MIB:,.1f} MiB are read.",
        "Split it into several files.",
    )


def _unknown_kind(folder: DocumentFolder, suffix: str, count: int) -> Problem:
    return Problem(
        file=folder.path.name,
        line=0,
        what=f"Not read: {count} of the kind {suffix}.",
        do="Convert to Markdown, HTML or text what should be found.",
        warning=True,
    )


def _no_documents(folder: DocumentFolder) -> Problem:
    return Problem(
        file=folder.path.name, line=0, what="There are no documents here.", do=f"Put files into it: {KINDS}."
    )


def _document(file: File, text: str) -> Document:
    suffix = file.suffix
    name = file.path.stem
    if suffix in WEBPAGE:
        page = read_webpage(text)
        title = _first_heading(page.blocks) or page.title or name
        return Document(source=file.source, title=title, text=page.text, blocks=page.blocks, runs=page.runs)
    if suffix in MARKDOWN:
        blocks = markdown_blocks(text)
        title = front_title(text) or _first_heading(blocks) or name
        return Document(source=file.source, title=title, text=text, blocks=blocks)
    return Document(source=file.source, title=name, text=text, blocks=text_blocks(text))


def _first_heading(blocks: tuple[Block, ...]) -> str:
    return next((block.title for block in blocks if block.kind is BlockKind.HEADING and block.title), "")
