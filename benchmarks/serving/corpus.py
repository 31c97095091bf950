"""The documents and questions of a run, and what each server gets of them."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import tantivy

__all__ = ["Corpus", "Row", "plain_sentences", "read_corpus", "write_index", "write_knowledge"]

T = TypeVar("T")
PASSAGES = 2338
# A sentence on one line, without links and mark-up: what a model would quote.
SENTENCE = re.compile(r"(?:^|(?<=[.!?] )|(?<=\n))[A-Z][^\n.!?|*`<>\[\]()#]{30,400}\.(?=\s|$)")


class Row(msgspec.Struct, frozen=True):
    """One passage."""

    id: str
    title: str
    text: str


class Query(msgspec.Struct, frozen=True):
    last_turn: str


class Corpus(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, and about what."""

    rows: tuple[Row, ...]
    # In the file's order, each once.
    questions: tuple[str, ...]


def read_corpus(folder: Path) -> Corpus:
    """Read the first passages and all last turns of a retrieval set; blank passages are left out."""
    rows = [row for row in _lines(folder / "corpus.jsonl.gz", Row, PASSAGES) if row.text.strip()]
    queries = _lines(folder / "queries.jsonl.gz", Query)
    return Corpus(rows=tuple(rows), questions=tuple(dict.fromkeys(query.last_turn for query in queries)))


def plain_sentences(text: str) -> list[str]:
    """Return the sentences without links and mark-up, in order."""
    return SENTENCE.findall(text)


def write_knowledge(corpus: Corpus, folder: Path) -> None:
    """Write each passage as one Markdown file, as a user's documents."""
    folder.mkdir(parents=True)
    for row in corpus.rows:
        title = f"# {row.title}\n\n" if row.title else ""
        (folder / f"{row.id}.md").write_text(title + row.text, encoding="utf-8")


def write_index(corpus: Corpus, folder: Path) -> None:
    """Write the tantivy index that all peers open."""
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("source", stored=True, tokenizer_name="raw")
    schema.add_text_field("text", stored=True, tokenizer_name="en_stem")
    folder.mkdir(parents=True)
    index = tantivy.Index(schema.build(), path=str(folder))
    writer = index.writer()
    for row in corpus.rows:
        writer.add_document(tantivy.Document(source=row.id, text=f"{row.title}\n{row.text}".lstrip("\n")))
    writer.commit()
    writer.wait_merging_threads()


def _lines(path: Path, kind: type[T], limit: int | None = None) -> Iterator[T]:
    decoder = msgspec.json.Decoder(kind)
    with gzip.open(path, "rb") as lines:
        for number, line in enumerate(lines):
            if number == limit:
                return
            yield decoder.decode(line)
