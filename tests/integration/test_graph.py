"""The graph leads from a question's names to the pages behind them, and never through what the caller may not see."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.adapters.sqlite.graph import Graph
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit, Passage
from shipmate.neighbourhood import Place
from shipmate.relations import declared

FILM = "The Long Tide is a drama directed by Anna Berg, with music by Otto Kern and starring Ida Holm."
PAGES = {
    "tide.md": ("The Long Tide (film)", FILM),
    "berg.md": ("Anna Berg (director)", "Anna Berg was born in Ulm. Her mother was a painter."),
    "kern.md": ("Otto Kern", "Otto Kern was born in Bonn. He died in Ulm."),
    "holm.md": ("Ida Holm", "Ida Holm was born in Kiel, where Otto Kern played."),
    "tides.md": ("Tides", "A long tide was born in the sea."),
}
NAMES = ("Anna Berg", "Bonn", "Otto Kern", "Ulm", "Kiel", "Ida Holm")
GROUPS = ("legal", "sales")

sentences = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(("met", "left", "is a friend of")), st.sampled_from(NAMES)
)
texts = st.lists(sentences, min_size=1, max_size=3).map(
    lambda said: " ".join(f"He {b} {a} and {c}." for a, b, c in said)
)
audiences = st.sampled_from(((), ("legal",), ("sales",), GROUPS))
folders = st.lists(st.tuples(st.sampled_from(("", *NAMES)), texts, audiences), min_size=1, max_size=7)
questions = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(
    lambda names: "Who met {} in {}?".format(*names)
)


def passage(source: str, title: str, text: str, audience: tuple[str, ...] = ()) -> Passage:
    return Passage(source=source, title=title, text=text, start=0, end=len(text), audience=audience)


def test_a_restored_graph_is_laid_out_again_by_the_next_ingest(tmp_path: Path) -> None:
    """A backup holds the tables alone; were it never laid out, every start would assemble it."""
    graph = Graph.open(tmp_path)
    write(graph, passage("berg.md", *PAGES["berg.md"]))
    (layout,) = (tmp_path / "graph-1").glob("layout-*")
    graph.close()
    shutil.rmtree(layout)
    again = Graph.open(tmp_path)
    again.publish()
    again.close()
    assert layout.is_dir()


def test_who_looks_around_while_another_commit_is_read_leaves_no_view_of_the_old_one(tmp_path: Path) -> None:
    """A view of a commit that has gone would go on to show what is hidden by now."""
    graph = Graph.open(tmp_path)
    ask = "Who was born in Ulm?"
    stop = Event()

    def look() -> None:
        while not stop.is_set():
            graph.walk(ask, [], frozenset({"legal"}))

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        for number in range(40):
            audience = (f"group{number}", *(["legal"] if number % 2 else []))
            write(graph, *(passage(f"{page}", *PAGES[page], audience) for page in PAGES))
            assert bool(graph.walk(ask, [], frozenset({"legal"}))) == bool(number % 2)
        stop.set()
        looking.result()
    graph.close()


def made(folder: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[Passage]:
    return [passage(f"{number}.md", *page) for number, page in enumerate(folder)]


@contextmanager
def graph_of(*passages: Passage) -> Iterator[Graph]:
    with TemporaryDirectory() as folder:
        graph = Graph.open(Path(folder))
        write(graph, *passages)
        yield graph
        graph.close()


def write(graph: Graph, *passages: Passage, removed: Sequence[str] = ()) -> None:
    graph.write([(own.source, "1", [own]) for own in passages], removed)
    graph.publish()


def hits(*passages: Passage) -> list[Hit]:
    return [Hit(passage=found, score=9.0 - number) for number, found in enumerate(passages)]


def all_pages() -> dict[str, Passage]:
    return {source: passage(source, title, text) for source, (title, text) in PAGES.items()}


def told(graph: Graph, question: str, seeds: Sequence[Passage], groups: frozenset[str]) -> list[object]:
    """Return everything that the graph says to these groups."""
    found = graph.seek(question, hits(*seeds), groups)
    walked = graph.walk(question, [(passage_key(seed), 1.0) for seed in seeds], groups)
    around = [(graph.neighbours(name, groups), graph.show(name, groups)) for name in NAMES]
    ways = [graph.path(NAMES[0], name, groups) for name in NAMES]
    named = graph.named_in([passage_key(seed) for seed in seeds], groups)
    stated = graph.stated_in([passage_key(seed) for seed in seeds], groups)
    alike = [graph.alike(name.lower().replace("o", "a"), groups) for name in NAMES]
    return [found, walked, around, ways, named, stated, alike, [graph.naming(name, groups) for name in NAMES]]


@pytest.mark.parametrize(
    ("question", "second"),
    [
        ("Where was the director of The Long Tide born?", "berg.md"),
        ("Where did the composer of The Long Tide die?", "kern.md"),
        ("Who is starring in The Long Tide?", "holm.md"),
    ],
)
def test_the_words_of_the_question_choose_the_page_behind_the_one_that_it_names(question: str, second: str) -> None:
    pages = all_pages()
    with graph_of(*pages.values()) as graph:
        found = graph.seek(question, hits(pages["tide.md"], pages["tides.md"]))
        places = [graph.place(key) for key in found.scores]
    assert found.trust == 1
    assert places[:2] == [Place(name, 0, len(PAGES[name][1])) for name in ("tide.md", second)]


def test_a_question_that_names_no_page_is_hardly_trusted() -> None:
    pages = all_pages()
    with graph_of(*pages.values()) as graph:
        assert graph.seek("Where was the tide born?", hits(pages["tides.md"])).trust == 0


@settings(max_examples=40, deadline=None)
@given(folders, questions, st.sets(st.sampled_from(GROUPS)))
def test_who_may_not_see_a_passage_is_told_what_a_graph_without_it_tells(
    folder: list[tuple[str, str, tuple[str, ...]]], question: str, groups: set[str]
) -> None:
    everything = made(folder)
    seen = [own for own in everything if not own.audience or groups.intersection(own.audience)]
    allowed = frozenset(groups)
    with graph_of(*everything) as whole, graph_of(*seen) as part:
        assert told(whole, question, everything[:2], allowed) == told(part, question, everything[:2], allowed)


@settings(max_examples=25, deadline=None)
@given(folders, questions, st.randoms(use_true_random=False))
def test_the_order_of_ingest_changes_nothing(
    folder: list[tuple[str, str, tuple[str, ...]]], question: str, chance: object
) -> None:
    passages = made(folder)
    shuffled = list(passages)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    groups = frozenset(GROUPS)
    with graph_of(*passages) as one, graph_of(*shuffled) as other:
        assert told(one, question, passages[:2], groups) == told(other, question, passages[:2], groups)


@settings(max_examples=25, deadline=None)
@given(folders, folders)
def test_a_removed_source_leaves_nothing_that_it_alone_supported(
    kept: list[tuple[str, str, tuple[str, ...]]], gone: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    staying = made(kept)
    going = [passage(f"gone-{own.source}", own.title, own.text, own.audience) for own in made(gone)]
    with graph_of(*staying, *going) as graph, graph_of(*staying) as without:
        write(graph, removed=[own.source for own in going])
        assert contents(graph) == contents(without)
        assert layout(graph) == layout(without)


def contents(graph: Graph) -> list[list[object]]:
    """Return all rows that say something, without the numbers that SQLite gave them."""
    queries = (
        "SELECT source, fingerprint FROM sources ORDER BY 1",
        "SELECT passage, span_start, span_end, source FROM passages JOIN sources USING (source_id) ORDER BY 1",
        "SELECT passage, kind, entity FROM edges LEFT JOIN passages USING (passage_id) ORDER BY 1, 2, 3",
        "SELECT source, entity, name FROM names LEFT JOIN sources USING (source_id) ORDER BY 1, 2",
        "SELECT passage, subject, relation, object FROM statements LEFT JOIN passages USING (passage_id) ORDER BY 1, 2, 3, 4",
    )
    return [graph._connection.execute(query).fetchall() for query in queries]


def layout(graph: Graph) -> list[object]:
    return [values.tolist() for name, values in graph._network._asdict().items() if name != "audiences"]


def test_a_changed_source_says_only_what_it_says_now() -> None:
    pages = all_pages()
    changed = passage("tide.md", "The Long Tide (film)", "The Long Tide is a drama directed by Otto Kern.")
    with graph_of(*pages.values()) as graph, graph_of(*(pages | {"tide.md": changed}).values()) as anew:
        write(graph, changed)
        assert contents(graph) == contents(anew)
        assert [step.name for step in graph.path("The Long Tide", "Otto Kern")] == ["Otto Kern"]


def test_of_a_source_that_comes_twice_in_a_write_the_last_one_counts() -> None:
    with graph_of() as graph:
        write(graph, passage("a.md", "", "Otto Kern met Ida Holm."), passage("a.md", "Otto Kern", "He met Anna Berg."))
        assert graph.sources() == {"a.md": "1"}
        assert [step.name for step in graph.neighbours("Otto Kern")] == ["a.md"]


def test_what_people_declare_leads_on_and_is_no_passage() -> None:
    lines = ("Contract requires Signature", "Signature signed_by Client")
    statements = [statement for line in lines if (statement := declared(line))]
    page = passage("signature.md", "Signature", "Sign here.")
    with graph_of(page) as graph:
        graph.write([("relations.yml", "1", [])], [], declared={"relations.yml": statements})
        graph.publish()
        assert [(own.subject, own.relation, own.object) for own in graph.show("signature")] == [
            ("Contract", "requires", "Signature"),
            ("Signature", "signed_by", "Client"),
        ]
        assert [step.name for step in graph.path("Contract", "Client")] == ["Signature", "Client"]
        assert [key for key, _ in graph.walk("What does a Contract need?", [])] == [passage_key(page)]


def test_a_definition_is_shown_with_the_passage_that_gives_it() -> None:
    quorum = passage("rules.md", "Rules", "A quorum is a majority of voters.")
    with graph_of(quorum) as graph:
        (stated,) = graph.show("Quorum")
    assert (stated.subject, stated.relation, stated.object) == ("quorum", "is_a", "majority")
    assert stated.passage == passage_key(quorum)


def test_readers_keep_the_old_layout_until_a_new_one_is_published(tmp_path: Path) -> None:
    pages = all_pages()
    writer = Graph.open(tmp_path)
    write(writer, pages["tide.md"])
    reader = Graph.open(tmp_path)
    writer.write([("berg.md", "1", [pages["berg.md"]])], [])
    assert not reader.refresh()
    writer.publish()
    assert reader.passage_count == 1
    assert reader.refresh()
    assert reader.passage_count == 2
    assert reader.sources() == {"tide.md": "1", "berg.md": "1"}
    writer.close()
    reader.close()


def truncate(layout: Path) -> None:
    entities = layout / "entities.npy"
    entities.write_bytes(entities.read_bytes()[:40])


@pytest.mark.parametrize("harm", [shutil.rmtree, truncate])
def test_a_damaged_layout_is_built_again_from_the_tables(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    pages = all_pages()
    graph = Graph.open(tmp_path)
    write(graph, *pages.values())
    before = told(graph, "Who met Anna Berg in Ulm?", [pages["tide.md"]], frozenset())
    graph.close()
    harm(next((tmp_path / "graph-1").glob("layout-*")))
    again = Graph.open(tmp_path)
    assert told(again, "Who met Anna Berg in Ulm?", [pages["tide.md"]], frozenset()) == before
    again.close()


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    pages = all_pages()
    graph = Graph.open(tmp_path)
    write(graph, pages["tide.md"])

    def broken() -> Iterator[tuple[str, str, list[Passage]]]:
        yield "berg.md", "1", [pages["berg.md"]]
        raise KeyError

    with pytest.raises(KeyError):
        graph.write(broken(), ["tide.md"])
    graph.publish()
    assert graph.sources() == {"tide.md": "1"}
    graph.close()
    with sqlite3.connect(tmp_path / "graph-1" / "graph.db") as rows:
        assert rows.execute("SELECT changed, published FROM progress").fetchone() == (1, 1)
    rows.close()


def test_an_empty_graph_says_nothing(tmp_path: Path) -> None:
    graph = Graph.open(tmp_path)
    assert told(graph, "Who met Anna Berg?", [passage("a.md", "", "Anna Berg.")], frozenset())[1] == []
    assert np.size(graph._network.passages) == 0
    graph.close()
