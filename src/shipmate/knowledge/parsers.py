"""Take the text out of PDF and DOCX: a program of its own, because such files can crash or swell who opens them.

`parser_process` starts it and talks to it by frames: eight bytes of length, then msgpack. It limits its own memory,
writes no file, and knows nothing but the bytes it is given.
"""

import io
import os
import resource
import select
import signal
import struct
import sys
from enum import StrEnum
from itertools import islice
from threading import Thread
from typing import BinaryIO

import msgspec

__all__ = [
    "FRAME",
    "LONGEST_TEXT",
    "MEMORY_BYTES",
    "MOST_PAGES",
    "MOST_UNPACKED",
    "Bookmark",
    "Extract",
    "Fault",
    "Request",
    "extract",
]

MIB = 1024 * 1024
MOST_PAGES = 5000
MOST_BOOKMARKS = 5000
DEEPEST_BOOKMARK = 6
# Of the text that comes out, in characters.
LONGEST_TEXT = 32 * MIB
# Of the XML inside a DOCX.
MOST_UNPACKED = 64 * MIB
MEMORY_BYTES = 1024 * MIB
FRAME = struct.Struct(">Q")
# How the old Word files begin, and those with a password.
OLE = b"\xd0\xcf\x11\xe0"


class Fault(StrEnum):
    """Why there is no text."""

    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    NOT_THAT = "not that"
    TOO_MANY_PAGES = "too many pages"
    TOO_LARGE_INSIDE = "too large inside"
    TOO_MUCH_MEMORY = "too much memory"
    TOO_SLOW = "too slow"
    CRASHED = "crashed"


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A file to be read, and what its name says that it is: .pdf or .docx."""

    suffix: str
    data: bytes
    # How long it may take.
    parse_s: float


class Bookmark(msgspec.Struct, frozen=True, array_like=True):
    """An entry of a PDF's outline; levels are counted from 1, pages from 0."""

    level: int
    title: str
    page: int


class Extract(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file holds, or why that cannot be told."""

    fault: Fault | None = None
    # What the fault's limit is held against: pages or bytes.
    count: int = 0
    title: str = ""
    pages: tuple[str, ...] = ()
    outline: tuple[Bookmark, ...] = ()
    html: str = ""


def extract(request: Request) -> Extract:
    """Return the text of a PDF by pages, of a DOCX as HTML."""
    try:
        return _pdf(request.data) if request.suffix == ".pdf" else _docx(request.data)
    except MemoryError:
        return Extract(fault=Fault.TOO_MUCH_MEMORY)
    except Exception:  # noqa: BLE001 - the libraries raise whatever a broken file leads them to
        return Extract(fault=Fault.DAMAGED)


def _pdf(data: bytes) -> Extract:
    import pypdfium2

    if b"%PDF-" not in data[:1024]:
        return Extract(fault=Fault.NOT_THAT)
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        is_locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        return Extract(fault=Fault.ENCRYPTED if is_locked else Fault.DAMAGED)
    if len(pdf) > MOST_PAGES:
        return Extract(fault=Fault.TOO_MANY_PAGES, count=len(pdf))
    pages = []
    size = 0
    for number in range(len(pdf)):
        pages.append(_page(pdf, number))
        size += len(pages[-1])
        if size > LONGEST_TEXT:
            return Extract(fault=Fault.TOO_LARGE_INSIDE, count=size)
    title = " ".join(pdf.get_metadata_value("Title").split())
    return Extract(title=title, pages=tuple(pages), outline=_outline(pdf))


def _page(pdf: "pypdfium2.PdfDocument", number: int) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Return a page's text; a page that does not open has none, and the others are read."""
    import pypdfium2

    try:
        page = pdf[number]
    except pypdfium2.PdfiumError:
        return ""
    text = page.get_textpage()
    words: str = text.get_text_range()
    text.close()
    page.close()
    return words


def _outline(pdf: "pypdfium2.PdfDocument") -> tuple[Bookmark, ...]:  # type: ignore[name-defined]  # noqa: F821
    found = []
    for bookmark in islice(pdf.get_toc(max_depth=DEEPEST_BOOKMARK), MOST_BOOKMARKS):
        place = bookmark.get_dest()
        page = place.get_index() if place else None
        if page is not None:
            found.append(Bookmark(bookmark.level + 1, bookmark.get_title(), page))
    return tuple(found)


def _docx(data: bytes) -> Extract:
    import zipfile

    import mammoth

    if data.startswith(OLE):
        return Extract(fault=Fault.ENCRYPTED)
    if not data.startswith(b"PK"):
        return Extract(fault=Fault.NOT_THAT)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    if "word/document.xml" not in {part.filename for part in parts}:
        return Extract(fault=Fault.NOT_THAT)
    # What a part says of its size is kept: `zipfile` unpacks no byte more.
    unpacked = sum(part.file_size for part in parts if not part.filename.startswith("word/media/"))
    if unpacked > MOST_UNPACKED:
        return Extract(fault=Fault.TOO_LARGE_INSIDE, count=unpacked)
    made = mammoth.convert_to_html(io.BytesIO(data), convert_image=lambda _: [], include_embedded_style_map=False)
    if len(made.value) > LONGEST_TEXT:
        return Extract(fault=Fault.TOO_LARGE_INSIDE, count=len(made.value))
    return Extract(html=made.value)


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one request after the other, until there are no more."""
    decode = msgspec.msgpack.Decoder(Request).decode
    while head := requests.read(FRAME.size):
        request = decode(requests.read(FRAME.unpack(head)[0]))
        # Nobody handles this signal: it ends the process, also inside a library.
        signal.setitimer(signal.ITIMER_REAL, request.parse_s)
        body = msgspec.msgpack.encode(extract(request))
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(FRAME.pack(len(body)) + body)
        answers.flush()


def _end_without(requests: BinaryIO) -> None:
    """End the process when nobody can ask any more, however busy it is."""
    alone = select.poll()
    alone.register(requests, 0)
    alone.poll()
    os._exit(0)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Thread(target=_end_without, args=(sys.stdin.buffer,), daemon=True).start()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
