"""Read off a passage what it adds to the graph: a few compiled patterns, no model."""

import posixpath
import re
from collections.abc import Iterator

from shipmate.knowledge.graph.edges import EdgeKind, Extract
from shipmate.knowledge.graph.names import (
    begins_sentence,
    name_key,
    runs,
    short_titles,
    symbol_key,
    symbols,
)
from shipmate.knowledge.keys import text_key
from shipmate.messages import Passage, Statement

__all__ = ["declaration", "extract", "place_key"]

LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|\bhref=[\"']([^\"']+)")
IS = re.compile(r" (?:is|are|means|refers to) (?:an?|the) ")
# What stands before, back to where the sentence begins, without a remark in brackets.
DEFINED = re.compile(
    r"(?:.*[.!?]\s|.*\n)?[ \t>*_-]*(?:(?:A|An|The) )?(?P<name>[^\W\d_][^.:;,()\n]{1,60}?)[*_]{0,2}(?:\s*\([^()\n]*\))?",
    re.DOTALL,
)
KIND = re.compile(
    r"\w[\w' -]{2,60}?(?=[.,;:(\n]|\s(?:that|which|who|whose|where|for|in|of|by|to|with|from|used|and)\b|$)"
)
REACH = 160
# "It is a ..." defines nothing that could be named.
PRONOUNS = frozenset("it this that he she they there these those what which here one".split())
ROW = re.compile(r"^[ \t]*\|?(?P<cells>[^\n|]+(?:\|[^\n|]*)+)$", re.MULTILINE)
RULE = re.compile(r"[\s|:-]+")
# Of a table, so many rows are read for relations; cells and names that are longer say sentences.
MOST_ROWS = 40
LONGEST_NAME = 80
# Of an endless title, so much is shown.
LONGEST_SHOWN = 300
MOST_NAME_WORDS = 6


def extract(passage: Passage) -> Extract:
    """Return the edges, names and statements of one passage; it depends on nothing but the passage."""
    edges: dict[EdgeKind, set[int]] = {}
    names: dict[int, str] = {}

    def add(kind: EdgeKind, text: str, key: int) -> None:
        if key:
            edges.setdefault(kind, set()).add(key)
            names.setdefault(key, text[:LONGEST_SHOWN])

    if passage.title:
        add(EdgeKind.TITLED, passage.title, name_key(passage.title))
        for short in short_titles(passage.title):
            add(EdgeKind.TITLED_IN_SHORT, short.strip(), name_key(short))
    for heading in passage.headings:
        add(EdgeKind.HEADED, heading, name_key(heading))
    add(EdgeKind.LOCATED, passage.source, place_key(passage.source))
    text = LINK.sub("]", passage.text) if _has_links(passage.text) else passage.text
    _add_runs(text, edges, names)
    for symbol in symbols(text):
        add(EdgeKind.SHOWS_SYMBOL, symbol, symbol_key(symbol))
    for link in _links(passage):
        add(EdgeKind.LINKS_TO, link, place_key(link))
    statements = tuple(dict.fromkeys((*_definitions(text), *_rows(text))))
    for statement in statements:
        kind = EdgeKind.DEFINES if statement.relation == "is_a" else EdgeKind.STATES
        add(kind, statement.subject, name_key(statement.subject))
        add(EdgeKind.STATES, statement.object, name_key(statement.object))
    return Extract(edges, names, statements)


def declaration(statement: Statement) -> Extract:
    """Return what a declared statement adds: both of its entities are there by that alone."""
    names = {name_key(name): name for name in (statement.subject, statement.object)}
    return Extract({EdgeKind.DECLARES: set(names)}, names, (statement,))


def place_key(place: str) -> int:
    """Return the key of a document or of a page elsewhere, by its path or address."""
    return text_key("@" + place)


def _add_runs(text: str, edges: dict[EdgeKind, set[int]], names: dict[int, str]) -> None:
    """Add the names in a text: whole runs, names within them, and two that a comma joins."""
    sure: set[int] = set()
    within: set[int] = set()
    before, reached = "", 0
    for run, start, end, (wholes, parts, written) in runs(text):
        # A single word with which a sentence begins is no name by its capital alone.
        if " " in run or not begins_sentence(text, start):
            sure.update(wholes)
            for key, name in zip(wholes, written, strict=True):
                names.setdefault(key, name[:LONGEST_SHOWN])
        else:
            within.update(wholes)
        within.update(parts)
        if before and text[reached:start] == ", ":
            within.add(name_key(f"{before} {run}"))
        before, reached = run, end
    if sure:
        edges[EdgeKind.MENTIONS] = sure
    if within:
        edges[EdgeKind.MENTIONS_WITHIN] = within


def _has_links(text: str) -> bool:
    return "](" in text or "href=" in text


def _links(passage: Passage) -> Iterator[str]:
    """Yield where a passage's links lead, those within the folder as the source that they name."""
    written = LINK.findall(passage.text) if _has_links(passage.text) else []
    for link in (*(in_markdown or in_html for in_markdown, in_html in written), *passage.links):
        target = link.partition("#")[0]
        if "://" in target:
            yield target
        elif target and ":" not in target:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(passage.source), target))


def _definitions(text: str) -> Iterator[Statement]:
    """Yield what sentences of the form "X is a Y" define."""
    for verb in IS.finditer(text):
        before = text[max(0, verb.start() - REACH) : verb.start()]
        defined = DEFINED.fullmatch(before)
        kind = KIND.match(text, verb.end())
        if defined and kind:
            name = defined["name"].strip("*_ `\"“”'")
            if name.split(" ", 1)[0].lower() not in PRONOUNS and len(name.split()) <= MOST_NAME_WORDS:
                yield Statement(name, "is_a", kind[0])


def _rows(text: str) -> Iterator[Statement]:
    """Yield what a table's rows say of their first cell: one relation for each further column, named by its head."""
    head: list[str] = []
    if "|" not in text:
        return
    for number, row in enumerate(ROW.finditer(text)):
        cells = [cell.strip(" \t*_`") for cell in row["cells"].strip().strip("|").split("|")]
        if not head:
            head = cells
        elif number <= MOST_ROWS and not RULE.fullmatch(row["cells"]):
            subject, *values = cells
            for column, value in zip(head[1:], values, strict=False):
                if all(0 < len(cell) <= LONGEST_NAME for cell in (subject, column, value)):
                    yield Statement(subject, "_".join(column.lower().split()), value)
