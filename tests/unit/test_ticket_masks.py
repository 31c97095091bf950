"""What is masked in tickets, and what is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.tickets.masks import MASK, mask


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("write to ann.lee+x@mail.example.org please", "write to [email address] please"),
        ("call +49 (151) 234-56789 at noon", "call [phone number] at noon"),
        ("call 0151/23456789", "call [phone number]"),
        ("card 4111 1111 1111 1111 was declined", "card [card number] was declined"),
        ("pay to DE89 3704 0044 0532 0130 00 today", "pay to [account number] today"),
        ("where is ORD-448291?", "where is [number]?"),
        ("order 7731 is late", "order [number] is late"),
        ("see #88213", "see [number]"),
        ("my password is hunter2!, help", "my password is [secret], help"),
        ("My name is Ann Lee and I wait", "My name is [name] and I wait"),
        ("open https://shop.example/reset?token=abc now", "open https://shop.example/reset now"),
    ],
)
def test_what_is_private_is_masked(written: str, masked: str) -> None:
    assert mask(written) == masked


@pytest.mark.parametrize(
    "written",
    [
        "since 2026-11-02 at 10:30 it fails",
        "error 10060 on port 8080",
        "version 3.11.4 is out",
        "it costs 250 euros for 12 people",
        "my password is wrong",
        "I am here since Monday",
    ],
)
def test_what_is_needed_to_understand_a_ticket_stays(written: str) -> None:
    assert mask(written) == written


def test_the_names_in_a_rows_columns_are_masked_in_its_texts() -> None:
    assert mask("Ann cannot log in, says ann lee. Call Mr Lee.", ["Ann Lee"]) == (
        "[name] cannot log in, says [name]. Call Mr [name]."
    )
    assert mask("The support team may help", ["Support Team", "May"]) == "The support team may help"


@given(st.text(max_size=300), st.lists(st.text(max_size=30), max_size=3))
def test_no_address_is_left_in_any_text_and_masking_ends(text: str, people: list[str]) -> None:
    assert "ann@mail.example" not in mask(f"{text} ann@mail.example {text}", people)


@given(st.from_regex(r"\+[1-9][0-9]{1,2} [0-9]{3} [0-9]{5,6}", fullmatch=True))
def test_every_international_number_is_masked(number: str) -> None:
    assert MASK.fullmatch(mask(number))
