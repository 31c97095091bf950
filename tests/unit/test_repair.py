"""What people repaired holds in every leg of a search: blocked is blocked, pinned is first, synonyms go both ways."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.adapters.sqlite.graph import Graph
from shipmate.answer.draft import Chosen, Drafter, Limits
from shipmate.answer.faq import Faq
from shipmate.curation import Block, Curation, Pin, Place
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.follow import follow_graph, follow_vectors
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.repair import Repair, adrift, sameness, unblocked
from shipmate.knowledge.search import Search
from shipmate.knowledge.vectors import Vectors
from shipmate.messages import Hit, Passage, Question, ReplyKind, Route
from shipmate.testing.hash_embedder import HashEmbedder
from shipmate.testing.memory_index import MemoryIndex
from shipmate.text import stems
from shipmate.yaml_source import Source

VOCABULARY = "Anchor Berth Cable Dock Engine Ferry Gate Harbour Island Jetty".split()
AUDIENCES: list[tuple[str, ...]] = [(), ("staff",), ("board",)]
EMBEDDER = HashEmbedder()


def _passages() -> list[Passage]:
    """Return passages that stand one behind the other, three in each document, of which some are for few."""
    made = []
    for number, name in enumerate(VOCABULARY):
        at = 0
        for part in range(3):
            others = [VOCABULARY[(number + step * (part + 1)) % len(VOCABULARY)] for step in range(4)]
            text = f"{name} {part}: {' '.join(others)}."
            audience = AUDIENCES[(number + part) % 3]
            made.append(
                Passage(source=f"{name}.md", title=name, text=text, start=at, end=at + len(text), audience=audience)
            )
            at += len(text) + 1
    return made


PASSAGES = _passages()
PLACES = [
    place for passage in PASSAGES for place in (passage.source, f"{passage.source}#{passage.start + 3}-{passage.end}")
]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6).map(" ".join)
GROUPS = st.sampled_from([frozenset[str](), frozenset({"staff"}), frozenset({"staff", "board"})])


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    collection = collected(tmp_path_factory.mktemp("harbour"), PASSAGES)
    yield collection
    collection.close()


def collected(folder: Path, passages: Sequence[Passage]) -> Collection:
    vectors = Vectors(folder / "vectors", embedder=EMBEDDER.name, dimensions=EMBEDDER.dimensions)
    collection = Collection(index=MemoryIndex(), graph=Graph.open(folder), vectors=vectors)
    sources = dict.fromkeys(passage.source for passage in passages)
    own = [(source, "1", [passage for passage in passages if passage.source == source]) for source in sources]
    collection.index.write(own, [])
    assert collection.graph is not None
    follow_graph(collection.index, collection.graph)
    follow_vectors(collection.index, vectors, EMBEDDER)
    return collection


def found(
    collection: Collection,
    curation: Curation,
    question: str,
    groups: frozenset[str] = frozenset(),
    limit: int = 8,
) -> list[Hit]:
    search = Search(*unblocked([collection], curation), embedder=EMBEDDER, repair=Repair(curation))
    return asyncio.run(search.passages(Question(text=question, standalone=question), limit, groups))


def place_of(passage: Passage) -> str:
    return f"{passage.source}#{passage.start}-{passage.end}"


@settings(max_examples=100, deadline=None)
@given(
    blocked=st.lists(st.sampled_from(PLACES), min_size=1, max_size=8),
    pinned=st.sampled_from(PASSAGES),
    question=WORDS,
    groups=GROUPS,
    limit=st.integers(1, 12),
)
def test_what_is_blocked_never_appears(
    harbour: Collection, *, blocked: list[str], pinned: Passage, question: str, groups: frozenset[str], limit: int
) -> None:
    """In no leg, for no question and no groups, though it be pinned; and what is left fills its place."""
    curation = Curation(
        blocks=tuple(Block(passage=one) for one in blocked), pins=(Pin(question=question, passage=place_of(pinned)),)
    )
    places = [Place.of(one) for one in blocked]
    hidden = {
        passage
        for passage in PASSAGES
        if any(place.source == passage.source and place.touches(passage.start, passage.end) for place in places)
    }
    hidden_keys = set(map(passage_key, hidden))
    hits = found(harbour, curation, question, groups, limit)
    assert not hidden & {hit.passage for hit in hits}
    assert all(hit.passage.is_for(groups) for hit in hits)
    (left,) = unblocked([harbour], curation)
    assert not hidden & {passage for place in places for passage in left.index.passages(place.source)}
    assert not left.index.found(hidden_keys)
    terms = dict.fromkeys((stem for word in VOCABULARY for stem in stems(word)), 1.0)
    everything = [hit for hit in harbour.index.search(terms, len(PASSAGES), groups) if hit.passage not in hidden]
    assert left.index.search(terms, limit, groups) == everything[:limit]
    assert left.graph is not None
    assert left.vectors is not None
    (vector,) = asyncio.run(EMBEDDER.embed([question]))
    near = [key for key in left.vectors.search(vector, len(PASSAGES), groups) if key not in hidden_keys]
    assert list(left.vectors.search(vector, limit, groups)) == near[:limit]
    assert not hidden_keys & left.graph.seek(question, hits, groups, limit).scores.keys()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PASSAGES), WORDS, GROUPS)
def test_what_is_pinned_comes_first_for_those_who_may_see_it(
    harbour: Collection, pinned: Passage, question: str, groups: frozenset[str]
) -> None:
    curation = Curation(pins=(Pin(question=question, passage=place_of(pinned)),))
    asked = f"please, {question.upper()}?"
    hits = found(harbour, curation, asked, groups)
    before = found(harbour, Curation(), asked, groups)
    if pinned.is_for(groups):
        assert hits[0].passage == pinned
        others = [hit.passage for hit in before if hit.passage.text != pinned.text]
        assert [hit.passage for hit in hits[1:]] == others[: len(hits) - 1]
    else:
        assert [hit.passage for hit in hits] == [hit.passage for hit in before]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["cancel", "terminate", "call off", "sign in", "log on", "stop"]), min_size=2, unique=True)
)
def test_synonyms_go_both_ways(alike: list[str]) -> None:
    repair = Repair(Curation(synonyms=(tuple(alike),)))
    for one in alike:
        for other in alike:
            if one != other:
                with_one = repair.kin(tuple(stems(f"How do I {one} it?")))
                with_other = repair.kin(tuple(stems(f"How do I {other} it?")))
                assert set(stems(other)) <= {*with_one, *stems(one)}
                assert set(stems(one)) <= {*with_other, *stems(other)}
    assert all(0 < weight < 1 for weight in repair.kin(tuple(stems(alike[0]))).values())


def test_a_synonym_finds_what_no_word_of_the_question_finds() -> None:
    index = MemoryIndex()
    text = "Either side may terminate the agreement."
    passage = Passage(source="a.md", title="Agreement", text=text, start=0, end=len(text))
    index.write([("a.md", "1", [passage])], [])
    collection = Collection(index=index)
    assert not found(collection, Curation(), "cancel")
    (hit,) = found(collection, Curation(synonyms=(("cancel", "terminate"),)), "cancel")
    assert hit.passage == passage


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "how can i reset the PASSWORD"),
        ("What does a berth cost?", "what do berths cost?"),
    ],
)
def test_the_same_question_in_other_clothes_is_the_same(one: str, other: str) -> None:
    assert sameness(one) == sameness(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "How do I set my password?"),
        ("When do I pay?", "Where do I pay?"),
        ("Can I cancel?", "Can I not cancel?"),
        ("from PDF to Word", "from Word to PDF"),
        ("before I cancel", "after I cancel"),
        ("How do I sign in?", "How do I sign out?"),
        ("with a key", "without a key"),
    ],
)
def test_another_question_is_another(one: str, other: str) -> None:
    assert sameness(one) != sameness(other)


def test_a_pinned_passage_is_answered_from_though_it_shares_no_word_with_the_question() -> None:
    index = MemoryIndex()
    texts = {"a.md": "Write to the office six weeks ahead.", "b.md": "The contract lists the boats."}
    passages = [Passage(source=s, title=s, text=text, start=0, end=len(text)) for s, text in texts.items()]
    index.write([(passage.source, "1", [passage]) for passage in passages], [])
    question = "How do I get out of the contract?"
    curation = Curation(pins=(Pin(question=question, passage="a.md"),))
    hits = found(Collection(index=index), curation, question)
    drafter = Drafter(faq=Faq([]), statistics=index.statistics, model=None, prompt="", limits=Limits())
    draft = drafter.draft(Question(text=question, standalone=question), Route(), hits)
    assert isinstance(draft, list)
    assert isinstance(draft[0], Chosen)
    assert draft[0].kind is ReplyKind.ANSWER
    assert "six weeks ahead" in " ".join(getattr(part, "text", "") for part in draft)


def test_pins_and_blocks_without_their_passage_are_warned_of() -> None:
    index = MemoryIndex()
    passage = Passage(source="berths.md", title="Berths", text="A berth costs 24.", start=10, end=27)
    index.write([("berths.md", "1", [passage])], [])
    curation = Curation(
        pins=(Pin(question="price", passage="berths.md#90-99"), Pin(question="fee", passage="berths.md")),
        blocks=(Block(passage="birth.md"), Block(passage="berths.md#12-13")),
    )
    source = Source(file="curation.yml", data={}, lines={("pins", 0, "passage"): 4, ("blocks", 0): 9})
    warnings = list(adrift(curation, source, [Collection(index=index)]))
    assert [(warning.line, warning.what) for warning in warnings] == [
        (4, "Nothing stands at `berths.md#90-99` any more."),
        (0, "`berths.md` is pinned and blocked; blocked is what counts."),
        (9, "There is no document `birth.md`."),
    ]
    assert all(warning.warning for warning in warnings)
    assert warnings[2].do == "Did you mean `berths.md`?"


def test_without_blocks_the_collections_are_the_very_same() -> None:
    collections = [Collection(index=MemoryIndex())]
    assert unblocked(collections, Curation()) is collections
