"""Names are found in texts and in questions, whatever their case, accents, brackets and endings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.graph.edges import EdgeKind
from shipmate.knowledge.graph.extract import extract, place_key
from shipmate.knowledge.graph.names import called, name_key, runs, short_titles, symbol_key
from shipmate.messages import Passage, Statement


def passage(text: str, *, source: str = "guide/a.md", title: str = "", headings: tuple[str, ...] = ()) -> Passage:
    return Passage(source=source, title=title, headings=headings, text=text, start=0, end=len(text))


def kinds(text: str, name: str) -> set[EdgeKind]:
    return {kind for kind, keys in extract(passage(text)).edges.items() if name_key(name) in keys}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("He met Ernst von Kaulbach in Ulm.", "Ernst von Kaulbach"),
        ("They read the works of H. Bruce Humberstone.", "H. Bruce Humberstone"),
        ("That was Élodie Müller's house.", "elodie muller"),
        ("In Valparaiso it rains.", "Valparaiso"),
        ("The song went from Bonn to Paris.", "Bonn"),
        ("The song went\nfrom Bonn to New\nOrleans.", "New Orleans"),
    ],
)
def test_a_text_names_what_it_writes_in_capitals(text: str, name: str) -> None:
    assert EdgeKind.MENTIONS in kinds(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("He met Duke Ernst of Ulm.", "Duke Ernst"),
        ("He was the son of Louis, Count of Ulm.", "Louis, Count of Ulm"),
        ("However nobody came.", "However"),
        ("From Bonn to Paris By Night it plays.", "Bonn to Paris By Night"),
    ],
)
def test_what_may_be_a_name_counts_only_where_something_is_called_so(text: str, name: str) -> None:
    assert kinds(text, name) == {EdgeKind.MENTIONS_WITHIN}


def test_a_title_is_known_by_its_short_forms_too() -> None:
    assert short_titles("Agni (2004 film)") == ["Agni"]
    assert [name.strip() for name in short_titles("Louis, Count of Ulm")] == ["Louis", "Count of Ulm"]
    assert short_titles("Agni") == []


def test_a_question_calls_the_longest_name_first() -> None:
    keys = [name.key for name in called("Who is the father of Duke Ernst of Ulm?")]
    assert keys.index(name_key("Duke Ernst of Ulm")) < keys.index(name_key("Duke Ernst"))
    assert name_key("father") not in keys


def test_a_question_without_capitals_may_mean_any_words() -> None:
    assert name_key("load balancer") in [name.key for name in called("how do i restart the load balancer?")]


def test_the_first_word_of_a_question_is_no_name_for_its_capital() -> None:
    assert name_key("What") not in [name.key for name in called("What does Bonn cost?")]


def test_symbols_of_code_are_known_by_their_signs() -> None:
    said = extract(passage("Set `max_open` or pass --dry-run; os.path and getUser do the rest, the U.S. does not."))
    keys = said.edges[EdgeKind.SHOWS_SYMBOL]
    assert keys == {symbol_key(symbol) for symbol in ("max_open", "--dry-run", "os.path", "getUser")}
    assert symbol_key("max_open") in [name.key for name in called("what is max_open for?")]


def test_links_lead_to_documents_beside_the_one_they_stand_in() -> None:
    said = extract(passage("See [terms](../terms.md#costs), [us](https://example.org/a) and [below](#below)."))
    keys = said.edges[EdgeKind.LINKS_TO]
    assert keys == {place_key("terms.md"), place_key("https://example.org/a")}
    assert place_key("terms.md") in extract(passage("Costs.", source="terms.md")).edges[EdgeKind.LOCATED]


def test_definitions_and_tables_state_relations() -> None:
    text = "A quorum (in short) is a majority of voters that agree.\n\n| Plan | Price |\n|---|---|\n| Lite | 3 EUR |\n"
    assert extract(passage(text)).statements == (
        Statement("quorum", "is_a", "majority"),
        Statement("Lite", "price", "3 EUR"),
    )


def test_pronouns_define_nothing() -> None:
    assert extract(passage("It is a majority. This is the end.")).statements == ()


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    """Names lie where they are said to, and an extract depends on the passage alone."""
    for run in runs(text):
        assert text[run.start : run.end] == run.text
    called(text)
    assert extract(passage(text, title=text, headings=(text,))) == extract(passage(text, title=text, headings=(text,)))


def test_endless_capitals_and_titles_stay_small() -> None:
    capitals = " ".join(f"A{number}" for number in range(3000))
    said = extract(passage(capitals, title=capitals))
    assert sum(map(len, said.edges.values())) < 30_000
    assert max(map(len, said.names.values())) <= 300
