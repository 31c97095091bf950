"""The index of what was said: turns are found by their own words and those around, and gone when removed."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shipmate.memory.spoken import Found, Spoken, SpokenIndex

WORDS = "refund parcel invoice delayed courier address tuesday receipt".split()
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
spoken = st.builds(Spoken, text=texts, speaker=st.sampled_from(["", "Ada", "Bob"]), day=st.sampled_from(["", "1 May"]))
threads = st.lists(st.lists(spoken, min_size=1, max_size=4), min_size=1, max_size=8)


def index_of(*threads: Sequence[Spoken]) -> SpokenIndex:
    index = SpokenIndex()
    for number, turns in enumerate(threads):
        index.add(f"t{number}", turns)
    return index


def places(found: Sequence[Found]) -> list[tuple[str, int]]:
    return [(turn.thread, turn.place) for turn in found]


def test_an_answer_is_found_by_the_words_of_its_question() -> None:
    asked = [Spoken("Where is my parcel?"), Spoken("With the courier, since noon.")]
    other = [Spoken("Is the invoice late?"), Spoken("It was paid.")]
    assert places(index_of(other, asked).search("parcel", 9)) == [("t1", 0), ("t1", 1)]


def test_words_of_another_thread_do_not_reach_over() -> None:
    found = index_of([Spoken("parcel")], [Spoken("invoice")]).search("parcel", 5)
    assert places(found) == [("t0", 0)]


def test_the_named_speaker_comes_first() -> None:
    index = index_of([Spoken("The parcel is here.", "Ada")], [Spoken("The parcel is here.", "Bob")])
    assert places(index.search("What did Bob say of the parcel?", 1)) == [("t1", 0)]
    assert places(index.search("What did Ada’s parcel do?", 1)) == [("t0", 0)]


def test_a_turn_is_found_by_its_day() -> None:
    index = index_of([Spoken("It rained.", day="3 May 2026")], [Spoken("It rained.", day="9 June 2026")])
    assert places(index.search("rained in June", 1)) == [("t1", 0)]


def test_nothing_is_found_without_a_word_in_common_or_in_an_empty_index() -> None:
    assert index_of([Spoken("parcel")]).search("zebra", 3) == []
    assert index_of([Spoken("parcel")]).search("", 3) == []
    assert SpokenIndex().search("parcel", 3) == []


@given(threads, texts, st.data())
def test_what_may_not_be_seen_changes_nothing(
    all_threads: list[list[Spoken]], question: str, data: st.DataObject
) -> None:
    """Places and scores are the same to the last bit as where the unseen threads never were."""
    seen = data.draw(st.lists(st.booleans(), min_size=len(all_threads), max_size=len(all_threads)))
    shown = [turns for turns, is_seen in zip(all_threads, seen, strict=True) if is_seen]
    names = [f"t{number}" for number, is_seen in enumerate(seen) if is_seen]
    index = index_of(*all_threads)
    found = index.search(question, 10, index.mask(names))
    alone = index_of(*shown).search(question, 10)
    assert [(names.index(turn.thread), turn.place, turn.score) for turn in found] == [
        (int(turn.thread[1:]), turn.place, turn.score) for turn in alone
    ]


@given(threads, texts, st.data())
def test_what_was_removed_leaves_no_trace(all_threads: list[list[Spoken]], question: str, data: st.DataObject) -> None:
    """After any removals the index finds what one finds that never held them, and holds no word of them."""
    gone = data.draw(st.sets(st.integers(0, len(all_threads) - 1)))
    index = index_of(*all_threads)
    for number in gone:
        index.remove(f"t{number}")
    left = {f"t{number}": turns for number, turns in enumerate(all_threads) if number not in gone}
    fresh = SpokenIndex()
    for name, turns in left.items():
        fresh.add(name, turns)
    assert index.search(question, 10) == fresh.search(question, 10)
    assert index.stems() == fresh.stems()
    assert len(index) == sum(map(len, left.values()))


def test_rows_are_closed_up_when_most_are_empty() -> None:
    index = SpokenIndex()
    for number in range(200):
        index.add(f"t{number}", [Spoken(f"parcel number{number}"), Spoken("delayed")])
        if number >= 3:
            index.remove(f"t{number - 3}")
    assert len(index) == 6
    assert len(index.mask(())) < 100
    assert places(index.search("number198", 1)) == [("t198", 0)]
