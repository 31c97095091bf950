"""What a Markdown file says of itself between `---` or `+++`: its title, its day, its relations, and who may see it."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from shipmate.messages import Record, Statement
from shipmate.relations import statements, undeclared
from shipmate.shape import did_you_mean
from shipmate.yaml_source import TWICE, Source, parse

__all__ = ["FrontMatter", "front_matter", "misplaced_audience", "narrowed"]

FRONT_MATTER = re.compile(
    r"(---|\+\+\+)[ \t]*\r?\n(?P<fields>(?:(?!\1[ \t]*\r?$).*\n)*)\1[ \t]*\r?(?:\n|\Z)", re.MULTILINE
)
OPENED = re.compile(r"(---|\+\+\+)[ \t]*\r?\n")
# What somebody wrote who meant an audience, wherever it landed; not a heading, bold text, a quote, code or a table.
MEANT = re.compile(r"(?i)(?:^|[{,])[^\w*#>|`]{0,20}audiences?[\"'\s]{0,20}[:=：]")
NAMED = re.compile(r"(?im)^\W*audiences?\b")
FENCE = re.compile(r" {0,3}(?:```|~~~)")
# How far it is looked for.
MEANT_LINES = 50
MEANT_CHARACTERS = 64 * 1024
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
TOML_LINE = re.compile(r"line (\d+)")
AUDIENCE = "audience"
RELATIONS = "relations"
NEARLY = 0.8


class FrontMatter(Record, frozen=True, kw_only=True):
    """What stands before the text, and where the text begins."""

    title: str = ""
    date: str = ""
    # The groups that may see the document; None when it does not say.
    audience: tuple[str, ...] | None = None
    end: int = 0
    # What it declares of things, such as `Contract requires Signature`.
    relations: tuple[Statement, ...] = ()
    # Lines that were meant to, and do not: where, why, and what to do. The document is read without them.
    misread: tuple[tuple[int, str, str], ...] = ()
    # Why it cannot be trusted; then the document must not be shown, because this may restrict who may see it.
    flaw: tuple[int, str, str] | None = None


def front_matter(text: str) -> FrontMatter:
    """Read what stands before the text; never raises."""
    found = FRONT_MATTER.match(text)
    if not found:
        line = misplaced_audience(text)
        if line and OPENED.match(text):
            return FrontMatter(flaw=(1, "The front matter is never closed.", f"End it with `{text[:3]}` in a line."))
        return FrontMatter(flaw=_misplaced(line) if line else None)
    source = _source(found[1], found["fields"])
    if source.data is None and source.problems:
        problem = source.problems[0]
        return FrontMatter(flaw=(problem.line, f"In the front matter: {problem.what}", problem.do))
    if source.data is not None and not isinstance(source.data, dict):
        # Two rules around a line of text.
        line = misplaced_audience(text) or (2 if NAMED.search(found["fields"]) else 0)
        return FrontMatter(flaw=_misplaced(line) if line else None)
    return _read(text, found.end(), source)


def misplaced_audience(text: str, front_end: int = 0) -> int:
    """Return the line at the beginning of a text that looks as if it said who may see it; 0 when there is none.

    Who finds it where it does not count must take it for meant: shown to nobody is mended, shown to everybody is not.
    """
    lines = text[: max(front_end, MEANT_CHARACTERS)].splitlines()
    for number, line in enumerate(lines[: max(text.count("\n", 0, front_end), MEANT_LINES)], start=1):
        if number > 1 and FENCE.match(line):
            return 0
        if MEANT.search(line):
            return number
    return 0


def _read(text: str, end: int, source: Source) -> FrontMatter:
    """Return what the fields say."""
    fields = {str(key).lower(): value for key, value in (source.data or {}).items()}
    flaw, audience = _audience(fields)
    keys = {str(key).lower(): str(key) for key in source.data or ()}
    for problem in source.problems:
        if problem.do == TWICE:
            return FrontMatter(flaw=(problem.line, problem.what, problem.do))
    if len(keys) < len(source.data or ()):
        first = next(key for key in source.data if key not in keys.values())
        what = f"`{first}` and `{keys[first.lower()]}` are the same key."
        return FrontMatter(flaw=(source.line((keys[first.lower()],)) or 1, what, TWICE))
    line = 0 if flaw or audience else misplaced_audience(text, end)
    if line:
        return FrontMatter(flaw=_misplaced(line))
    lines, path = _relations(fields), (keys.get(RELATIONS, ""),)
    day = DAY.match(str(fields.get("date", "")))
    return FrontMatter(
        title=" ".join(str(fields.get("title") or "").split()),
        date=day[0] if day else "",
        audience=audience,
        end=end,
        relations=statements(lines, source, path),
        misread=tuple((found.line or 1, found.what, found.do) for found in undeclared(lines, source, path)),
        flaw=(source.line((keys[flaw[0]],)) or 1, *flaw[1:]) if flaw else None,
    )


def narrowed(audience: tuple[str, ...], own: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return who may see a document that its source gives to `audience`; None when that is nobody.

    The document may name fewer groups than its source does, never others.
    """
    if own is None:
        return audience
    if not audience:
        return own or None
    return tuple(group for group in own if group in audience) or None


def _misplaced(line: int) -> tuple[int, str, str]:
    what = "`audience` is not where front matter has it, so who may see the file is not known."
    do = "Begin the file with `---`, `audience: [staff]` and `---`, each in a line; or word this line in another way."
    return line, what, do


def _source(mark: str, fields: str) -> Source:
    # The first line of the fields is the second of the file.
    if mark == "---":
        return parse("", f"\n{fields}".encode("utf-8", "replace"))
    import tomllib  # noqa: PLC0415 - few write it

    try:
        return Source(file="", data=tomllib.loads(f"\n{fields}".replace("\r\n", "\n")), lines={})
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = TOML_LINE.search(str(error))
        unread = Source(file="", data=None, lines={(): int(line[1]) if line else 1})
        return Source(
            file="",
            data=None,
            lines={},
            problems=(
                unread.problem((), f"This is not valid TOML: {error}.", "Mend it, or write YAML between `---`."),
            ),
        )


def _relations(fields: Mapping[str, Any]) -> list[str]:
    """Return the lines that declare relations; other programs may mean something else by the word."""
    lines = fields.get(RELATIONS)
    lines = [lines] if isinstance(lines, str) else lines
    return lines if isinstance(lines, list) and all(isinstance(line, str) for line in lines) else []


def _audience(fields: Mapping[str, Any]) -> tuple[tuple[str, str, str] | None, tuple[str, ...] | None]:
    """Return the key that is wrong, why, and what to do; and the audience. Both may be None."""
    if AUDIENCE not in fields:
        near = get_close_matches(AUDIENCE, fields, n=1, cutoff=NEARLY)
        if near:
            return (near[0], f"`{near[0]}` is not known in front matter.", did_you_mean(near[0], [AUDIENCE])), None
        return None, None
    groups = fields[AUDIENCE]
    groups = [groups] if isinstance(groups, str) else groups
    if isinstance(groups, list) and groups and all(isinstance(group, str) and group.strip() for group in groups):
        return None, tuple(group.strip() for group in groups)
    return (AUDIENCE, "`audience` names no groups.", "Write a list of groups, such as `audience: [staff]`."), None
