"""Make a document of a file's bytes, whatever its kind; what cannot be one says why."""

import codecs
import dataclasses
import re
from pathlib import PurePosixPath

from msgspec.structs import replace

from shipmate.errors import Problem
from shipmate.knowledge.blocks import MOST_BLOCKS, MOST_RUNS, Block, BlockKind, Document
from shipmate.knowledge.documents import MARKDOWN, PARSED, TABLES, WEBPAGE, Entry
from shipmate.knowledge.front_matter import front_matter, misplaced_audience, narrowed
from shipmate.knowledge.markdown import markdown_blocks, text_blocks
from shipmate.knowledge.parser_process import PARSE_S, ParserProcess
from shipmate.knowledge.parsers import LONGEST_TEXT, MEMORY_BYTES, MOST_PAGES, MOST_UNPACKED, Fault
from shipmate.knowledge.webpage import read_webpage

__all__ = ["parse"]

MIB = 1024 * 1024
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Of the titles that programs write into a PDF, those that a person has given: several words, and no file's name.
NAMED = re.compile(r"(?i)(?!microsoft |untitled|.*\.\w{2,4}$)\S+ \S")
# A web page that begins like a file with front matter.
BEGUN = re.compile(r"[\s\ufeff\u200b]*(?:---|\+\+\+)")
SPLIT = "Split it into several files."
SAVE_AGAIN = "Open it in the program it was made with, and save it again."
FAULTS = {
    Fault.DAMAGED: ("It is damaged: it does not open, or breaks off.", SAVE_AGAIN),
    Fault.ENCRYPTED: (
        "It is locked with a password, or older than its name says.",
        "Save it without a password, in today's form of {kind}.",
    ),
    Fault.NOT_THAT: ("Its name ends in {kind}, and it is something else.", "Give it the name of what it is."),
    Fault.TOO_MANY_PAGES: (f"It has {{count:,}} pages, and at most {MOST_PAGES:,} are read.", SPLIT),
    Fault.TOO_LARGE_INSIDE: (
        f"Unpacked it is larger than {MOST_UNPACKED // MIB} MiB, or its text than {LONGEST_TEXT // MIB} million letters.",
        SPLIT,
    ),
    Fault.TOO_MUCH_MEMORY: (f"Reading it takes more than {MEMORY_BYTES // MIB:,} MiB of memory.", SPLIT),
    Fault.TOO_SLOW: (f"Reading it takes more than {PARSE_S:.0f} seconds.", SPLIT),
    Fault.CRASHED: ("The program that reads it gave up on it.", SAVE_AGAIN),
}


def parse(entry: Entry, data: bytes, parsers: ParserProcess) -> Document | Problem:
    """Return the document that the bytes hold, or why there is none."""
    document = _parsed(entry, data, parsers) if entry.suffix in PARSED else _decoded(entry, data)
    if isinstance(document, Problem):
        return document
    if not document.blocks:
        return entry.problem("There is no text in it.", "Write some, or take it away.", reason="empty")
    if len(document.blocks) > MOST_BLOCKS or max(len(document.runs), len(document.links)) > MOST_RUNS:
        what = f"It has more than {MOST_BLOCKS:,} headings, paragraphs, list items or rows, or marks without number."
        return entry.problem(what, SPLIT, reason="too many blocks")
    return document


def _decoded(entry: Entry, data: bytes) -> Document | Problem:
    encoding = "utf-16" if data.startswith(UTF16_MARKS) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data:
        do = "Save it as text, or take it away."
        return entry.problem("This is binary, though its name ends like a text's.", do, reason="binary")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        return entry.problem(
            f"This is not {encoding.removesuffix('-sig').upper()}: byte {error.start} does not belong there.",
            "Save the file as UTF-8.",
            line=0 if encoding == "utf-16" else data.count(b"\n", 0, error.start) + 1,
            reason="encoding",
        )
    if entry.suffix in MARKDOWN:
        return _markdown(entry, text)
    if entry.suffix in TABLES:
        return _table(entry, text)
    is_page = entry.suffix in WEBPAGE
    line = 0 if is_page and not BEGUN.match(text) else misplaced_audience(text)
    if line:
        what = "Front matter counts in Markdown files alone, so who may see this one is not known."
        do = "Let its name end in .md, or write `audience` beside its folder in sources.yml and take this line out."
        return entry.problem(what, do, line=line, reason="front matter")
    return _webpage(entry, text) if is_page else _document(entry, text, text_blocks(text))


def _webpage(entry: Entry, text: str) -> Document:
    page = read_webpage(text)
    title = _first_heading(page.blocks) or page.title
    return replace(_document(entry, page.text, page.blocks, title), runs=page.runs, links=page.links)


def _markdown(entry: Entry, text: str) -> Document | Problem:
    front = front_matter(text)
    if front.flaw:
        line, what, do = front.flaw
        return entry.problem(what, do, line=line, reason="front matter")
    audience = narrowed(entry.audience, front.audience)
    if audience is None:
        what = f"It is for {_listed(front.audience or ())} alone, and its source is for {_listed(entry.audience)}."
        do = "Front matter may narrow the audience of its source: name groups that the source has."
        return entry.problem(what, do, line=1, reason="audience")
    blocks = markdown_blocks(text, front.end)
    document = _document(entry, text, blocks, front.title or _first_heading(blocks))
    notes = tuple(
        dataclasses.replace(entry.problem(what, do, line=line, reason="relation"), warning=True)
        for line, what, do in front.misread
    )
    return replace(document, audience=audience, date=front.date, relations=front.relations, notes=notes)


def _table(entry: Entry, text: str) -> Document | Problem:
    from shipmate.knowledge.records import Flaw, read_csv, read_json_lines

    read = read_json_lines if entry.suffix in {".jsonl", ".ndjson"} else read_csv
    records = read(text, entry.columns)
    if isinstance(records, Flaw):
        return entry.problem(records.what, records.do, line=records.line, reason="damaged")
    return replace(_document(entry, records.text, records.blocks), runs=records.runs)


def _parsed(entry: Entry, data: bytes, parsers: ParserProcess) -> Document | Problem:
    from shipmate.knowledge.pdf import paged_document

    extract = parsers.extract(entry.suffix, data)
    if extract.fault:
        what, do = FAULTS[extract.fault]
        told = {"count": extract.count, "kind": entry.suffix}
        return entry.problem(what.format(**told), do.format(**told), reason=extract.fault)
    if entry.suffix == ".pdf":
        title = extract.title if NAMED.match(extract.title) else _stem(entry)
        document = paged_document(entry.source, title, extract.pages, extract.outline)
        if not document.blocks:
            what = "There is no text in it: its pages are pictures."
            return entry.problem(what, "Run text recognition over it first.", reason="no text layer")
        return replace(document, audience=entry.audience)
    page = read_webpage(extract.html)
    return replace(_document(entry, page.text, page.blocks, _first_heading(page.blocks)), links=page.links)


def _document(entry: Entry, text: str, blocks: tuple[Block, ...], title: str = "") -> Document:
    return Document(source=entry.source, title=title or _stem(entry), text=text, blocks=blocks, audience=entry.audience)


def _stem(entry: Entry) -> str:
    return PurePosixPath(entry.source).stem


def _first_heading(blocks: tuple[Block, ...]) -> str:
    return next((block.title for block in blocks if block.kind is BlockKind.HEADING and block.title), "")


def _listed(groups: tuple[str, ...]) -> str:
    return ", ".join(f"`{group}`" for group in groups) or "nobody"
