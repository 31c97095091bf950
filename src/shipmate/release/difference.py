"""What is different between two versions of an assistant: prompts, settings and documents, so that people can read it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import PurePosixPath
from typing import Any

from shipmate.messages import Passage, Record
from shipmate.yaml_source import parse

__all__ = ["ChangedDocument", "ChangedText", "Difference", "Setting", "Side", "difference", "differing", "wider"]

# Of an entry in a list, what tells it from others.
IDENTIFYING = ("id", "topic", "question", "questions", "passage", "subject", "path", "url", "name", "adapter")
SETTINGS = (".yml", ".yaml", ".lock")
# Files whose lines are compared, though they look like settings.
LINES_OF = ("evals/", "tools/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two versions."""

    name: str
    files: Mapping[str, bytes]
    # The fingerprint of each document, by name; no two collections have one of the same name.
    documents: Mapping[str, str]
    passages: Callable[[set[str]], Mapping[str, Sequence[Passage]]]


class Setting(Record, frozen=True, kw_only=True):
    """One value of a file; empty where there is none."""

    file: str
    # Such as `intents[reset].success`.
    key: str
    before: str = ""
    after: str = ""


class ChangedText(Record, frozen=True, kw_only=True):
    """A file of which lines are different."""

    file: str
    # As a patch has them, without its head.
    lines: tuple[str, ...]


class ChangedDocument(Record, frozen=True, kw_only=True):
    """A document that is there on one side only, or says something else on the other."""

    document: str
    what: str
    # What passages say that stand on one side only.
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    # Who may see it, where that has changed: groups, or "everyone".
    seen_before: str = ""
    seen_after: str = ""


class Difference(Record, frozen=True, kw_only=True):
    """All that is different."""

    before: str
    after: str
    settings: tuple[Setting, ...]
    texts: tuple[ChangedText, ...]
    documents: tuple[ChangedDocument, ...]
    same_documents: int

    @property
    def is_empty(self) -> bool:
        """Return whether both are the same."""
        return not (self.settings or self.texts or self.documents)


def differing(before: Side, after: Side) -> tuple[list[str], list[str]]:
    """Return which files and which documents are different, without looking into them."""
    names = before.files.keys() | after.files.keys()
    files = sorted(name for name in names if before.files.get(name) != after.files.get(name))
    return files, sorted(_differing(before, after))


def difference(before: Side, after: Side) -> Difference:
    """Return what is different between two versions."""
    names, _ = differing(before, after)
    are_settings = {name: _is_settings(name) for name in names}
    apart = _differing(before, after)
    return Difference(
        before=before.name,
        after=after.name,
        settings=tuple(
            setting
            for name in names
            if are_settings[name]
            for setting in _settings(name, before.files.get(name, b""), after.files.get(name, b""))
        ),
        texts=tuple(
            ChangedText(file=name, lines=_lines(before.files.get(name, b""), after.files.get(name, b"")))
            for name in names
            if not are_settings[name]
        ),
        documents=tuple(_documents(before, after, apart)),
        same_documents=len(before.documents.keys() & after.documents.keys() - apart),
    )


def wider(before: Side, after: Side) -> list[str]:
    """Return the documents that somebody may see before who may see nothing of them after."""
    both = _differing(before, after) & before.documents.keys() & after.documents.keys()
    old, new = before.passages(both), after.passages(both)
    return [name for name in sorted(both) if _is_wider(old[name], new[name])]


def _is_wider(old: Sequence[Passage], new: Sequence[Passage]) -> bool:
    if not all(passage.audience for passage in new):
        return False
    seers = {group for passage in old for group in passage.audience}
    return not all(passage.audience for passage in old) or not seers <= {
        group for passage in new for group in passage.audience
    }


def _differing(before: Side, after: Side) -> set[str]:
    keys = before.documents.keys() | after.documents.keys()
    return {key for key in keys if before.documents.get(key) != after.documents.get(key)}


def _is_settings(name: str) -> bool:
    return PurePosixPath(name).suffix in SETTINGS and not name.startswith(LINES_OF)


def _settings(name: str, before: bytes, after: bytes) -> Iterator[Setting]:
    old, new = _flat(name, before), _flat(name, after)
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            yield Setting(file=name, key=key, before=old.get(key, ""), after=new.get(key, ""))


def _flat(name: str, content: bytes) -> dict[str, str]:
    """Return every value of a file by where it stands; an entry of a list is named by what identifies it."""
    data = json.loads(content) if name.endswith(".lock") and content else parse(name, content).data if content else None
    return dict(_values("", data)) if data is not None else {}


def _values(place: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _values(f"{place}.{key}" if place else str(key), inner)
        case list():
            seen: Counter[str] = Counter()
            for item in value:
                name = _named(item)
                seen[name] += 1
                again = f" ({seen[name]})" if seen[name] > 1 else ""
                if isinstance(item, dict):
                    yield from _values(f"{place}[{name}{again}]", item)
                else:
                    yield f"{place}[{name}{again}]", name
        case _:
            yield place, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _named(item: Any) -> str:
    if isinstance(item, dict):
        found = next((item[key] for key in IDENTIFYING if item.get(key)), item)
        return _named(found[0] if isinstance(found, list) else found) if found is not item else json.dumps(item)
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)


def _lines(before: bytes, after: bytes) -> tuple[str, ...]:
    old, new = [content.decode("utf-8-sig", errors="replace").splitlines() for content in (before, after)]
    return tuple(unified_diff(old, new, n=1, lineterm=""))[2:]


def _documents(before: Side, after: Side, apart: set[str]) -> Iterator[ChangedDocument]:
    old, new = before.passages(apart & before.documents.keys()), after.passages(apart & after.documents.keys())
    for name in sorted(apart):
        what = "added" if name not in before.documents else "removed" if name not in after.documents else "changed"
        own, others = old.get(name, ()), new.get(name, ())
        left, right = (Counter(passage.text for passage in passages) for passages in (own, others))
        seen_before, seen_after = _audience(own), _audience(others)
        is_other = what == "changed" and seen_before != seen_after
        yield ChangedDocument(
            document=name,
            what=what,
            gone=tuple((left - right).elements()),
            new=tuple((right - left).elements()),
            seen_before=seen_before if is_other else "",
            seen_after=seen_after if is_other else "",
        )


def _audience(passages: Sequence[Passage]) -> str:
    groups = {passage.audience for passage in passages}
    return ", ".join(sorted({group for audience in groups for group in audience or ("everyone",)}))
