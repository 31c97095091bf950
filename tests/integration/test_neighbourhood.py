"""What people are shown of the graph: every edge with its sentence, and nothing that a caller may not see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate import bootstrap
from shipmate.adapters.sqlite.graph import Graph
from shipmate.errors import Missing, NoEntity, NoIndex
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.follow import follow_graph
from shipmate.knowledge.graph.around import around, way
from shipmate.messages import LOCAL, Ask, Finished, Passage, Statement
from shipmate.neighbourhood import Centre, Neighbourhood
from shipmate.testing.memory_index import MemoryIndex

TIDE = "The Long Tide is a drama that was shot by Anna Berg. Otto Kern wrote the music."
BERG = "Anna Berg was born in Ulm. Later she worked with Otto Kern."
PAY = "The pay of Anna Berg is known to Ida Holm alone."
RELATIONS = (Statement("Contract", "requires", "Signature", 3), Statement("Signature", "signed_by", "Client", 4))
NAMES = ("Anna Berg", "Bonn", "Otto Kern", "Ulm")
GROUPS = ("legal", "sales")
EVERYONE: frozenset[str] = frozenset()

sentences = st.tuples(st.sampled_from(NAMES), st.sampled_from(("met", "is a friend of")), st.sampled_from(NAMES))
texts = st.lists(sentences, min_size=1, max_size=3).map(
    lambda said: " ".join(f"He {b} {a} and {c}." for a, b, c in said)
)
declarations = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=2).map(
    lambda pairs: tuple(Statement(one, "needs", other, 2) for one, other in dict.fromkeys(pairs))
)
pages = st.tuples(
    st.sampled_from(("", *NAMES)), texts, st.sampled_from(((), ("legal",), ("sales",), GROUPS)), declarations
)
folders = st.lists(pages, min_size=1, max_size=6)


def passage(
    source: str, title: str, text: str, audience: tuple[str, ...] = (), relations: tuple[Statement, ...] = ()
) -> Passage:
    return Passage(
        source=source, title=title, text=text, start=0, end=len(text), audience=audience, relations=relations
    )


@contextmanager
def collected(
    *passages: Passage, declared: Sequence[Statement] = (), audience: tuple[str, ...] = ()
) -> Iterator[Collection]:
    index = MemoryIndex()
    index.write([(own.source, "1", [own]) for own in passages], [])
    with TemporaryDirectory() as folder:
        graph = Graph.open(Path(folder))
        follow_graph(index, graph, declared=declared)
        yield Collection(index=index, graph=graph, audience=audience)
        graph.close()


@pytest.fixture
def films() -> Iterator[Collection]:
    made = passage("tide.md", "The Long Tide", TIDE), passage("berg.md", "Anna Berg", BERG)
    with collected(*made, passage("pay.md", "Pay", PAY, ("office",)), declared=RELATIONS) as collection:
        yield collection


def names(found: Neighbourhood) -> set[str]:
    return {entity.name for entity in found.entities}


def test_around_a_name_stand_the_passages_about_it_first_and_the_names_beside_it(films: Collection) -> None:
    found = around([films], Centre(name="anna berg"), EVERYONE)
    assert found.about == "Anna Berg"
    assert [near.where.source for near in found.passages] == ["berg.md", "tide.md"]
    assert found.passages[0].kinds[-1] == "titled"
    assert {"Otto Kern", "The Long Tide"} <= names(found)


def test_every_edge_quotes_the_sentence_that_it_comes_from(films: Collection) -> None:
    found = around([films], Centre(name="Anna Berg"), EVERYONE)
    texts = {"berg.md": BERG, "tide.md": TIDE}
    (kern,) = (entity for entity in found.entities if entity.name == "Otto Kern")
    quotes = [(mention.where.source, mention.where.quote) for mention in kern.mentions]
    assert quotes == [("berg.md", "Later she worked with Otto Kern."), ("tide.md", "Otto Kern wrote the music.")]
    for mention in kern.mentions:
        assert texts[mention.where.source][mention.where.start : mention.where.end] == mention.where.quote


def test_what_is_declared_is_shown_with_its_line(films: Collection) -> None:
    found = around([films], Centre(name="Signature"), EVERYONE)
    told = [(own.subject, own.relation, own.object, own.where.source, own.where.line) for own in found.relations]
    assert told == [
        ("Contract", "requires", "Signature", "relations.yml", 3),
        ("Signature", "signed_by", "Client", "relations.yml", 4),
    ]
    assert found.relations[0].where.quote == "Contract requires Signature"


def test_a_way_leads_from_passage_to_passage(films: Collection) -> None:
    legs = way([films], "Contract", "Client", EVERYONE).legs
    assert [(leg.start, leg.end) for leg in legs] == [("Contract", "Signature"), ("Signature", "Client")]
    assert way([films], "Contract", "Otto Kern", EVERYONE).legs == ()


def test_an_unknown_name_suggests_what_is_written_alike_and_may_be_seen(films: Collection) -> None:
    for unknown in ("Ana Berk", "Ida Holm"):
        with pytest.raises(NoEntity) as refused:
            around([films], Centre(name=unknown), EVERYONE)
        assert "Ida Holm" not in refused.value.alike
    with pytest.raises(NoEntity) as refused:
        around([films], Centre(name="Ana Berk"), EVERYONE)
    assert refused.value.alike[0] == "Anna Berg"


def test_a_passage_is_shown_with_the_sentence_that_was_meant(films: Collection) -> None:
    start = BERG.index("Later")
    found = around([films], Centre(source="berg.md", start=start, end=start + 5), EVERYONE)
    (near,) = found.passages
    assert near.text[slice(*near.marked)] == "Later she worked with Otto Kern."
    with pytest.raises(Missing):
        around([films], Centre(source="pay.md", start=0, end=9), EVERYONE)
    assert around([films], Centre(source="pay.md", start=0, end=9), frozenset({"office"})).about == "Pay"


def test_without_a_graph_it_says_what_makes_one() -> None:
    with pytest.raises(NoIndex, match="ingest"):
        around([Collection(index=MemoryIndex())], Centre(name="Anna Berg"), EVERYONE)


def test_a_collection_of_its_own_is_joined_for_its_audience_and_not_there_for_others(films: Collection) -> None:
    own = (
        passage("deal.md", "Deal", "Anna Berg and Otto Kern share the house. Otto Kern pays."),
        passage("deal2.md", "More", "Otto Kern owes Anna Berg."),
    )
    with collected(*own, audience=("legal",)) as separate:
        others = around([films, separate], Centre(name="Anna Berg"), EVERYONE)
        assert others == around([films], Centre(name="Anna Berg"), EVERYONE)
        legal = around([films, separate], Centre(name="Anna Berg"), frozenset({"legal"}))
        assert [near.number for near in legal.passages] == list(range(1, len(legal.passages) + 1))
        assert {"berg.md", "deal.md"} <= {near.where.source for near in legal.passages}
        (kern,) = (entity for entity in legal.entities if entity.name == "Otto Kern")
        shown = {near.number: near.where.source for near in legal.passages}
        assert all(shown[mention.passage] == mention.where.source for mention in kern.mentions)


@settings(max_examples=40, deadline=None)
@given(folders, st.sets(st.sampled_from(GROUPS)))
def test_who_may_not_see_a_passage_is_shown_what_there_is_without_it(
    folder: list[tuple[str, str, tuple[str, ...], tuple[Statement, ...]]], groups: set[str]
) -> None:
    """Neither shown nor counted nor suggested nor walked through: the records are the same, byte for byte."""
    everything = [passage(f"{number}.md", *page) for number, page in enumerate(folder)]
    seen = [own for own in everything if not own.audience or groups.intersection(own.audience)]
    allowed = frozenset(groups)
    with collected(*everything) as whole, collected(*seen) as part:
        assert shown(whole, allowed, everything) == shown(part, allowed, everything)


def shown(collection: Collection, groups: frozenset[str], passages: Sequence[Passage]) -> list[bytes]:
    """Return everything that people in these groups are shown, or why they are not."""
    asked = [
        Centre(name=name.replace("a", "o") if number % 2 else name) for number, name in enumerate((*NAMES, *NAMES[1:]))
    ]
    asked += [Centre(source=own.source, start=0, end=5) for own in passages]
    told = []
    for centre in asked:
        try:
            told.append(msgspec.json.encode(around([collection], centre, groups)))
        except Missing as error:
            told.append(str(error).encode())
    for name in NAMES[1:]:
        try:
            told.append(msgspec.json.encode(way([collection], NAMES[0], name, groups)))
        except Missing as error:
            told.append(str(error).encode())
    return told


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_words_can_be_looked_up(name: str) -> None:
    with collected(passage("berg.md", "Anna Berg", BERG)) as collection, suppress(NoEntity):
        assert around([collection], Centre(name=name), EVERYONE).passages


STACK = "version: 1\ngroups:\n  desk: [staff]\n"
WAGES = "---\naudience: [staff]\n---\n# Wages\n\nThe Rose Garden pays Ida Holm 4,200 euros a month.\n"
ROSES = "# Roses\n\nThe Rose Garden prunes its roses in March. Ask Otto Kern.\n"
HELP = "# Help\n\nOtto Kern works in the Rose Garden.\n"


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    for name, text in (("roses.md", ROSES), ("wages.md", WAGES), ("help.md", HELP)):
        (tmp_path / "knowledge" / name).write_text(text)
    (tmp_path / "stack.yml").write_text(STACK)
    (tmp_path / "relations.yml").write_text("version: 1\nrelations:\n  - Rose Garden needs Water\n")
    bootstrap.ingest(bootstrap.load(tmp_path), progress=lambda _: None)
    return tmp_path


async def asked(folder: Path, caller: str) -> Neighbourhood:
    async with bootstrap.open_assistant(bootstrap.load(folder)) as assistant:
        question = Ask(text="When does the Rose Garden prune roses?", caller=caller)
        *_, finished = [event async for event in assistant.turn(question)]
        assert isinstance(finished, Finished)
        return await assistant.neighbourhood(Centre(turn_id=finished.reply.turn_id), caller)


async def test_around_an_answer_stand_its_passages_and_what_its_names_hang_on(garden: Path) -> None:
    found = await asked(garden, "guest")
    assert found.about == "When does the Rose Garden prune roses?"
    assert [near.where.source for near in found.passages if near.kinds == ("cited",)] == ["roses.md"]
    assert "Rose Garden" in names(found)
    assert ("Rose Garden", "needs", "Water") in {(own.subject, own.relation, own.object) for own in found.relations}


async def test_an_answer_that_later_may_be_seen_by_fewer_shows_them_no_more(garden: Path) -> None:
    async with bootstrap.open_assistant(bootstrap.load(garden)) as assistant:
        *_, finished = [
            event async for event in assistant.turn(Ask(text="What does the Rose Garden pay?", caller="desk"))
        ]
        assert isinstance(finished, Finished)
        turn = Centre(turn_id=finished.reply.turn_id)
        before = await assistant.neighbourhood(turn, "desk")
    (garden / "stack.yml").write_text("version: 1\n")
    async with bootstrap.open_assistant(bootstrap.load(garden)) as assistant:
        after = await assistant.neighbourhood(turn, "desk")
    assert "wages.md" in {near.where.source for near in before.passages}
    assert b"wages" not in msgspec.json.encode(after)
    assert b"Ida Holm" not in msgspec.json.encode(after)


def test_a_changed_line_of_relations_is_in_the_graph_after_the_next_ingest(garden: Path) -> None:
    (garden / "relations.yml").write_text("version: 1\nrelations:\n\n  - Rose Garden needs Sun\n")
    bootstrap.ingest(bootstrap.load(garden), progress=lambda _: None)
    found = bootstrap.neighbourhood(bootstrap.load(garden), "Rose Garden", 14)
    assert [(own.object, own.where.line) for own in found.relations if own.relation == "needs"] == [("Sun", 4)]
    (garden / "relations.yml").unlink()
    bootstrap.ingest(bootstrap.load(garden), progress=lambda _: None)
    assert bootstrap.neighbourhood(bootstrap.load(garden), "Rose Garden", 14).relations == ()


def test_what_front_matter_declares_is_seen_by_those_who_may_see_the_document(garden: Path) -> None:
    text = WAGES.replace("---\n# W", "relations: [Ida Holm knows Wage List]\n---\n# W")
    (garden / "knowledge" / "wages.md").write_text(text)
    (garden / "stack.yml").write_text(STACK + f"  {LOCAL}: [staff]\n")
    bootstrap.ingest(bootstrap.load(garden), progress=lambda _: None)
    (relation,) = bootstrap.neighbourhood(bootstrap.load(garden), "Wage List", 14).relations
    assert (relation.where.source, relation.where.line) == ("wages.md", 3)
    (garden / "stack.yml").write_text(STACK)
    with pytest.raises(NoEntity):
        bootstrap.neighbourhood(bootstrap.load(garden), "Wage List", 14)
