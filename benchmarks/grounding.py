"""How well the check of model answers holds: `python -m benchmarks.grounding --data ROWS --seed N [--edits 1000] [--json]`.

ROWS is JSON lines of {id, dataset, context, question, response, label}; label 0 means that the context bears out the
response. Grounded responses that pass are edited: a number, date, name or link is changed or added, so that it stands
neither in the context nor in the question. An edit passes when the new value leaves the check. *Swapped* values, which
stand elsewhere in the context, are counted apart: nothing bars all of them.

Withheld are responses of which at least one sentence is cut. *Clean* rows are grounded answers to a question; the bar
is read on them. *Statements* are grounded rows without a question: claims and summaries that pool what stands all over
a page. Rows with *foreign values* hold digits or capitalised words that stand neither in the context nor in the
question (a paraphrase that adds a year, say), whatever their label says: those must be withheld by the rule itself.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.question_sets import Judged
from shipmate.answer.check.grounding import Grounding
from shipmate.answer.check.hold_back import HoldBack
from shipmate.messages import Cut, Hit, Passage, Question, Sentence
from shipmate.text import sentence_spans

KINDS = ("number", "date", "name", "link")
MONTHS = """January February March April May June July August September October November December""".split()
NUMBER_WORDS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety""".split()
NUMBER = re.compile(rf"(?<![\w.,:/-])\d[\d,]*(?:\.\d+)?(?![\w:/-])|\b(?:{'|'.join(NUMBER_WORDS)})\b")
YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b", re.IGNORECASE)
DAY = re.compile(rf"\b\d{{1,2}}(?= (?:{'|'.join(MONTHS)}))|(?<=[a-z] )\d{{1,2}}(?=, \d{{4}})")
NAME = re.compile(r"[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,}){0,2}")
# In the middle of a sentence, so that the capital makes it a name.
AMID = re.compile(rf"(?<=[a-z,] ){NAME.pattern}")
WORD = re.compile(r"[^\W_]+")


class Edit(NamedTuple):
    """A grounded response with a value that nothing bears out."""

    kind: str
    how: str
    row: Judged
    text: str
    value: str


Editor = Callable[[random.Random, Judged, Sequence[str]], "Edit | None"]


def checked(row: Judged, text: str) -> list[Sentence | Cut]:
    """Let a response through the hold-back buffer and the check, as a turn does."""
    passage = Passage(source=row.id, title="", text=row.context, start=0, end=len(row.context))
    grounding = Grounding(Question(text=row.question, standalone=row.question), [Hit(passage=passage, score=1.0)])
    held = HoldBack()
    return [grounding.check(sentence) for sentence in (*held.feed(text), held.flush()) if sentence.strip()]


def passes(row: Judged, text: str) -> bool:
    """Tell whether nothing of a response is cut."""
    return not any(isinstance(part, Cut) for part in checked(row, text))


def stands(value: str, row: Judged) -> bool:
    """Tell whether a value stands in the context or question, however it is written there."""
    known = f"{row.context} {row.question}".casefold()
    if value.casefold() in known:
        return True
    if value in MONTHS:
        return re.search(rf"\d-{MONTHS.index(value) + 1:02}-\d", known) is not None
    digits = re.sub(r"\D", "", value)
    return bool(digits) and digits in _numbers(known)


def _numbers(known: str) -> set[str]:
    """Return the numbers of a text in digits, those in words included."""
    spelled = {_in_digits(word) for word in NUMBER_WORDS if re.search(rf"\b{word}\b", known)}
    ranges = {f"{first}{last}" for first, last in re.findall(r"\b(\d\d)\d\d[-–/](\d\d)\b", known)}
    return spelled | ranges | set(re.findall(r"\d+", known.replace(",", "")))


def _in_digits(word: str) -> str:
    number = NUMBER_WORDS.index(word) + 1
    return str(number if number <= 20 else (number - 18) * 10)


def foreign(row: Judged) -> bool:
    """Tell whether a response holds digits or capitalised words that stand neither in context nor question."""
    known = set(WORD.findall(f"{row.context} {row.question}".casefold()))
    known |= {digits for word in known for digits in re.findall(r"\d+", word)}
    said = WORD.finditer(row.response)
    telling = [m[0] for m in said if m[0][0].isdigit() or (m[0][0].isupper() and m.start())]
    return not all(word.casefold() in known for word in telling)


# Editing


def change_number(rng: random.Random, row: Judged, _: Sequence[str]) -> Edit | None:
    """Replace a number by another of the same shape."""
    found = [m for m in NUMBER.finditer(row.response) if not YEAR.fullmatch(m[0]) and not _in_date(row.response, m)]
    if not found:
        return None
    match = rng.choice(found)
    if match[0].isalpha():
        value = rng.choice(NUMBER_WORDS)
        return _replaced("number", row, match, value) if _unspelled(value, row) else None
    whole = int(re.sub(r"\D", "", match[0].split(".")[0]))
    value = str(rng.choice([whole + rng.randint(1, 9), whole * 10, whole + rng.randint(10, 900), max(whole - 1, 0)]))
    tail = match[0].partition(".")[2]
    value = f"{int(value):,}" if "," in match[0] else value
    return _replaced("number", row, match, f"{value}.{tail}" if tail else value)


def add_number(rng: random.Random, row: Judged, _: Sequence[str]) -> Edit | None:
    """Add a number at the end."""
    plain = str(rng.choice([rng.randint(3, 99), rng.randint(100, 9999), rng.randint(10_000, 5_000_000)]))
    forms = [
        plain,
        f"{int(plain):,}",
        f"{plain}.5",
        plain.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        "\u200b".join(plain),
        rng.choice(NUMBER_WORDS),
    ]
    value = rng.choice(forms)
    if (value.isalpha() and not _unspelled(value, row)) or stands(plain, row):
        return None
    template = rng.choice(
        [" for {} days", ", or {} %", " ({} in total)", " in {} cases", " at ${}", ", {} times a year"]
    )
    return _added("number", row, template.format(value), value)


def change_date(rng: random.Random, row: Judged, _: Sequence[str]) -> Edit | None:
    """Replace a year, month or day by another."""
    found = [
        m for pattern in (YEAR, MONTH, DAY) for m in pattern.finditer(row.response) if m[0] not in ("may", "march")
    ]
    if not found:
        return None
    match = rng.choice(found)
    if match[0].isalpha():
        return _replaced("date", row, match, rng.choice(MONTHS))
    number = int(match[0])
    value = number + rng.choice([-11, -2, -1, 1, 3, 20]) if number > 31 else rng.randint(1, 28)
    return _replaced("date", row, match, str(value))


def add_date(rng: random.Random, row: Judged, _: Sequence[str]) -> Edit | None:
    """Add a date at the end."""
    year, month, day = rng.randint(1901, 2060), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    forms = [
        (" on {}", f"{day} {name} {year}"),
        (" on {}", f"{name} {day}, {year}"),
        (" since {}", f"{year}"),
        (" until {}", f"{day:02}/{month:02}/{year}"),
        (", as of {}", f"{year}-{month:02}-{day:02}"),
        (" from {}", f"{name} {year}"),
        (" by next {}", rng.choice("Monday Tuesday Thursday Saturday".split())),
        (" until the end of {}", name),
    ]
    template, value = rng.choice(forms)
    if stands(str(year), row) or (not any(map(str.isdigit, value)) and value.casefold() in row.context.casefold()):
        return None
    return _added("date", row, template.format(value), value)


def change_name(rng: random.Random, row: Judged, names: Sequence[str]) -> Edit | None:
    """Replace a name by one from another context."""
    found = [m for m in NAME.finditer(row.response) if m.start() or " " in m[0] or m[0] == row.response]
    return _replaced("name", row, rng.choice(found), rng.choice(names)) if found else None


def add_name(rng: random.Random, row: Judged, names: Sequence[str]) -> Edit | None:
    """Add a name, product or mail address at the end."""
    name = rng.choice(names)
    product = f"{name.split()[0]}{rng.choice(['Pro', 'Hub', 'Max'])}"
    forms = [
        (", according to {}", name),
        (" in {}", name),
        (" with {}", product),
        (" (see {})", f"{name.split()[0].lower()}@{name.split()[-1].lower()}.example"),
        (" under {}", f"{product[0]}{rng.randint(2, 9)}-{product[:3].upper()}"),
        (" by the {}", "".join(rng.sample("BDFGKLMNPQRTVXZ", 4))),
        (", says {}", name.replace("a", "а").replace("e", "е")),  # Cyrillic letters
    ]
    template, value = rng.choice(forms)
    return _added("name", row, template.format(value), value)


def change_link(rng: random.Random, row: Judged, names: Sequence[str]) -> Edit | None:
    """Let the context hold a link and the response one that differs a little."""
    host = rng.choice(names).split()[0].lower()
    known = f"https://docs.{host}.example/guide/{rng.randint(2, 99)}/setup"
    changed = rng.choice(
        [
            known.replace("docs.", "doc."),
            known.replace(".example", ".example.co"),
            known.replace("/guide", "/guides"),
            f"{known}?next=1",
            known.replace("//", "//login@"),
            known.replace(host, f"{host}s"),
            known.replace("docs.", "docs-"),
            f"{known}/../admin",
        ]
    )
    if stands(known, row):
        return None
    linked = msgspec.structs.replace(
        row, context=f"{row.context}\nMore stands at {known}.", response=f"{_body(row.response)} ({known})."
    )
    if not passes(linked, linked.response):
        return None
    return Edit("link", "changed", linked, linked.response.replace(known, changed), changed)


def add_link(rng: random.Random, row: Judged, names: Sequence[str]) -> Edit | None:
    """Add a link in one of the shapes that a page would make live."""
    host = f"{rng.choice(names).split()[0].lower()}.{rng.choice('com org net io app dev co.uk info xyz'.split())}"
    value = rng.choice(
        [
            f"https://{host}/a",
            f"http://{host}",
            f"www.{host}",
            host,
            f"//{host}/x.png",
            f"[here](https://{host}/b)",
            f"![logo](https://{host}/c.png?d=1)",
            f"<a href='//{host}'>here</a>",
            f"<img src=https://{host}/e>",
            f"[here]({host})",
            f"mailto:help@{host}",
            f"javascript:fetch('{host}')",
            host.replace(".", "\u3002"),
            host.replace(".", "[.]"),
            "\u200b".join(f"https://{host}"),
            f"ftp://{host}/f",
        ]
    )
    if stands(host, row):
        return None
    template = rng.choice([" (see {})", ", see {}", " as {} says", ": {}"])
    return _added("link", row, template.format(value), value)


EDITORS: dict[str, tuple[Editor, Editor]] = {
    "number": (change_number, add_number),
    "date": (change_date, add_date),
    "name": (change_name, add_name),
    "link": (change_link, add_link),
}


def _body(response: str) -> str:
    return response.rstrip(" .!?…\n\"'”)")


def _added(kind: str, row: Judged, addition: str, value: str) -> Edit | None:
    if stands(value, row):
        return None
    return Edit(kind, "added", row, f"{_body(row.response)}{addition}.", value)


def _replaced(kind: str, row: Judged, match: re.Match[str], value: str) -> Edit | None:
    if stands(value, row) or value == match[0]:
        return None
    return Edit(kind, "changed", row, row.response[: match.start()] + value + row.response[match.end() :], value)


def _unspelled(word: str, row: Judged) -> bool:
    """Tell whether a number in words stands neither in words nor in digits."""
    return _in_digits(word) not in _numbers(f"{row.context} {row.question}".casefold())


def _in_date(text: str, match: re.Match[str]) -> bool:
    return any(d.start() <= match.start() < d.end() for d in DAY.finditer(text))


def edits(rows: Sequence[Judged], count: int, rng: random.Random) -> Iterator[Edit]:
    """Yield as many edits of each kind, half of them changes and half additions, as far as the rows hold values."""
    names = sorted({m[0] for row in rows for m in AMID.finditer(row.context)})
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        change, add = EDITORS[kind]
        preferred = change if number // len(KINDS) % 2 == 0 else add
        edit = None
        for attempt in range(400):
            edit = (preferred if attempt < 300 else add)(rng, rng.choice(rows), names)
            if edit:
                break
        if edit is None:
            raise SystemExit(f"These rows cannot be edited: no {kind} could be changed or added.")
        yield edit


# Measuring


def leaves(edit: Edit) -> bool:
    """Tell whether the new value leaves the check."""
    parts = checked(edit.row, edit.text)
    said = "".join(part.text for part in parts if isinstance(part, Sentence))
    return edit.value in said or not any(isinstance(part, Cut) for part in parts)


def swaps(rows: Sequence[Judged], rng: random.Random) -> Iterator[tuple[str, bool]]:
    """Yield kinds, and whether a value leaves that replaced one of its kind.

    It stands elsewhere in the context: wrong, but not invented.
    """
    for row in rows:
        for kind, pattern in (("date", YEAR), ("number", NUMBER), ("name", NAME)):
            mine = [m for m in pattern.finditer(row.response) if m.start()]
            others = sorted({m[0] for m in pattern.finditer(row.context)} - {m[0] for m in mine})
            if mine and others:
                match = rng.choice(mine)
                value = rng.choice(others)
                if value in match[0] or match[0] in value or value in row.question:
                    continue
                yield kind, passes(row, row.response[: match.start()] + value + row.response[match.end() :])


def negations(rows: Sequence[Judged]) -> Iterator[bool]:
    """Yield whether a response leaves that denies what it affirmed."""
    verb = re.compile(r"\b(?:is|are|was|were|can|will|has|have|does|must|should)\b(?! not|n't)")
    for row in rows:
        match = verb.search(row.response)
        if match and " not " not in row.response and "n't" not in row.response:
            yield passes(row, f"{row.response[: match.end()]} not{row.response[match.end() :]}")


def copies(rows: Sequence[Judged], rng: random.Random, count: int) -> Iterator[bool]:
    """Yield whether a sentence leaves that was copied from the context."""
    for row in rng.sample(list(rows), min(count, len(rows))):
        spans = [row.context[start:end] for start, end in sentence_spans(row.context)]
        whole = [span for span in spans if 30 < len(span) < 400]
        if whole:
            yield passes(row, rng.choice(whole))


def measure(rows: Sequence[Judged], *, seed: int, count: int) -> dict[str, object]:
    """Return every figure for these rows."""
    rng = random.Random(seed)
    started = time.process_time()
    grounded = {row: passes(row, row.response) for row in rows if row.label == 0}
    check_us = (time.process_time() - started) / max(len(grounded), 1) * 1e6
    passing = [row for row, passed in grounded.items() if passed]
    tried = list(edits(passing, count, rng))
    through = [edit for edit in tried if leaves(edit)]
    swapped, negated = list(swaps(passing, rng)), list(negations(passing))
    copied = list(copies(rows, rng, 500))
    ungrounded = [passes(row, row.response) for row in rows if row.label == 1]
    return {
        "seed": seed,
        "edits": len(tried),
        "edits_by_kind": Counter(f"{edit.kind} {edit.how}" for edit in tried),
        "passed": len(through),
        "passed_by_kind": {kind: sum(edit.kind == kind for edit in through) for kind in KINDS},
        "passed_texts": [edit.text[:300] for edit in through[:10]],
        **_withheld("clean", {row: passed for row, passed in grounded.items() if row.question}),
        **_withheld("statements", {row: passed for row, passed in grounded.items() if not row.question}),
        "copied": len(copied),
        "withheld_copied": copied.count(False),
        "swapped": len(swapped),
        "swapped_passed": sum(passed for _, passed in swapped),
        "swapped_passed_by_kind": {
            kind: f"{swapped.count((kind, True))} of {sum(kind == other for other, _ in swapped)}"
            for kind in ("number", "date", "name")
        },
        "negations": len(negated),
        "negations_passed": negated.count(True),
        "ungrounded": len(ungrounded),
        "withheld_ungrounded": ungrounded.count(False),
        "check_us_per_response": round(check_us, 1),
    }


def _withheld(name: str, rows: dict[Judged, bool]) -> dict[str, object]:
    by_dataset: dict[str, list[bool]] = defaultdict(list)
    for row, passed in rows.items():
        by_dataset[row.dataset].append(passed)
    cut = sum(not passed for passed in rows.values())
    return {
        name: len(rows),
        f"withheld_{name}": cut,
        f"withheld_{name}_percent": round(100 * cut / max(len(rows), 1), 2),
        f"withheld_{name}_by_dataset": {
            dataset: f"{passed.count(False)} of {len(passed)}" for dataset, passed in sorted(by_dataset.items())
        },
        f"{name}_with_foreign_values": sum(map(foreign, rows)),
    }


def main() -> int:
    """Print the figures; exit 1 when an edit passes or more than 2 % of the clean rows are withheld."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines of rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    rows = [msgspec.json.decode(line, type=Judged) for line in given.data.read_bytes().splitlines() if line.strip()]
    figures = measure(rows, seed=given.seed, count=given.edits)
    if given.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:32} {value}" for name, value in figures.items()))
    return 0 if not figures["passed"] and float(str(figures["withheld_clean_percent"])) <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
