"""Graph and vectors follow the index, and nobody is shown, through any leg, what is not for them."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shipmate import bootstrap, running
from shipmate.adapters.sqlite.graph import Graph
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.errors import Damaged, ModelUnavailable, ProjectError, ShipmateError
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.documents import Listing, list_files
from shipmate.knowledge.follow import follow_graph, follow_vectors
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.search import Search
from shipmate.knowledge.vectors import Vectors
from shipmate.library import Library
from shipmate.messages import Ask, Finished, Hit, Passage, Question, Reply
from shipmate.ports import Embedder
from shipmate.sources import DocumentFolder
from shipmate.testing.hash_embedder import HashEmbedder
from shipmate.testing.memory_index import MemoryIndex

PAGES = {
    "berg.md": "# Anna Berg\n\nAnna Berg directed The Long Tide. She was born in Ulm.\n",
    "tide.md": "# The Long Tide\n\nThe Long Tide is a drama by Anna Berg, with music by Otto Kern.\n",
    "kern.md": "# Otto Kern\n\nOtto Kern was born in Bonn. His okapi was called Zoe.\n",
}
NAMES = ("Anna Berg", "Otto Kern", "Ulm", "Bonn")
GROUPS = ("legal", "sales")
QUESTIONS = ("Where was the composer of The Long Tide born?", "okapi", "Who was born in Ulm?")


class Broken(HashEmbedder):
    """An embedder whose server goes down after so many texts."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.left = after

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.left -= len(texts)
        if self.left < 0:
            raise ModelUnavailable("the encoder is down", do="start it")
        return await super().embed(texts)


class House:
    """A folder of documents with its library."""

    def __init__(self, folder: Path, pages: Mapping[str, str] = PAGES) -> None:
        self.origin = DocumentFolder(path=folder / "knowledge", prefix="")
        self.library = Library(folder / "index", [self.origin])
        self.fill(pages)

    def fill(self, pages: Mapping[str, str]) -> None:
        shutil.rmtree(self.origin.path, ignore_errors=True)
        self.origin.path.mkdir(parents=True)
        for name, text in pages.items():
            (self.origin.path / name).write_text(text)

    def ingest(self, embedder: Embedder | None = None) -> list[str]:
        """Return the steps that were told."""
        steps: dict[str, None] = {}
        listings: list[Listing] = [list_files(self.origin)]
        self.library.ingest(listings, embedder or HashEmbedder(), progress=lambda p: steps.setdefault(p.step))
        return list(steps)

    @contextmanager
    def opened(self, embedder: Embedder | None = None) -> Iterator[Collection]:
        (collection,) = self.library.opened(embedder or HashEmbedder())
        with closing(collection):
            yield collection

    def found(self, question: str, embedder: Embedder | None = None) -> list[Hit]:
        embedder = embedder or HashEmbedder()
        with self.opened(embedder) as collection:
            return _asked(Search(collection, embedder=embedder), question)


def _asked(search: Search, question: str, groups: frozenset[str] = frozenset()) -> list[Hit]:
    return asyncio.run(search.passages(Question(text=question, standalone=question), 30, groups))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_every_leg_finds_what_was_ingested(house: House) -> None:
    assert house.ingest() == ["Reading documents", "Linking documents", "Embedding passages"]
    best = house.found(QUESTIONS[0])[0]
    assert best.legs.keys() == {"lexical", "dense", "graph"}
    assert {hit.passage.source for hit in house.found(QUESTIONS[0])} == PAGES.keys()


def test_a_removed_document_is_gone_from_every_leg(house: House, tmp_path: Path) -> None:
    """Index, statistics, vectors and graph hold nothing of it: no text, no key, no name, no statement, no cache."""
    house.ingest()
    assert "graph.db" in _holding(tmp_path / "index", b"Zoe")
    with house.opened() as reading:
        search = Search(reading, embedder=HashEmbedder())
        assert _asked(search, "okapi")[0].passage.source == "kern.md"
        (key,) = reading.index.keys()["kern.md"]
        house.fill({name: text for name, text in PAGES.items() if name != "kern.md"})
        house.ingest()
        assert reading.refresh()
        legs = [reading, *house.library.opened(HashEmbedder())]
        for collection in legs:
            assert all(
                hit.passage.source != "kern.md" for hit in _asked(Search(collection, embedder=HashEmbedder()), "okapi")
            )
            assert collection.index.found([key]) == {}
            assert collection.index.passages("kern.md") == []
            assert collection.index.statistics.document_frequency("okapi") == 0
            assert isinstance(collection.vectors, Vectors)
            assert key not in collection.vectors.keys
            assert isinstance(collection.graph, Graph)
            assert "kern.md" not in collection.graph.sources()
            assert collection.graph.place(key) is None
            assert collection.graph.show("Zoe") == []
            assert not {step.passage for step in collection.graph.neighbours("Otto Kern")} & {key}
        legs[1].close()
    assert _holding(tmp_path / "index", b"Zoe") == []


@pytest.mark.parametrize("groups", [frozenset[str](), frozenset({"legal"})])
def test_vectors_are_for_whom_their_passages_are_now(tmp_path: Path, groups: frozenset[str]) -> None:
    """The text is the same to a letter when sources.yml narrows it: who lost it is not even told of a hidden vector."""
    house = House(tmp_path)
    house.ingest()
    for audience in (("legal",), (), ("sales",)):
        house.origin = msgspec.structs.replace(house.origin, audience=audience)
        house.library = Library(tmp_path / "index", [house.origin])
        house.ingest()
        with house.opened() as collection:
            (row,) = asyncio.run(HashEmbedder().embed(["okapi"]))
            assert collection.vectors
            seen = collection.vectors.search(row, 30, groups)
            may_see = not audience or not groups.isdisjoint(audience)
            assert len(seen) == (len(PAGES) if may_see else 0)
            assert collection.index.found(seen).keys() == seen.keys()


def test_words_and_graph_of_all_collections_are_in_step_before_any_vector_is_made(tmp_path: Path) -> None:
    """An encoder that is down for one source keeps no removed document of another one in the answers."""
    apart = DocumentFolder(path=tmp_path / "apart", prefix="apart/", audience=("legal",), separate=True)
    common = DocumentFolder(path=tmp_path / "knowledge", prefix="")
    for origin in (apart, common):
        origin.path.mkdir()
        for name, text in PAGES.items():
            (origin.path / name).write_text(text)
    library = Library(tmp_path / "index", [apart, common])

    def ingest(embedder: Embedder) -> None:
        library.ingest([list_files(origin) for origin in (apart, common)], embedder, progress=lambda _: None)

    ingest(HashEmbedder())
    (common.path / "kern.md").unlink()
    (apart.path / "berg.md").write_text("# Anna\n\nAnna Berg is a director.\n")
    with pytest.raises(ModelUnavailable):
        ingest(Broken(after=0))
    for collection in library.opened(HashEmbedder()):
        with closing(collection):
            assert not {"kern.md"} & collection.index.sources().keys()
            assert isinstance(collection.graph, Graph)
            assert collection.graph.sources().keys() == collection.index.sources().keys()


def test_a_title_that_changes_changes_the_vector(tmp_path: Path) -> None:
    """The passage and its place are as they were, and the vector is of the title too."""
    rows = []
    for title in ("Apples", "Quince"):
        house = House(tmp_path, {"a.md": f"---\ntitle: {title}\n---\nThey are pruned in March.\n"})
        house.ingest()
        with house.opened() as collection:
            assert isinstance(collection.vectors, Vectors)
            (row,) = asyncio.run(HashEmbedder().embed([title]))
            rows.append(next(iter(collection.vectors.search(row, 1).values())))
    assert rows[1] > rows[0] - 0.1


def _holding(folder: Path, name: bytes) -> list[str]:
    """Return the files beside the lexical index, whose segments are packed, that hold a name."""
    files = [file for file in folder.rglob("*") if file.is_file() and "passages-" not in str(file)]
    return [file.name for file in files if name in file.read_bytes()]


def test_a_changed_document_is_found_by_its_new_words_alone(house: House) -> None:
    house.ingest()
    house.fill({**PAGES, "kern.md": "# Otto Kern\n\nOtto Kern kept a zebra.\n"})
    house.ingest()
    assert house.found("zebra")[0].passage.source == "kern.md"
    assert all("okapi" not in hit.passage.text for question in QUESTIONS for hit in house.found(question))


@pytest.mark.parametrize("leg", ["graph-1", "vectors-1"])
def test_what_a_leg_has_lost_the_next_ingest_brings_back(house: House, tmp_path: Path, leg: str) -> None:
    house.ingest()
    before = house.found(QUESTIONS[0])
    shutil.rmtree(tmp_path / "index" / leg)
    house.ingest()
    assert house.found(QUESTIONS[0]) == before


@pytest.mark.parametrize("file", ["graph-1/graph.db", "vectors-1/vectors.json", "passages-4/meta.json"])
def test_what_is_damaged_is_made_anew_and_said(
    house: House, tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    house.ingest()
    before = house.found(QUESTIONS[0])
    (tmp_path / "index" / file).write_bytes(b"nonsense" * 500)
    house.ingest()
    assert "is made anew" in caplog.text
    assert house.found(QUESTIONS[0]) == before


def test_an_embedder_that_breaks_off_leaves_words_and_graph_and_goes_on_next_time(house: House) -> None:
    with pytest.raises(ModelUnavailable):
        house.ingest(Broken(after=1))
    assert house.found(QUESTIONS[0])[0].legs.keys() == {"lexical", "graph"}
    house.ingest(Broken(after=3))
    assert house.found(QUESTIONS[0])[0].legs.keys() == {"lexical", "dense", "graph"}


def test_a_question_is_answered_by_words_and_graph_while_the_embedder_is_down(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.ingest()
    assert house.found(QUESTIONS[0], Broken(after=0))[0].legs.keys() == {"lexical", "graph"}
    assert "goes on with words and graph alone: the encoder is down" in caplog.text


class Unfit:
    """A reranker whose model is none."""

    name = "unfit"

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        raise Damaged(f"the model says {len(texts)} numbers of {question}", do="name another one")

    async def close(self) -> None:
        """Have nothing to give back."""


def test_a_reranker_that_fails_leaves_the_order_as_it_was(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.ingest()
    with house.opened() as collection:
        plain = _asked(Search(collection, embedder=HashEmbedder()), QUESTIONS[0])
        assert _asked(Search(collection, embedder=HashEmbedder(), reranker=Unfit()), QUESTIONS[0]) == plain
    assert "The order stays as it was found" in caplog.text


def test_another_embedder_starts_anew(house: House) -> None:
    house.ingest()
    other = HashEmbedder(name="other", dimensions=32)
    assert "dense" not in house.found(QUESTIONS[0], other)[0].legs
    house.ingest(other)
    assert "dense" in house.found(QUESTIONS[0], other)[0].legs


texts = st.lists(st.tuples(*[st.sampled_from(NAMES)] * 2), min_size=1, max_size=3).map(
    lambda said: " ".join(f"{a} met {b}." for a, b in said)
)
folders = st.lists(st.tuples(texts, st.sets(st.sampled_from(GROUPS)), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(folders, st.sets(st.sampled_from(GROUPS)), st.sampled_from(NAMES))
def test_no_leg_leads_to_what_a_caller_may_not_see(
    folder: list[tuple[str, set[str], bool]], groups: set[str], name: str
) -> None:
    """Whatever is for whom, and whatever is asked: the hits are those of a house that holds nothing else."""
    passages = [
        Passage(
            source=f"{number}.md",
            title=NAMES[number % len(NAMES)] if titled else "",
            text=text,
            start=0,
            end=len(text),
            audience=tuple(sorted(audience)),
        )
        for number, (text, audience, titled) in enumerate(folder)
    ]
    mine = frozenset(groups)
    allowed = {passage.source for passage in passages if passage.is_for(mine)}
    with TemporaryDirectory() as place, closing(_made(Path(place), passages)) as collection:
        hits = _asked(Search(collection, embedder=HashEmbedder()), f"Who met {name}?", mine)
        assert {hit.passage.source for hit in hits} <= allowed
        assert collection.graph is not None
        led = collection.graph.seek(name, hits, mine)
        assert {passage.source for passage in collection.index.found(led.scores).values()} <= allowed


def _made(folder: Path, passages: Sequence[Passage]) -> Collection:
    embedder = HashEmbedder()
    vectors = Vectors(folder / "vectors", embedder=embedder.name, dimensions=embedder.dimensions)
    collection = Collection(index=MemoryIndex(), graph=Graph.open(folder), vectors=vectors)
    collection.index.write([(passage.source, "1", [passage]) for passage in passages], [])
    assert collection.graph is not None
    follow_graph(collection.index, collection.graph)
    follow_vectors(collection.index, vectors, embedder)
    assert {passage_key(passage) for passage in passages} == set(vectors.keys.tolist())
    return collection


SECRET = "# Wages\n\nThe gardener is paid 4,200 euros a month. Plant 3 is watered by the gardener in person.\n"
PLANTS = {
    f"{n}.md": f"# Plant {n}\n\nPlant number {n} grows in the {n}. garden and is watered {n} times a week.\n"
    for n in range(1, 7)
}
ASKED = "How often is plant 3 watered?"


@pytest.fixture
def apart(tmp_path: Path) -> Callable[..., Path]:
    """Return an assistant with or without a source that is kept apart."""

    def make(*, with_secret: bool) -> Path:
        folder = tmp_path / f"garden-{with_secret}"
        for name, text in PLANTS.items():
            (folder / "knowledge").mkdir(parents=True, exist_ok=True)
            (folder / "knowledge" / name).write_text(text)
        sources = "version: 1\nfolders: [knowledge]\n"
        if with_secret:
            (folder / "wages").mkdir()
            (folder / "wages" / "wages.md").write_text(SECRET)
            sources = "version: 1\nfolders:\n- knowledge\n- {path: wages, audience: [staff], separate: true}\n"
        (folder / "sources.yml").write_text(sources)
        (folder / "stack.yml").write_text("version: 1\ngroups: {desk: [staff]}\n")
        bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
        return folder

    return make


async def _reply(folder: Path, caller: str, question: str) -> Reply:
    async with bootstrap.open_assistant(bootstrap.load(folder)) as assistant:
        (*_, finished) = [event async for event in assistant.turn(Ask(text=question, caller=caller))]
        assert isinstance(finished, Finished)
        return finished.reply


def test_what_is_kept_apart_changes_no_byte_of_what_others_are_told(apart: Callable[..., Path]) -> None:
    """Not the answer, its citations or its confidence; and no statistics, suggestions or passages of it are shown."""
    without, with_it = apart(with_secret=False), apart(with_secret=True)
    for question in (ASKED, "What is the gardener paid?", "gardener"):
        one, other = (asyncio.run(_reply(folder, "shop", question)) for folder in (without, with_it))
        assert (one.kind, one.text, one.citations, one.confidence) == (
            other.kind,
            other.text,
            other.citations,
            other.confidence,
        )


def test_the_release_of_others_stays_when_what_is_kept_apart_changes(apart: Callable[..., Path]) -> None:
    """It stands in every reply, on the page and among the vital signs: a change of a hidden source would be seen there."""
    folder = apart(with_secret=True)
    before = {caller: asyncio.run(_reply(folder, caller, ASKED)).release for caller in ("shop", "desk")}
    (folder / "wages" / "new.md").write_text("# Bonus\n\nThe bonus of a gardener is 77 euros.\n")
    bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
    after = {caller: asyncio.run(_reply(folder, caller, ASKED)).release for caller in ("shop", "desk")}
    assert after["shop"] == before["shop"]
    assert after["desk"] != before["desk"]


def test_a_leg_that_does_not_open_stops_nobody_from_following_the_documents(
    apart: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that meets half-written vectors once still lets go of what is removed after that."""
    monkeypatch.setattr(running, "FOLLOW_S", 0.02)
    folder = apart(with_secret=False)
    manifest = next((folder / ".shipmate" / "index").rglob("vectors.json"))

    async def served() -> list[int]:
        counts = []
        async with bootstrap.open_assistant(bootstrap.load(folder)) as assistant:
            for written in (b"{", manifest.read_bytes()):
                manifest.write_bytes(written)
                await asyncio.sleep(0.2)
            for _ in range(2):
                (collection,) = (await assistant.parts_for("")).scopes.collections
                counts.append(collection.index.statistics.passage_count)
                next((folder / "knowledge").glob("*.md")).unlink(missing_ok=True)
                await asyncio.to_thread(bootstrap.ingest, bootstrap.load(folder), progress=lambda _: None)
                await asyncio.sleep(0.5)
        return counts

    first, second = asyncio.run(served())
    assert 0 < second < first


def test_a_removed_document_is_gone_though_the_embedder_does_not_open(apart: Callable[..., Path]) -> None:
    """A model that can be fetched no more keeps nothing in the answers."""
    folder = apart(with_secret=False)
    (folder / "stack.yml").write_text("version: 1\nembedder: {adapter: onnx, model: knowledge}\n")
    removed = next((folder / "knowledge").glob("*.md"))
    removed.unlink()
    with pytest.raises(ShipmateError):
        bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
    (collection,) = Library(folder / ".shipmate" / "index", bootstrap.load(folder).documents).opened()
    with closing(collection):
        assert removed.name not in collection.index.sources()
        assert isinstance(collection.graph, Graph)
        assert removed.name not in collection.graph.sources()


def test_who_may_know_of_it_is_answered_from_both(apart: Callable[..., Path]) -> None:
    folder = apart(with_secret=True)
    assert "4,200 euros" in asyncio.run(_reply(folder, "desk", "How many euros a month is the gardener paid?")).text
    assert "3 times" in asyncio.run(_reply(folder, "desk", "How many times a week is plant number 3 watered?")).text


def test_what_is_no_longer_kept_apart_leaves_no_collection_behind(apart: Callable[..., Path]) -> None:
    folder = apart(with_secret=True)
    index = folder / ".shipmate" / "index"
    assert list(index.glob("separate-*"))
    (folder / "sources.yml").write_text("version: 1\nfolders: [knowledge]\n")
    bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
    assert not list(index.glob("separate-*"))


def test_a_server_forgets_a_collection_that_is_deleted_while_it_is_open(apart: Callable[..., Path]) -> None:
    """Its source is named no more: no leg of what was opened before shows anything of it."""
    folder = apart(with_secret=True)
    own, other = Library(folder / ".shipmate" / "index", bootstrap.load(folder).documents).opened(StaticEmbedder())
    with closing(own), closing(other):
        gone = own if own.audience else other
        staff = frozenset({"staff"})
        (source,) = gone.index.sources()
        assert _asked(Search(gone), "gardener", staff)
        (folder / "sources.yml").write_text("version: 1\nfolders: [knowledge]\n")
        bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
        assert gone.refresh()
        assert not gone.refresh()
        assert _asked(Search(gone), "gardener", staff) == []
        assert gone.index.sources() == {}
        assert gone.index.passages(source) == []
        assert gone.vectors is not None
        assert len(gone.vectors) == 0
        assert isinstance(gone.graph, Graph)
        assert gone.graph.alike("gardener", staff) == []
        assert gone.graph.neighbours("Wages", staff) == []
        assert gone.graph.passage_count == 0


def test_what_is_separate_has_to_say_for_whom(apart: Callable[..., Path]) -> None:
    folder = apart(with_secret=False)
    (folder / "sources.yml").write_text("version: 1\nfolders: [{path: knowledge, separate: true}]\n")
    with pytest.raises(ProjectError) as refused:
        bootstrap.load(folder)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == ("sources.yml", 2)
    assert "audience" in problem.do
