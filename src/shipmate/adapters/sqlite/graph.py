"""The property graph in a folder: its edges as plain tables, and beside them a layout that opens at once."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from shipmate.adapters.sqlite import graph_layout
from shipmate.adapters.sqlite.database import connect, fault, roll_back
from shipmate.adapters.sqlite.graph_rows import GraphRows
from shipmate.adapters.sqlite.schema import ensure_schema
from shipmate.errors import Damaged
from shipmate.knowledge.graph.explore import named_in, naming, path_between, related
from shipmate.knowledge.graph.extract import place_key
from shipmate.knowledge.graph.names import name_key, name_words, nearest_names, symbol_key
from shipmate.knowledge.graph.network import EMPTY, IS_OWNING, Edges, Network, assemble
from shipmate.knowledge.graph.seek import seek
from shipmate.knowledge.graph.view import View
from shipmate.messages import Hit, Led, Passage, Statement
from shipmate.neighbourhood import Edge, Place, Stated, Step
from shipmate.sql import GRAPH_MIGRATIONS, QUERIES

__all__ = ["FORMAT", "Graph"]

FORMAT = "graph-1"
EDGE = np.dtype([("passage", np.int64), ("kind", np.uint8), ("entity", np.int64)])
# Callers fall into few sets of audiences; a view of each costs some bytes an entity.
MOST_VIEWS = 32
# Names are compared with what was typed where one of its words begins so; of so many, the nearest are told.
ALIKE_LETTERS = 3
MOST_ALIKE = 2000
Replacement = tuple[str, str, Sequence[Passage]]


class Graph:
    """The graph of one index: one process writes, any number read the layout that was published last."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._path = folder / "graph.db"
        self._changing = threading.Lock()
        self._read()

    @classmethod
    def open(cls, folder: Path) -> "Graph":
        """Open the graph below an index's folder; a layout that is damaged is built again from the tables.

        Raises `Damaged` when the tables are.
        """
        home = folder / FORMAT
        home.mkdir(parents=True, exist_ok=True)
        connection = connect(home / "graph.db")
        try:
            ensure_schema(connection, home / "graph.db", known=GRAPH_MIGRATIONS)
            return cls(connection, home)
        except BaseException as error:
            connection.close()
            raise fault(error, home / "graph.db") if isinstance(error, sqlite3.Error) else error from error

    def close(self) -> None:
        """Give back the database; idempotent."""
        self._connection.close()

    @property
    def passage_count(self) -> int:
        """Return the number of passages in the published graph."""
        return len(self._network.passages)

    def sources(self) -> dict[str, str]:
        """Return the fingerprint under which each source was read."""
        return dict(self._connection.execute(QUERIES["graph_sources"]).fetchall())

    def write(
        self,
        replaced: Iterable[Replacement],
        removed: Iterable[str],
        *,
        declared: Mapping[str, Sequence[Statement]] | None = None,
    ) -> None:
        """Replace sources (name, fingerprint, passages) and remove others in one commit.

        `declared` are the statements that people made in a source. Readers see nothing of it before `publish`.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            rows = GraphRows(connection)
            for source in removed:
                rows.remove(source)
            for source, fingerprint, passages in replaced:
                rows.remove(source)
                rows.add(source, fingerprint, passages, (declared or {}).get(source, ()))
            rows.flush()
            connection.execute(QUERIES["graph_changed"])
            connection.execute("COMMIT")
        except BaseException as error:
            roll_back(connection)
            refused = fault(error, self._path) if isinstance(error, Exception) else error
            raise refused from error

    def publish(self) -> None:
        """Lay the graph out as it is in the tables, and read from there; who reads an older layout still can."""
        changed, published = self._progress()
        if changed == published and (not published or graph_layout.is_saved(self._folder, published)):
            return
        try:
            graph_layout.save(self._assembled(), self._folder, changed)
            self._connection.execute(QUERIES["graph_published"], {"published": changed})
        except (OSError, sqlite3.Error) as error:
            raise fault(error, self._path) from error
        self._read()
        graph_layout.sweep(self._folder, changed)

    def refresh(self) -> bool:
        """Read the newest layout, also another process's; return whether there was a newer one.

        A graph that was deleted together with the folder it was made in shows nothing any more.
        """
        if not self._folder.parent.exists():
            was_there = bool(self._audiences)
            self._adopt(self._published, EMPTY, {}, frozenset())
            return was_there
        try:
            _, published = self._progress()
            if published == self._published:
                return False
            self._read()
        except sqlite3.Error as error:
            raise fault(error, self._path) from error
        return True

    def seek(self, question: str, hits: Sequence[Hit], groups: frozenset[str] = frozenset(), limit: int = 20) -> Led:
        """Return where the question's names and its best hits lead, within what these groups may see."""
        found = seek(question, hits, self._view(groups))
        best = sorted(found.scores.items(), key=lambda scored: (-scored[1], scored[0]))
        shown = [(passage, score) for passage, score in best if passage not in self._declarations]
        return Led(dict(shown[:limit]), found.trust)

    def walk(
        self, question: str, seeds: Sequence[tuple[int, float]], groups: frozenset[str] = frozenset(), limit: int = 20
    ) -> list[tuple[int, float]]:
        """Return the passages among which a walk from the question's names and the seeds mostly is, best first."""
        view = self._view(groups)
        rows = {view.network.row(passage): weight for passage, weight in seeds}
        starts = {row: weight for row, weight in rows.items() if row >= 0 and view.sees(row)}
        (names,) = view.names([question])
        places, masses = view.walk({entity: float(view.idf[entity]) for _, entity in names}, starts)
        passages = view.network.passages[places].tolist()
        ranked = sorted(zip(passages, masses.tolist(), strict=True), key=lambda found: (-found[1], found[0]))
        return [found for found in ranked if found[0] not in self._declarations][:limit]

    def view(self, groups: frozenset[str] = frozenset()) -> View:
        """Return what these groups may see of the graph that was published last."""
        return self._view(groups)

    def place(self, passage: int) -> Place | None:
        """Return where a passage stands, or nothing for one that the graph does not hold."""
        found = self._connection.execute(QUERIES["graph_place"], {"passage": passage}).fetchone()
        return Place(*found) if found else None

    def show(self, name: str, groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return what is stated of an entity, each with the passage that says so."""
        return self._stated(QUERIES["graph_statements"], {"entity": name_key(name)}, groups)

    def stated_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return what these passages state."""
        return self._stated(QUERIES["graph_statements_in"], {"passages": json.dumps(list(passages))}, groups)

    def named_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how these passages name their entities."""
        view = self._view(groups)
        return [self._written(view, edge) for edge in named_in(view, passages)]

    def naming(self, name: str, groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how an entity is named, passage by passage; its own name is left to `named_in`."""
        view = self._view(groups)
        return naming(view, _key(view, name))

    def alike(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 5) -> list[str]:
        """Return the names of entities that are written much like this one, the nearest first."""
        view = self._view(groups)
        visible = np.flatnonzero(self._visible(groups)).tolist()
        patterns = [f"%{word[:ALIKE_LETTERS]}%" for word in name_words(name)] or [f"%{name}%"]
        found = self._connection.execute(
            QUERIES["graph_alike"],
            {"audiences": json.dumps(visible), "patterns": json.dumps(patterns), "most": MOST_ALIKE},
        )
        return nearest_names(name, (written for written, entity in found if view.entity(entity) >= 0), limit)

    def neighbours(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 20) -> list[Step]:
        """Return the entities that stand in one passage with this one, the most telling first."""
        view = self._view(groups)
        return [self._named(view, step) for step in related(view, _key(view, name), limit)]

    def path(self, name: str, other: str, groups: frozenset[str] = frozenset()) -> list[Step]:
        """Return the shortest way from one entity to another, passage by passage; empty where there is none."""
        view = self._view(groups)
        return [self._named(view, step) for step in path_between(view, _key(view, name), _key(view, other))]

    def _stated(self, query: str, sought: Mapping[str, object], groups: frozenset[str]) -> list[Stated]:
        visible = self._visible(groups)
        return [
            Stated(self._name(passage, subject), relation, self._name(passage, object_), passage)
            for passage, audience, subject, relation, object_ in self._connection.execute(query, sought).fetchall()
            if audience < len(visible) and visible[audience]
        ]

    def _written(self, view: View, edge: Edge) -> Edge:
        return edge._replace(name=self._named(view, Step(edge.passage, edge.entity)).name)

    def _named(self, view: View, step: Step) -> Step:
        """Name the entity of a step: as its passage writes it, or else a page that is about it."""
        name = self._name(step.passage, step.entity)
        owners = view.owners(view.entity(step.entity), IS_OWNING) if not name else ()
        for row, _ in owners:
            name = name or self._name(int(view.network.passages[row]), step.entity)
        return step._replace(name=name)

    def _name(self, passage: int, entity: int) -> str:
        found = self._connection.execute(QUERIES["graph_name"], {"passage": passage, "entity": entity}).fetchone()
        return str(found[0]) if found else ""

    def _progress(self) -> tuple[int, int]:
        changed, published = self._connection.execute(QUERIES["graph_progress"]).fetchone()
        return int(changed), int(published)

    def _assembled(self) -> Network:
        passages = np.array(self._connection.execute(QUERIES["graph_passages"]).fetchall(), np.int64).reshape(-1, 2)
        edges = np.fromiter(self._connection.execute(QUERIES["graph_edges"]), EDGE)
        return assemble(
            Edges(passages[:, 0], passages[:, 1].astype(np.int32), edges["passage"], edges["kind"], edges["entity"])
        )

    def _read(self) -> None:
        _, published = self._progress()
        network = EMPTY
        if published:
            with suppress(Damaged):
                network = graph_layout.load(self._folder, published)
            if network is EMPTY:
                network = self._assembled()
        audiences = {
            int(number): frozenset(json.loads(groups))
            for number, groups in self._connection.execute(QUERIES["graph_audiences"])
        }
        declarations = frozenset(key for (key,) in self._connection.execute(QUERIES["graph_declarations"]))
        self._adopt(published, network, audiences, declarations)

    def _adopt(
        self, published: int, network: Network, audiences: dict[int, frozenset[str]], declarations: frozenset[int]
    ) -> None:
        # Somebody may be looking around in another thread: they see all of the one or all of the other.
        with self._changing:
            self._published, self._network = published, network
            self._audiences, self._declarations = audiences, declarations
            self._views: dict[bytes, View] = {}

    def _visible(self, groups: frozenset[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return for each audience's number whether one of these groups may see what is meant for it."""
        visible = np.zeros(max(self._audiences, default=0) + 1, np.bool_)
        for number, allowed in self._audiences.items():
            visible[number] = not allowed or not allowed.isdisjoint(groups)
        return visible

    def _view(self, groups: frozenset[str]) -> View:
        with self._changing:
            visible = self._visible(groups)
            view = self._views.get(visible.tobytes())
            if view is None:
                if len(self._views) == MOST_VIEWS:
                    self._views.pop(next(iter(self._views)))
                view = self._views[visible.tobytes()] = View(self._network, visible)
            return view


def _key(view: View, name: str) -> int:
    """Return the key of what a person calls so: a name, a symbol of code, or a document's place."""
    keys = (name_key(name), symbol_key(name.strip("` ")), place_key(name))
    return next((key for key in keys if view.entity(key) >= 0), keys[0])
