"""Memory recalls what is resolved, allowed, still true and not too old, and nothing else."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.memory.favour import favoured
from shipmate.memory.recall import DAY_S, EPISODES, Memory
from shipmate.memory.resolved import QUIET_S
from shipmate.messages import Citation, Hit, Passage, Recalled
from shipmate.testing.clock import TickingClock
from shipmate.testing.conformance.episodes import thread, turn
from shipmate.testing.memory_index import MemoryIndex
from shipmate.testing.memory_store import MemoryStore

TEXTS = {
    "roses.md": "Roses are pruned in March, before the buds open.",
    "tulips.md": "Tulip bulbs are planted in October.",
    "wages.md": "Wages of gardeners are paid on the fifth day.",
}
NOBODY: frozenset[str] = frozenset()
STAFF = frozenset({"staff"})
TELLING: Mapping[str, float] = defaultdict(lambda: 1.0)


def passage(source: str, audience: tuple[str, ...] = ()) -> Passage:
    text = TEXTS[source]
    return Passage(source=source, title=source, text=text, start=0, end=len(text), audience=audience)


def cited(source: str) -> Citation:
    text = TEXTS[source]
    return Citation(source=source, title=source, quote=text[:-1], start=0, end=len(text) - 1)


class House:
    """A store, an index and a memory, on one clock."""

    def __init__(self, groups: Mapping[str, frozenset[str]] | None = None, *, days: int = 90) -> None:
        self.clock = TickingClock()
        self.store = MemoryStore()
        self.index = MemoryIndex()
        self.turns = 0
        self.memory = Memory(self.store, self.clock, lambda caller: (groups or {}).get(caller, NOBODY), days=days)
        self.ingest(**dict.fromkeys(("roses", "tulips", "wages"), ()))

    def ingest(self, **audiences: tuple[str, ...]) -> None:
        sources = [(f"{name}.md", audience) for name, audience in audiences.items()]
        self.index.write([(name, str(audience), [passage(name, audience)]) for name, audience in sources], [])
        self.index.refresh()

    async def say(
        self, question: str, *sources: str, place: str = "", caller: str = "ada", issue_id: str = "", consent: str = "k"
    ) -> str:
        """Let a caller ask and be answered; return the conversation."""
        self.turns += 1
        place = place or f"c{self.turns}"
        conversation = thread(
            place, caller=caller, at=self.clock.now(), issue_id=issue_id or f"i{self.turns:09}", consent_id=consent
        )
        reply = " ".join(TEXTS[source] for source in sources)
        await self.store.close_turn(
            turn(f"t{self.turns}", conversation, question, reply, [cited(source) for source in sources])
        )
        return place

    async def rest(self, seconds: float = QUIET_S + 1) -> None:
        self.clock.at += seconds
        await self.memory.refresh([self.index])

    def recall(self, question: str, groups: frozenset[str] = NOBODY, conversation_id: str = "") -> list[str]:
        return [own.exchange.text for own in self.memory.recall(question, conversation_id, groups, TELLING)]


async def test_a_resolved_exchange_is_recalled_to_somebody_else_who_asks_the_like() -> None:
    house = House()
    await house.say("When are roses pruned?", "roses.md")
    await house.say("When are tulips planted?", "tulips.md", caller="bob")
    await house.rest()
    assert house.recall("In which month should roses be pruned?") == ["When are roses pruned?"]
    assert house.recall("Who mends the roof?") == []
    assert house.recall("what about it") == []


async def test_nothing_is_recalled_before_it_has_come_to_rest() -> None:
    house = House()
    await house.say("When are roses pruned?", "roses.md")
    await house.rest(QUIET_S - 60)
    assert house.recall("roses pruned") == []
    await house.rest(61)
    assert house.recall("roses pruned") == ["When are roses pruned?"]


async def test_nothing_is_recalled_without_consent_or_after_it_was_withdrawn() -> None:
    house = House()
    await house.say("When are roses pruned?", "roses.md", consent="")
    place = await house.say("How are roses pruned?", "roses.md")
    await house.rest()
    assert house.recall("roses pruned") == ["How are roses pruned?"]
    await house.say("Thanks", place=place, consent="")
    await house.rest(31)
    assert house.recall("roses pruned") == []


async def test_what_is_too_old_is_let_go_and_zero_days_recall_nothing() -> None:
    house, off = House(days=2), House(days=0)
    for one in (house, off):
        await one.say("When are roses pruned?", "roses.md")
        await one.rest()
    assert house.recall("roses pruned")
    assert off.recall("roses pruned") == []
    await house.rest(2 * DAY_S)
    assert house.recall("roses pruned") == []


async def test_a_conversation_does_not_recall_itself() -> None:
    house = House()
    place = await house.say("When are roses pruned?", "roses.md")
    await house.rest()
    assert house.recall("roses pruned", conversation_id=place) == []


async def test_who_asks_again_in_another_conversation_was_not_helped() -> None:
    house = House()
    await house.say("When are roses pruned?", "roses.md")
    await house.rest(3600)
    assert house.recall("roses pruned") == ["When are roses pruned?"]
    await house.say("When should the roses be pruned?", "roses.md")
    await house.rest()
    assert house.recall("roses pruned") == ["When should the roses be pruned?"]


class Interrupted(MemoryIndex):
    """An index in whose reading something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None

    def passages(self, source: str) -> list[Passage]:
        found = super().passages(source)
        self.meanwhile()
        return found


async def test_what_is_blocked_while_the_memory_reads_it_is_not_recalled() -> None:
    house = House()
    house.index = Interrupted()
    house.ingest(roses=())
    await house.say("When are roses pruned?", "roses.md")
    blocked = MemoryIndex()
    house.index.meanwhile = lambda: house.memory.follow([blocked])
    await house.rest()
    assert house.recall("roses pruned") == []
    await house.memory.refresh([blocked])
    assert house.recall("roses pruned") == []


async def test_what_was_cited_must_still_stand() -> None:
    """A document that is removed, changed or meant for others now takes along what was said of it, at once."""
    house = House()
    await house.say("When are roses pruned?", "roses.md")
    await house.say("When are tulips planted?", "tulips.md")
    await house.rest()
    house.index.write([], ["roses.md"])
    house.index.refresh()
    house.memory.follow([house.index])
    assert house.recall("roses pruned, tulips planted") == ["When are tulips planted?"]
    house.ingest(tulips=("staff",))
    house.memory.follow([house.index])
    assert house.recall("tulips planted") == []
    await house.rest(1)
    assert house.recall("tulips planted") == []
    assert house.recall("tulips planted", STAFF) == ["When are tulips planted?"]
    house.ingest(tulips=(), roses=())
    await house.rest(1)
    assert len(house.recall("roses pruned, tulips planted")) == 2


async def test_a_conversation_that_cited_what_others_may_not_see_never_reaches_them() -> None:
    """Not even another of its episodes, which cites what everybody sees."""
    house = House({"ada": STAFF})
    house.ingest(wages=("staff",))
    await house.say("When are wages paid?", "wages.md", place="c", issue_id="a")
    await house.say("When are roses pruned?", "roses.md", place="c", issue_id="b")
    await house.rest()
    assert house.recall("roses pruned, wages paid") == []
    assert len(house.recall("roses pruned, wages paid", STAFF)) == 2


async def test_nobody_hears_the_words_of_somebody_who_may_see_more() -> None:
    """What staff asks is recalled to staff alone, also where it cites what is public."""
    house = House({"ada": STAFF})
    await house.say("When are the roses of project falcon pruned?", "roses.md")
    await house.rest()
    assert house.recall("roses pruned") == []
    assert house.recall("roses pruned", STAFF | {"board"}) == ["When are the roses of project falcon pruned?"]


async def test_who_was_forgotten_is_recalled_no_more_within_a_second() -> None:
    house = House()
    place = await house.say("When are roses pruned?", "roses.md")
    await house.say("How are roses pruned?", "roses.md", caller="bob")
    await house.rest()
    await house.store.erase("bob")
    await house.rest(1)
    assert house.recall("roses pruned") == ["When are roses pruned?"]
    await house.store.erase(place)
    await house.rest(1)
    assert house.recall("roses pruned") == []


async def test_the_newest_are_kept_when_there_are_too_many() -> None:
    house = House()
    for number in range(EPISODES + 5):
        house.clock.at += 1
        await house.say(f"When is rose{number} pruned?", "roses.md", caller=f"caller{number}")
    await house.rest()
    assert house.recall("rose4 pruned") != ["When is rose4 pruned?"]
    assert house.recall(f"rose{EPISODES + 4}")[0] == f"When is rose{EPISODES + 4} pruned?"


SAYINGS = st.tuples(
    st.sampled_from(["When are roses pruned?", "When are tulips planted?", "How are wages and roses paid?"]),
    st.lists(st.sampled_from(sorted(TEXTS)), min_size=1, max_size=2, unique=True),
    st.sampled_from(["ada", "bob", "eve"]),
    st.integers(0, 4),
)
GROUPS = st.frozensets(st.sampled_from(["staff", "board"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SAYINGS, max_size=8),
    st.fixed_dictionaries(
        {name: GROUPS.map(lambda groups: tuple(sorted(groups))) for name in ("roses", "tulips", "wages")}
    ),
    st.fixed_dictionaries(dict.fromkeys(("ada", "bob", "eve"), GROUPS)),
    GROUPS,
    st.sampled_from(["", "ada", "bob"]),
)
def test_a_caller_recalls_exactly_what_there_would_be_without_the_rest(
    sayings: list[tuple[str, list[str], str, int]],
    audiences: dict[str, tuple[str, ...]],
    groups: dict[str, frozenset[str]],
    own: frozenset[str],
    forgotten: str,
) -> None:
    """Over any audiences and groups: the same exchanges and likenesses, to the last bit, as in a house in which what
    the caller may not see, and whoever was forgotten, never was.
    """

    def conversations() -> dict[str, list[tuple[str, list[str], str, int]]]:
        by_place: dict[str, list[tuple[str, list[str], str, int]]] = {}
        for saying in sayings:
            by_place.setdefault(f"{saying[2]}-{saying[3]}", []).append(saying)
        return by_place

    def is_for(place: Sequence[tuple[str, list[str], str, int]]) -> bool:
        sources = {source.removesuffix(".md") for _, cites, _, _ in place for source in cites}
        return groups[place[0][2]] <= own and all(
            not audiences[source] or own.intersection(audiences[source]) for source in sources
        )

    async def recalled(*, all_of_them: bool) -> list[tuple[Recalled, ...]]:
        house = House(groups)
        house.ingest(**audiences)
        shown = {name for name, place in conversations().items() if is_for(place) and place[0][2] != forgotten}
        for question, cites, caller, number in sayings:
            house.clock.at += 80 * 3600
            if all_of_them or f"{caller}-{number}" in shown:
                await house.say(question, *cites, caller=caller, place=f"{caller}-{number}")
        await house.rest()
        if all_of_them and forgotten:
            await house.store.erase(forgotten)
            await house.rest(1)
        questions = ("When are roses pruned?", "tulips planted when", "wages")
        return [house.memory.recall(question, "", own, TELLING) for question in questions]

    assert asyncio.run(recalled(all_of_them=True)) == asyncio.run(recalled(all_of_them=False))


async def recalled_tulips() -> tuple[Recalled, ...]:
    house = House()
    await house.say("When are tulips planted?", "tulips.md")
    await house.rest()
    return house.memory.recall("When should tulips be planted?", "", NOBODY, TELLING)


def hit(source: str, score: float) -> Hit:
    return Hit(passage=passage(source), score=score)


def order(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.source for hit in hits]


async def test_a_passage_that_was_cited_where_nearly_the_same_was_asked_gains_a_little() -> None:
    recalled = await recalled_tulips()
    better = favoured([hit("roses.md", 1.0), hit("tulips.md", 0.9)], recalled)
    assert order(better) == ["tulips.md", "roses.md"]
    assert better[0].legs["recalled"] == recalled[0].likeness
    assert order(favoured([hit("roses.md", 1.0), hit("tulips.md", 0.5)], recalled)) == ["roses.md", "tulips.md"]


async def test_a_passage_that_the_search_did_not_find_is_added_as_if_found_last() -> None:
    recalled = await recalled_tulips()
    more = favoured([hit("roses.md", 1.0), hit("wages.md", 0.4)], recalled)
    assert order(more) == ["roses.md", "tulips.md", "wages.md"]
    assert favoured([], recalled) == []


async def test_what_was_asked_must_be_nearly_the_same() -> None:
    (recalled,) = await recalled_tulips()
    hits = [hit("roses.md", 1.0), hit("tulips.md", 0.9)]
    assert favoured(hits, [msgspec.structs.replace(recalled, likeness=0.44)]) is hits
    assert favoured(hits, ()) is hits


async def test_in_an_index_that_hides_a_passage_nothing_that_cites_it_is_recalled() -> None:
    """As when a passage is blocked: the documents are the same, and the index shows less of them."""

    class Hiding(MemoryIndex):
        def passages(self, source: str) -> list[Passage]:
            return [] if source == "tulips.md" else super().passages(source)

    house = House()
    await house.say("When are tulips planted?", "tulips.md")
    await house.say("When are roses pruned?", "roses.md")
    await house.rest()
    assert len(house.recall("tulips planted, roses pruned")) == 2
    shown, house.index = house.index, Hiding()
    house.ingest(**dict.fromkeys(("roses", "tulips", "wages"), ()))
    house.memory.follow([house.index])
    assert house.recall("tulips planted, roses pruned") == []
    await house.rest(1)
    assert house.recall("tulips planted, roses pruned") == ["When are roses pruned?"]
    house.index = shown
    await house.rest(1)
    assert len(house.recall("tulips planted, roses pruned")) == 2
