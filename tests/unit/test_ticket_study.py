"""Tickets become intents, examples and answers."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tickets import mutual_information, purity
from shipmate import starting
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.charter import Charter
from shipmate.config import FaqFile
from shipmate.errors import UsageError
from shipmate.knowledge.front_matter import front_matter
from shipmate.shape import fit
from shipmate.testing.clock import TickingClock
from shipmate.tickets.clusters import find_clusters
from shipmate.tickets.columns import Columns
from shipmate.tickets.draft import draft
from shipmate.tickets.export import Export, Ticket
from shipmate.tickets.seeds import Seed
from shipmate.tickets.space import unit
from shipmate.tickets.study import Intent, Study, study
from shipmate.yaml_source import parse

CLOCK = TickingClock(1_790_000_000.0)
THINGS = {
    "laptop charger": "The help desk lends chargers until yours is mended.",
    "door badge": "Reception prints another badge while you wait.",
    "desk phone": "Plug the phone into the left socket and wait.",
    "parking permit": "The permit is renewed at the gate with your plate.",
    "coffee machine": "Facilities mends the machine on the same day.",
    "meeting screen": "Press the black button below the screen twice.",
    "monitor stand": "Take a stand from the shelf in room 12.",
    "printer cartridge": "Cartridges lie in the cupboard beside the printer.",
    "expense form": "Send the form again from the finance portal.",
    "locker key": "Security opens the locker and cuts another key.",
}
ASKED = (
    "How do I get a new {}?",
    "My {} is broken",
    "I lost my {} yesterday",
    "Please replace the {}",
    "Who repairs a {}?",
    "The {} does not work any more",
)


def tickets(asked: tuple[str, ...] = ASKED, *, times: int = 1) -> list[Ticket]:
    made = [
        (question.format(thing), answer) for thing, answer in THINGS.items() for question in asked for _ in range(times)
    ]
    return [
        Ticket(line=line, question=question, gist=question, answer=answer, people=())
        for line, (question, answer) in enumerate(made, 2)
    ]


def export(of: list[Ticket]) -> Export:
    return Export(
        file="tickets.csv",
        columns=Columns(question="Subject", answer="Answer"),
        tickets=tuple(of),
        rows=len(of),
        empty=0,
        small_talk=0,
        first_created="",
        last_created="",
        is_cut=False,
    )


async def studied(of: list[Ticket]) -> Study:
    return await study(export(of), StaticEmbedder(), lambda _done, _total: None)


async def test_what_is_asked_for_in_many_words_becomes_one_intent_with_its_answer() -> None:
    found = await studied(tickets())
    assert len(found.intents) == len(THINGS)
    for intent in found.intents:
        (thing,) = (thing for thing in THINGS if thing.split()[0] in intent.name or thing.split()[1] in intent.name)
        assert all(thing in example for example in intent.examples)
        assert 5 <= len(intent.examples) <= 10
        assert {seed.answer for seed in intent.seeds} == {THINGS[thing]}


async def test_the_same_tickets_give_the_same_study() -> None:
    assert await studied(tickets()) == await studied(tickets())


async def test_a_question_that_came_often_counts_every_ticket_and_is_an_example_once() -> None:
    found = await studied(tickets(times=7))
    assert sum(intent.count for intent in found.intents) + found.other == 7 * len(THINGS) * len(ASKED)
    for intent in found.intents:
        assert len({example.casefold() for example in intent.examples}) == len(intent.examples)


async def test_what_is_unlike_all_intents_is_set_aside() -> None:
    strange = Ticket(line=1, question="Zebras graze at dawn", gist="Zebras graze at dawn", answer="", people=())
    found = await studied([*tickets(), strange])
    assert found.other >= 1
    assert not any("Zebras" in example for intent in found.intents for example in intent.examples)


async def test_too_few_questions_are_refused_with_their_number() -> None:
    with pytest.raises(UsageError, match="There are 20 different questions"):
        await studied(tickets(ASKED[:2], times=3))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(8, 12))
def test_groups_far_from_each_other_are_found_whatever_the_seed(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    centres = np.eye(16, dtype=np.float32)[:count]
    true = np.repeat(np.arange(count), 12)
    rows = unit(centres[true] + 0.05 * random.standard_normal((len(true), 16), np.float32))
    found = find_clusters(rows, range(8, 13), (14, 16), 5, seed)
    assert mutual_information(list(found.labels), list(true)) == pytest.approx(1.0)


words = st.text(min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["no", "null", "12", "1e3", "a_b", "x"]), words, words), max_size=4))
def test_whatever_tickets_say_the_drafts_are_read_back_word_for_word(said: list[tuple[str, str, str]]) -> None:
    readable = [(name, question.strip(), answer.strip()) for name, question, answer in said]
    readable = [row for row in readable if all(part.isprintable() and part for part in row)]
    intents = tuple(
        Intent(
            name=name,
            count=1,
            examples=(question,),
            seeds=(Seed(questions=(question,), answer=answer, count=1, line=2),),
        )
        for name, question, answer in readable
    )
    found = Study(intents=intents, further={}, other=0)
    drafted = draft(found, export([]), starting.starter(Path("desk"), CLOCK))
    source = parse("charter.yml", drafted.files["charter.yml"].encode())
    assert not source.problems
    charter = fit(source, Charter, source.data)
    assert [(intent.id, intent.examples) for intent in charter.intents] == [(n, (q,)) for n, q, _ in readable]
    source = parse("faq.yml", drafted.files["faq.yml"].encode())
    faq = fit(source, FaqFile, source.data).faq[-len(readable) :] if readable else ()
    assert [(entry.questions, entry.answer) for entry in faq] == [((q,), a) for _, q, a in readable]
    for name, text in drafted.files.items():
        if name.startswith("knowledge/"):
            assert front_matter(text).flaw is None
    for ask in drafted.asks:
        assert ask.line <= drafted.files[ask.file].count("\n")


def test_mutual_information_and_purity_are_those_of_a_small_table() -> None:
    assert mutual_information("aabb", "xxyy") == pytest.approx(1.0)
    assert mutual_information("abab", "xxyy") == pytest.approx(0.0)
    assert purity("aaab", "xxyy") == pytest.approx(0.75)


def test_shuffled_rows_change_no_measure() -> None:
    pairs = [("a", "x"), ("a", "y"), ("b", "y"), ("b", "y"), ("c", "z")]
    mixed = random.Random(1).sample(pairs, len(pairs))
    assert mutual_information(*zip(*pairs, strict=True)) == pytest.approx(mutual_information(*zip(*mixed, strict=True)))
