"""Questions that ask for a yes or a no, and the quotes that decide them."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.answer.quotes.comparison import compare, comparison
from shipmate.answer.quotes.yes_no import Evidence, claim, decide

EQUAL: dict[str, float] = defaultdict(lambda: 1.0)


def decided(question: str, quote: str, *, below: str = "") -> bool | None:
    asked = claim(question)
    if asked is None:
        return None
    return decide(asked, Evidence(quote=quote, above=frozenset(below.split()), answers=bool(below)))


def compared(question: str, quotes: list[str]) -> bool | None:
    asked = comparison(question)
    decision = compare(asked, quotes, EQUAL) if asked else None
    return decision[0] if decision else None


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Is the pool open on Sundays?", "The pool is open on Sundays from 9 to 12."),
        ("Can I cancel my order?", "You can cancel your order within 14 days."),
        ("Do I need a visa for Norway?", "You need a visa for Norway."),
        ("Does the trial include backups?", "The trial includes backups."),
        ("Is there a free plan?", "There is a free plan."),
        ("Will my data be deleted?", "Your data will be deleted."),
        ("Has the bug been fixed?", "The bug has been fixed."),
        ("So I can share the account?", "You can share the account."),
        ("Dogs are not allowed, right?", "Dogs are not allowed."),
        ("Can I use it without a key?", "You can use it without a key."),
    ],
)
def test_a_quote_that_says_the_same_affirms(question: str, quote: str) -> None:
    assert decided(question, quote) is True


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Is the pool open on Sundays?", "The pool is not open on Sundays."),
        ("Can I cancel my order?", "You can't cancel your order once it is sent."),
        ("Does the trial include backups?", "The trial does not include backups."),
        ("Is there a free plan?", "There is no free plan."),
        ("Is support included?", "Support is not included, but training is."),
        ("Is Redis required?", "Redis is optional."),
        ("Are dogs allowed?", "Dogs are forbidden."),
        ("I heard that dogs are forbidden.", "Dogs are allowed."),
        ("Dogs are not allowed, right?", "Dogs are allowed."),
        ("It is not possible to sort the table, correct?", "You can sort the table by name."),
    ],
)
def test_a_quote_that_says_the_opposite_denies(question: str, quote: str) -> None:
    assert decided(question, quote) is False


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Is the pool open on Sundays?", "The pool is open on weekdays."),
        ("Is the pool open on Sundays?", "If the pool is open on Sundays, you can swim."),
        ("Is the pool open on Sundays?", "The pool is only open on Sundays in summer."),
        ("Can I cancel my order after 30 days?", "You can cancel your order within 14 days."),
        ("Do I need a visa for Norway?", "A visa for Norway can be ordered online."),
        ("Does the trial include backups?", "The trial includes everything but backups."),
        ("Does the trial include backups?", "No plan but the trial includes backups."),
        ("Is support included?", "Training is not included, but support is."),
        ("Is there a free plan?", "Ask about a free plan."),
        ("Did the server crash yesterday?", "The server can crash."),
        ("Is the file encrypted?", "Whether the file is encrypted depends on the plan."),
        ("Can admins delete users?", "Users can delete admins."),
        ("Can admins delete users?", "Admins can create users and delete projects."),
        ("Is the office open at night?", "The office is not far; it is open at night."),
        ("Is there life beyond Earth?", "The probe could help our search for life beyond Earth."),
    ],
)
def test_other_quotes_leave_it_open(question: str, quote: str) -> None:
    assert decided(question, quote) is None


@pytest.mark.parametrize(
    "question",
    [
        "What is the fee?",
        "Is it free or paid?",
        "Can you tell me about dogs?",
        "Is the sky blue? Are dogs allowed?",
        "dogs",
        "",
    ],
)
def test_other_questions_claim_nothing(question: str) -> None:
    assert claim(question) is None


def test_a_yes_below_the_same_question_decides() -> None:
    assert decided("Can I park at the harbour?", "Yes, behind the red house.", below="park harbour") is True
    assert decided("Can I park at the harbour?", "No.", below="park harbour") is False
    assert decided("Can I park at the harbour?", "Yes, behind the red house.", below="moor boat") is None


def test_a_bare_yes_is_never_said_to_a_statement() -> None:
    stated, asked = claim("Dogs are not allowed, right?"), claim("Are dogs allowed?")
    assert stated is not None
    assert asked is not None
    assert (stated.reply(holds=True), stated.reply(holds=False)) == ("Yes, that is so.", "No, that is not so.")
    assert (asked.reply(holds=True), asked.reply(holds=False)) == ("Yes.", "No.")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_read(question: str, quote: str) -> None:
    assert decided(question, quote) in {True, False, None}
    assert compared(question, [quote]) in {True, False, None}


@pytest.mark.parametrize(
    ("question", "quotes", "holds"),
    [
        ("Are Lund and Skarholm both harbours?", ["Lund is a harbour.", "Skarholm is a small harbour."], True),
        (
            "Are both Ada Lund and Bo Ek Norwegian pilots?",
            ["Ada Lund is a Norwegian pilot. Bo Ek is a Danish pilot."],
            False,
        ),
        ("Are Lund and Skarholm both harbours?", ["Lund is a harbour. Skarholm is an island."], None),
        ("Are Lund and Skarholm both harbours?", ["Lund is a harbour."], None),
        ("Were Lund and Skarholm founded in the same year?", ["Lund: 1867.", "Skarholm began in 1902."], False),
        ("Were Lund and Skarholm founded in the same year?", ["Lund began in 1902.", "Skarholm, too, in 1902."], True),
        ("Do Ada Lund and Bo Ek have the same nationality?", ["Ada Lund is a Danish pilot.", "Bo Ek is Danish."], None),
        ("Are Perca and Esox in the same family?", ["Perca: family Percidae.", "Esox: family Esocidae."], False),
    ],
)
def test_what_is_asked_of_two_is_decided_by_what_is_said_of_each(
    question: str, quotes: list[str], *, holds: bool | None
) -> None:
    assert comparison(question) is not None
    assert compared(question, quotes) is holds
