"""The rows of the graph that one commit writes: sources go with all they said, and come with what they say now."""

import json
import sqlite3
from collections.abc import Sequence

from shipmate.knowledge.graph.edges import Extract
from shipmate.knowledge.graph.extract import declaration, extract
from shipmate.knowledge.graph.names import name_key
from shipmate.knowledge.keys import passage_key, text_key
from shipmate.messages import Passage, Statement
from shipmate.sql import QUERIES

__all__ = ["GraphRows"]

# So many edges are written in one go.
MOST_WAITING = 10_000
EVERYONE = "[]"


class GraphRows:
    """What is to be written within one transaction; `flush` ends it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._audiences: dict[str, int] = {}
        self._source_id, self._passage_id = connection.execute(QUERIES["graph_last_ids"]).fetchone()
        self._forget()

    def remove(self, source: str) -> None:
        """Remove all that a source said."""
        if source in self._sources:
            self.flush()
        found = self._connection.execute(QUERIES["graph_source_id"], {"source": source}).fetchone()
        if found:
            self.flush()
            row = {"source_id": found[0]}
            self._connection.execute(QUERIES["remove_graph_statements"], row)
            self._connection.execute(QUERIES["remove_graph_edges"], row)
            self._connection.execute(QUERIES["remove_graph_names"], row)
            self._connection.execute(QUERIES["remove_graph_passages"], row)
            self._connection.execute(QUERIES["remove_graph_source"], row)

    def add(self, source: str, fingerprint: str, passages: Sequence[Passage], declared: Sequence[Statement]) -> None:
        """Add what a source says in its passages, and what it declares there and besides."""
        self._source_id += 1
        self._sources[source] = (self._source_id, source, fingerprint)
        # What people declare comes first: names are shown as they are written first.
        audience = passages[0].audience if passages else ()
        stated = (*declared, *(statement for passage in passages for statement in passage.relations))
        lines = {text_key(f"{source}\0{own.subject}\0{own.relation}\0{own.object}"): own for own in stated}
        for key, statement in lines.items():
            # An empty span, at the number of its line.
            self._insert(key, (statement.line, statement.line), audience, declaration(statement))
        for key, passage in {passage_key(passage): passage for passage in passages}.items():
            self._insert(key, (passage.start, passage.end), passage.audience, extract(passage))
        if len(self._edges) > MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._connection.executemany(QUERIES["add_graph_source"], self._sources.values())
        self._connection.executemany(QUERIES["add_graph_passage"], self._passages)
        self._connection.executemany(QUERIES["add_graph_edge"], self._edges)
        self._connection.executemany(QUERIES["add_graph_name"], self._names)
        self._connection.executemany(QUERIES["add_graph_statement"], self._statements)
        self._forget()

    def _forget(self) -> None:
        self._sources: dict[str, tuple[int, str, str]] = {}
        self._passages: list[tuple[int, int, int, int, int, int]] = []
        self._edges: list[tuple[int, int, int]] = []
        self._names: list[tuple[int, int, str]] = []
        self._statements: list[tuple[int, int, str, int]] = []

    def _insert(self, key: int, span: tuple[int, int], groups: tuple[str, ...], found: Extract) -> None:
        self._passage_id += 1
        passage_id, source_id = self._passage_id, self._source_id
        self._passages.append((passage_id, key, source_id, *span, self._audience(groups)))
        for kind, keys in sorted(found.edges.items()):
            self._edges += [(passage_id, kind, entity) for entity in sorted(keys)]
        self._names += [(source_id, entity, name) for entity, name in found.names.items()]
        self._statements += [
            (passage_id, name_key(stated.subject), stated.relation, name_key(stated.object))
            for stated in found.statements
        ]

    def _audience(self, groups: tuple[str, ...]) -> int:
        """Return the number of an audience, which is given to it when it comes first."""
        text = json.dumps(sorted(set(groups))) if groups else EVERYONE
        if text not in self._audiences:
            self._connection.execute(QUERIES["add_graph_audience"], {"groups": text})
            known = self._connection.execute(QUERIES["graph_audiences"])
            self._audiences = {groups: number for number, groups in known}
        return self._audiences[text]
