"""What every `PassageIndex` promises: `for check in CHECKS: check(open_index)`, each with a fresh index.

`open_index` opens the same data each time, as another process would.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from shipmate.messages import Passage
from shipmate.ports import PassageIndex
from shipmate.text import stems

__all__ = ["CHECKS", "passage"]

OpenIndex: TypeAlias = Callable[[], PassageIndex]

HOSTILE = (
    "", " ", "\0", "\n", "*", "text:*", "-zebra", '"zebra"', "zebra AND NOT lion", "zebra~2", "[a TO z]", "kind:head", "\\",
    "😀", "ä" * 70_000, "head", "passage",
)  # fmt: skip


def passage(
    source: str,
    text: str,
    *,
    title: str = "",
    headings: tuple[str, ...] = (),
    start: int = 0,
    audience: tuple[str, ...] = (),
) -> Passage:
    """Return a passage that stands at `start` of its source."""
    end = start + len(text)
    return Passage(source=source, title=title, headings=headings, text=text, start=start, end=end, audience=audience)


def finds_what_was_written(open_index: OpenIndex) -> None:
    """A passage comes back as it was written, and only where a term of it is asked for."""
    index = open_index()
    zebra = Passage(
        source="b/zoo.html",
        title="The zoo 🦓",
        headings=("Animals", "Stripes"),
        text="Zebras have\r\nstripes.\0",
        start=7,
        end=99,
        runs=((0, 7), (12, 40)),
    )
    _write(index, zebra, passage("a.md", "Lions roar."))
    assert [hit.passage for hit in index.search({"zebra": 1.0}, 8)] == [zebra]
    assert [hit.passage.source for hit in index.search({"lion": 1.0, "zebra": 1.0}, 8)] != []
    assert index.search({"tiger": 1.0}, 8) == []
    assert index.passages("b/zoo.html") == [zebra]


def ranks_by_bm25(open_index: OpenIndex) -> None:
    """Rare terms, frequent mentions, headings and weights raise a passage; every hit carries its lexical score."""
    index = open_index()
    filler = [passage(f"{number}.md", f"The common word, and number {number}.") for number in range(10)]
    _write(
        index,
        *filler,
        passage("once.md", "A zebra and much else that has to do with other things and common matters."),
        passage("often.md", "Zebra, zebra, zebra and zebra."),
        passage("head.md", "It has stripes.", headings=("Zebra",)),
    )
    hits = index.search({"zebra": 1.0, "common": 1.0}, 20)
    sources = [hit.passage.source for hit in hits]
    assert set(sources[:3]) == {"often.md", "head.md", "once.md"}
    assert sources.index("often.md") < sources.index("0.md")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.legs == {"lexical": hit.score} for hit in hits)
    assert index.search({"common": 1.0, "zebra": 0.001}, 1)[0].passage.source != "head.md"


def returns_no_more_than_asked(open_index: OpenIndex) -> None:
    """The limit holds, and nothing is found with no terms, no limit or no passages."""
    index = open_index()
    assert index.search({"zebra": 1.0}, 8) == []
    _write(index, *(passage(f"{number}.md", "zebra") for number in range(5)))
    assert len(index.search({"zebra": 1.0}, 3)) == 3
    assert len(index.search({"zebra": 1.0}, 100)) == 5
    assert index.search({"zebra": 1.0}, 0) == []
    assert index.search({}, 8) == []


def shows_each_audience_its_own(open_index: OpenIndex) -> None:
    """Nobody finds what is meant for groups that they are not in; who may see a passage gets its same score."""
    index = open_index()
    meant = {"all.md": (), "staff.md": ("staff",), "both.md": ("staff", "board"), "star.md": ("*",), "none.md": ("",)}
    _write(index, *(passage(source, "A zebra.", audience=audience) for source, audience in meant.items()))
    scores = {hit.passage.source: hit.score for hit in index.search({"zebra": 1.0}, 9, frozenset(("staff", "*", "")))}
    assert scores.keys() == meant.keys()
    for groups in ((), ("board",), ("staff",), ("*",), ("",), ("=staff",), ("STAFF",)):
        hits = index.search({"zebra": 1.0}, 9, frozenset(groups))
        seen = {source for source, audience in meant.items() if not audience or set(audience) & set(groups)}
        assert {hit.passage.source: hit.score for hit in hits} == {source: scores[source] for source in seen}


def counts_exactly(open_index: OpenIndex) -> None:
    """Statistics count passages, not mentions or sources, and forget what was removed."""
    index = open_index()
    one, two = passage("a.md", "zebra zebra lion"), passage("a.md", "a zebra again", title="Lion", start=50)
    _write(index, one, two, passage("b.md", "A lion."))
    assert index.statistics.passage_count == 3
    assert [index.statistics.document_frequency(stem) for stem in ("zebra", "lion", "tiger")] == [2, 3, 0]
    index.write([("b.md", "2", [passage("b.md", "A tiger.")]), ("empty.md", "1", [])], ["a.md"])
    assert index.statistics.passage_count == 1
    assert [index.statistics.document_frequency(stem) for stem in ("zebra", "lion", "tiger")] == [0, 0, 1]


def removes_without_a_trace(open_index: OpenIndex) -> None:
    """A removed or replaced source is found by no term it had, in this reader and in new ones."""
    index = open_index()
    old = passage("old.md", "Zebras and pelicans.")
    _write(index, old, passage("kept.md", "Zebras."))
    index.write([("kept.md", "2", [passage("kept.md", "Pelicans only.")])], ["old.md", "never-there.md"])
    for reader in (index, open_index()):
        assert reader.search({"zebra": 1.0}, 8) == []
        assert [hit.passage.source for hit in reader.search({"pelican": 1.0}, 8)] == ["kept.md"]
        assert reader.passages("old.md") == []
        assert reader.sources() == {"kept.md": "2"}


def keeps_fingerprints(open_index: OpenIndex) -> None:
    """Every source has the fingerprint of its last write, also one without passages."""
    index = open_index()
    index.write([("empty.md", "e1", []), ("a.md", "a1", [passage("a.md", "zebra")])], [])
    index.write([("a.md", "a2", [passage("a.md", "zebra"), passage("a.md", "lion", start=9)])], [])
    assert index.sources() == {"empty.md": "e1", "a.md": "a2"}
    assert index.passages("empty.md") == []
    assert index.passages("unknown.md") == []
    assert [found.text for found in index.passages("a.md")] == ["zebra", "lion"]


def opens_again_as_it_was(open_index: OpenIndex) -> None:
    """What was committed is there for the next one who opens the index, with the same scores."""
    index = open_index()
    _write(index, passage("a.md", "A zebra and a lion."), passage("b.md", "Zebra."))
    again = open_index()
    assert again.search({"zebra": 1.0}, 8) == index.search({"zebra": 1.0}, 8)
    assert again.sources() == index.sources()
    assert again.statistics.passage_count == 2


def shows_a_commit_only_after_refresh(open_index: OpenIndex) -> None:
    """A reader stays on its commit until it refreshes, and is told whether there was a newer one."""
    writer, reader = open_index(), open_index()
    assert not reader.refresh()
    _write(writer, passage("a.md", "zebra"))
    assert reader.search({"zebra": 1.0}, 8) == []
    assert reader.statistics.passage_count == 0
    assert reader.refresh()
    assert not reader.refresh()
    assert [hit.passage.source for hit in reader.search({"zebra": 1.0}, 8)] == ["a.md"]
    assert not writer.refresh()


def commits_all_or_nothing(open_index: OpenIndex) -> None:
    """When a write breaks off, nothing of it is there, and the next one works."""
    index = open_index()
    _write(index, passage("kept.md", "zebra"))

    def broken() -> Iterator[tuple[str, str, Sequence[Passage]]]:
        yield "new.md", "1", [passage("new.md", "lion")]
        raise KeyboardInterrupt

    interrupted = False
    try:
        index.write(broken(), ["kept.md"])
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
    for reader in (index, open_index()):
        assert reader.sources() == {"kept.md": "1"}
        assert reader.search({"lion": 1.0}, 8) == []
    _write(index, passage("new.md", "lion"))
    assert set(open_index().sources()) == {"kept.md", "new.md"}


def finds_words_of_any_script(open_index: OpenIndex) -> None:
    """A word is found under the stem that `stems` gives it, whatever its script or length."""
    index = open_index()
    said = ("Größe", "naïveté", "привет", "日本語の文書", "ﷺ", "C3PO", "don't", "x" * 300, "١٢٣")
    _write(index, *(passage(f"{number}.md", word) for number, word in enumerate(said)))
    for number, word in enumerate(said):
        (stem,) = stems(word)
        assert [hit.passage.source for hit in index.search({stem: 1.0}, 8)] == [f"{number}.md"]
        assert index.statistics.document_frequency(stem) == 1


def takes_no_term_for_syntax(open_index: OpenIndex) -> None:
    """Text that looks like a query is a term like any other: it finds nothing here and breaks nothing."""
    index = open_index()
    _write(index, passage("a.md", "A zebra and a lion."))
    for term in HOSTILE:
        assert index.search({term: 1.0}, 8) == []
        assert index.statistics.document_frequency(term) == 0
    found = index.search({**dict.fromkeys(HOSTILE, 1.0), "zebra": 1.0}, 8)
    assert [hit.passage.source for hit in found] == ["a.md"]


def takes_names_as_they_are(open_index: OpenIndex) -> None:
    """A source's name is no pattern: only the one that is named is replaced or removed."""
    index = open_index()
    names = ("a b.md", "a.md", "a", "A.md", "ä/ö ü.md", "*", "a.md.md", "x" * 3000)
    _write(index, *(passage(name, "zebra") for name in names))
    index.write([], ["*", "a.md"])
    assert set(index.sources()) == set(names) - {"*", "a.md"}
    assert len(index.search({"zebra": 1.0}, 20)) == len(names) - 2


def _write(index: PassageIndex, *passages: Passage) -> None:
    sources = dict.fromkeys(found.source for found in passages)
    index.write([(name, "1", [found for found in passages if found.source == name]) for name in sources], [])


CHECKS: tuple[Callable[[OpenIndex], None], ...] = (
    finds_what_was_written,
    ranks_by_bm25,
    returns_no_more_than_asked,
    shows_each_audience_its_own,
    counts_exactly,
    removes_without_a_trace,
    keeps_fingerprints,
    opens_again_as_it_was,
    shows_a_commit_only_after_refresh,
    commits_all_or_nothing,
    finds_words_of_any_script,
    takes_no_term_for_syntax,
    takes_names_as_they_are,
)
