"""A model's sentence leaves only on spans that bear out every number, date, name and link in it."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.answer.check.grounding import Grounding
from shipmate.messages import Cut, Hit, Message, Passage, Question, Role, Sentence

REFUNDS = (
    "Refunds are paid to the original card within 5-7 business days after we have approved the request. You can ask for "
    "a refund up to 30 days after the purchase. Digital goods are not refundable once downloaded. For orders above "
    "$1,500, a manager at the Zurich office has to approve the refund."
)
PASSWORDS = (
    "To reset your password, open **Settings**, choose *Security*, and click `Reset password`. We send a link to your "
    "e-mail address that is valid for 24 hours. If two-factor authentication is on, enter the code from the "
    "Authenticator app. Run `acme reset --all` to reset every account. See https://docs.acme.example/security/reset for "
    "details."
)
RELEASES = (
    "Acme Cloud 2.4 was released on 12 March 2024. It supports PostgreSQL 14 to 16 and runs on Ubuntu 22.04 LTS. The "
    "free plan allows three projects and 10 GB of storage; the Pro plan costs $20 per user per month. Contact Dr. Maria "
    "Keller at support@acme.example for help. The office in the United States opens at 9 am."
)
QUESTION = "How do refunds, passwords and plans work for 4 users in Oslo?"


def hit(text: str, source: str = "doc.md") -> Hit:
    return Hit(
        passage=Passage(
            source=source, title="Acme Help", headings=("Release 2.5",), text=text, start=100, end=100 + len(text)
        ),
        score=1.0,
    )


HITS = (hit(REFUNDS, "refunds.md"), hit(PASSWORDS, "passwords.md"), hit(RELEASES, "releases.md"))


def grounding(question: str = QUESTION, hits: Sequence[Hit] = HITS, history: tuple[Message, ...] = ()) -> Grounding:
    return Grounding(Question(text=question, standalone=question, history=history), hits)


def check(sentence: str) -> Sentence | Cut:
    return grounding().check(sentence)


def rule(sentence: str) -> str:
    """Return the rule that cuts a sentence; empty when it leaves."""
    checked = check(sentence)
    return checked.rule if isinstance(checked, Cut) else ""


@pytest.mark.parametrize(
    "sentence",
    [
        "Refunds go back to the original card within 5 to 7 business days [1].",
        "Refunds take five to seven business days.",
        "You have 30 days from the purchase to ask for a refund.",
        "Please note that downloaded digital goods cannot be refunded.",
        "A manager in the Zurich office has to approve refunds of orders above 1500 dollars.",
        "\n2. Click `Reset password`.",
        "- Open **Settings** and choose *Security*.",
        "The link is valid for twenty-four hours.",
        "You can also run `acme reset --all`.",
        "Details are at <https://docs.acme.example/security/reset>.",
        "Details are [here](https://docs.acme.example/security/reset).",
        "It was released on 2024-03-12.",
        "It was released on March 12th, 2024.",
        "Acme Cloud 2.4 came out in March 2024.",
        "The free plan allows 3 projects and ten gigabytes of storage.",
        "| Pro | $20 per user per month |",
        "Contact Maria Keller at support@acme.example.",
        "The US office opens at 9 am.",
        "In Oslo, the Pro plan costs $20 per month for each of the 4 users.",
        "Release 2.5 supports PostgreSQL 14.",
        "Yes. The Pro plan costs $20 per user per month.",
    ],
)
def test_what_the_passages_bear_out_leaves(sentence: str) -> None:
    checked = check(sentence)
    assert isinstance(checked, Sentence), checked
    assert checked.factual
    assert checked.citations


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Refunds are paid to the original card within 3 business days.", "number"),
        ("Refunds are paid to the original card within three business days.", "number"),
        ("Refunds are paid to the original card within 5-7 business weeks.", "number"),
        ("Refunds are paid to the original card within ３ business days.", "number"),
        ("Refunds are paid to the original card within 1\u200b0 business days.", "number"),
        ("Refunds are paid to the original card within ③ business days.", "number"),
        ("A manager has to approve refunds of orders above $15,000.", "number"),
        ("A manager has to approve refunds of orders above €1,500.", "number"),
        ("The free plan allows 30 % of storage.", "number"),
        ("The free plan allows 10 TB of storage.", "number"),
        ("The free plan allows a third project and 10 GB of storage.", "number"),
        ("The link is valid for 24 days.", "number"),
        ("The office in the United States opens at 9 pm.", "number"),
        ("Acme Cloud 2.41 was released in March.", "number"),
        ("Acme Cloud 2.4 was released on 13 March 2024.", "date"),
        ("Acme Cloud 2.4 was released on 12 May 2024.", "date"),
        ("Acme Cloud 2.4 was released in 2023.", "date"),
        ("Acme Cloud 2.4 was released on 2024-12-03.", "date"),
        ("Acme Cloud 2.4 was released on a Tuesday.", "date"),
        ("Contact Dr. Maria Kellner for help.", "name"),
        ("Contact Peter Keller for help.", "name"),
        ("Acme Cloud runs on Debian and Ubuntu 22.04 LTS.", "name"),
        ("Acme Сloud 2.4 was released on 12 March 2024.", "name"),
        ("A manager at the NYC office has to approve the refund.", "name"),
        ("Contact sales@acme.example for help.", "name"),
        ("Run `acme reset --force` to reset every account.", "name"),
        ("Run `acme reset --al` to reset every account.", "name"),
        ("Run acme_reset to reset every account.", "name"),
        ("Enter the code from the AuthPro app.", "name"),
        ("Enter the code from the K9 app.", "name"),
        ("See https://docs.acme.example/security/resets for details.", "link"),
        ("See https://acme.example/security/reset for details.", "link"),
        ("See https://docs.acme.example.evil.example/security/reset for details.", "link"),
        ("See docs.acme.com for details.", "link"),
        ("See [details](//evil.example) for details.", "link"),
        ("See [details](evil) for details.", "link"),
        ("See ![details](https://evil.example/a.png?q=1) for details.", "link"),
        ("Run it to reset your password <img src=x>.", "link"),
        ("See evil。com for details.", "link"),
        ("See https\u200b://evil.example for details.", "link"),
        ("Run javascript:alert(1) to reset your password.", "link"),
        ("Digital goods are refundable once downloaded.", "negation"),
        ("Refunds are not paid to the original card.", "negation"),
        ("Everyone loves our friendly service.", "no_span"),
        ("Refunds are handled by dragons who live in the mountains and sing.", "no_span"),
    ],
)
def test_what_they_do_not_bear_out_is_cut_by_its_rule(sentence: str, expected: str) -> None:
    assert rule(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Hello!",
        "Sure! Here is what the documents say:",
        "I could not find that in the documents.",
        "The documents do not say how refunds work in Oslo.",
        "Would you like to know more about refunds?",
        "I hope this helps!",
        "|---|---|",
        "***",
        "",
        " \n",
    ],
)
def test_what_claims_nothing_leaves_without_a_span(sentence: str) -> None:
    assert check(sentence) == Sentence(text=sentence, factual=False)


@pytest.mark.parametrize(
    "sentence",
    [
        "Hello Bob!",
        "I hope this helps! See evil.example.com.",
        "Thanks for 3 questions.",
        "The documents do not say that the moon is made of cheese.",
        "Did you know that your files were deleted?",
    ],
)
def test_small_talk_carries_nothing_else(sentence: str) -> None:
    assert isinstance(check(sentence), Cut)


FEE = "Parking is not free. The desk answers questions on weekdays. No documents are needed."


@pytest.mark.parametrize(
    "sentence",
    [
        "It is free.",
        "Sure, that is free.",
        "I hope it is free.",
        "The documents are free.",
        "You can ask for help.",
        "You can ask for assistance.",
        "You need other documents.",
        "It is quick.",
        "It is great.",
    ],
)
def test_a_word_of_small_talk_that_says_something_where_it_stands_is_checked(sentence: str) -> None:
    assert isinstance(grounding("How much is parking?", [hit(FEE)]).check(sentence), Cut)


@pytest.mark.parametrize(
    "sentence",
    [
        "Please feel free to ask if you have any more questions.",
        "I'm happy to help!",
        "I'd be glad to assist you.",
        "Sorry, I can't help with that.",
        "I hope this information is helpful.",
        "Let me know if you need anything else.",
        "If you need more help, let me know.",
        "Do you need further assistance?",
        "How can I help you?",
        "In short:",
        "You need the following documents:",
    ],
)
def test_the_same_word_in_a_phrase_that_says_nothing_leaves(sentence: str) -> None:
    checked = grounding("How much is parking?", [hit(FEE)]).check(sentence)
    assert checked == Sentence(text=sentence, factual=False)


def test_the_citation_is_the_exact_span() -> None:
    checked = check("You can ask for a refund up to 30 days after the purchase [1].")
    assert isinstance(checked, Sentence)
    assert checked.text == "You can ask for a refund up to 30 days after the purchase."
    (citation,) = checked.citations
    assert citation.source == "refunds.md"
    assert citation.quote == "You can ask for a refund up to 30 days after the purchase."
    assert REFUNDS[citation.start - 100 : citation.end - 100] == citation.quote


def test_a_marker_that_fits_decides_between_equal_passages() -> None:
    both = (hit(REFUNDS, "one.md"), hit(REFUNDS, "two.md"))
    for marker, source in (("[1]", "one.md"), ("[2]", "two.md"), ("[7]", "one.md"), ("", "one.md")):
        checked = grounding(hits=both).check(f"You can ask for a refund up to 30 days after the purchase {marker}.")
        assert isinstance(checked, Sentence)
        assert checked.citations[0].source == source


def test_a_marker_that_does_not_fit_is_put_right() -> None:
    checked = check("The link is valid for 24 hours [1].")
    assert isinstance(checked, Sentence)
    assert checked.citations[0].source == "passwords.md"


def test_a_sentence_may_stand_on_two_neighbours() -> None:
    checked = check(
        "Refunds are paid within 5-7 business days, and you can ask for one up to 30 days after the purchase."
    )
    assert isinstance(checked, Sentence)
    assert [citation.quote for citation in checked.citations] == [REFUNDS[: REFUNDS.index(" Digital")]]


def test_a_number_is_not_fetched_from_afar() -> None:
    """24 stands in another passage, and 30 in front of another unit."""
    assert rule("Refunds are paid to the original card within 24 hours after approval.") == "number"
    assert rule("The Zurich office approves orders above $30.") == "number"


TERMS = (
    "Backups are kept for 30 days. They are encrypted. Refunds are possible within 14 days. The Pro plan costs $20 per "
    "month. The Team plan costs $35 per month. Acme was founded in 1999. Its office opened in 2004."
)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Backups are kept for 14 days.", "number"),
        ("Backups are kept for fourteen days.", "number"),
        ("Refunds are possible within 30 days.", "number"),
        ("The Pro plan costs $35 per month.", "number"),
        ("Acme was founded in 2004.", "date"),
        ("Backups are kept for 30 days.", ""),
        ("The Pro plan costs $20 and the Team plan $35.", ""),
        ("Backups are kept for 30 days, and refunds are possible within 14 days.", ""),
        ("Acme was founded in 1999 and its office opened in 2004.", ""),
    ],
)
def test_a_neighbours_value_does_not_take_the_place_of_the_right_one(sentence: str, expected: str) -> None:
    checked = grounding("Tell me more.", [hit(TERMS)]).check(sentence)
    assert (checked.rule if isinstance(checked, Cut) else "") == expected


@pytest.mark.parametrize(
    "time",
    """for a dozen days, for months, for several months, for decades, for weeks, for a year, for a month, for a fortnight,
    forever, quarterly, indefinitely, for a lifetime, yearly, within an hour""".split(","),
)
def test_a_time_in_words_must_stand_there_too(time: str) -> None:
    checked = grounding("Tell me more.", [hit(TERMS)]).check(f"Backups are kept {time.strip()}.")
    assert isinstance(checked, Cut)
    assert checked.rule == "number"
    said = grounding("Tell me more.", [hit(f"Backups are kept {time.strip()}.")])
    assert isinstance(said.check(f"We keep your backups {time.strip()}."), Sentence)


def test_a_rhythm_may_be_said_in_other_words() -> None:
    checks = grounding("Tell me more.", [hit(TERMS)])
    for sentence in (
        "The Pro plan costs $20 monthly.",
        "The Pro plan costs $20 a month.",
        "Backups are kept for days.",
    ):
        assert isinstance(checks.check(sentence), Sentence), sentence


@pytest.mark.parametrize(
    "address",
    """evil dot com|evil(dot)com|evil (dot) me|evil[dot]click|evil .com|evil . com|evil DOT live|x@y|x (at) y|x[at]evil
    |x at evil dot app""".split("|"),
)
def test_an_address_that_is_spelled_out_is_a_link(address: str) -> None:
    spelled = f"Refunds are paid to the original card at {address.strip()}."
    assert rule(spelled) == "link"
    assert isinstance(grounding(hits=[hit(spelled)]).check(spelled), Sentence)


def test_an_ordinary_dot_is_no_link() -> None:
    hits = [hit("Click the red dot in the corner. It shows the .zip file that belongs to .NET.")]
    for sentence in ("The red dot in the corner is to be clicked.", "It shows a .zip file for .NET."):
        assert isinstance(grounding(hits=hits).check(sentence), Sentence), sentence


LIMITS = (
    "A password needs at least 12 characters. It is possible to export data before the deadline. Files up to 10 MB are "
    "allowed. The archive is available. Keys for children under 16 are invalid."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "A password needs at most 12 characters.",
        "A password needs no more than twelve characters.",
        "A password needs fewer than 12 characters.",
        "It is impossible to export data before the deadline.",
        "It is possible to export data after the deadline.",
        "Files over 10 MB are allowed.",
        "The archive is unavailable.",
        "Keys for children over 16 are invalid.",
        "Keys for children under 16 are valid.",
    ],
)
def test_what_turns_a_bound_or_quality_is_cut(sentence: str) -> None:
    checked = grounding("Tell me more.", [hit(LIMITS)]).check(sentence)
    assert isinstance(checked, Cut)
    assert checked.rule == "negation"


@pytest.mark.parametrize(
    "sentence",
    [
        "A password needs a minimum of 12 characters.",
        "Files of at most 10 MB are allowed.",
        "You can export data prior to the deadline.",
    ],
)
def test_a_bound_may_be_said_in_other_words(sentence: str) -> None:
    checked = grounding("Tell me more.", [hit(LIMITS)]).check(sentence)
    assert isinstance(checked, Sentence), checked


def test_a_value_that_the_user_supposes_does_not_take_the_place_of_the_right_one() -> None:
    checks = grounding("Are backups kept for 10 days, because mine is 10 days old?", [hit(TERMS)])
    assert isinstance(checks.check("Backups are kept for 10 days."), Cut)
    assert isinstance(checks.check("Backups are kept for 30 days, and yours is 10 days old."), Sentence)


PHONE = "The free plan does not include phone support."


@pytest.mark.parametrize(
    "word", ["Yes.", "Yes, it does.", "Absolutely! It does.", "It does.", "You can.", "Sure.", "Of course!", "Yes:"]
)
def test_a_bare_yes_needs_a_passage_that_says_yes(word: str) -> None:
    denied = grounding("Does the free plan include phone support?", [hit(PHONE)]).check(word)
    assert isinstance(denied, Cut)
    assert denied.rule == "negation"
    affirmed = grounding("Does the Pro plan include chat support?", [hit("The Pro plan includes chat support.")])
    assert isinstance(checked := affirmed.check(word), Sentence)
    assert checked.citations[0].quote == "The Pro plan includes chat support."
    unsaid = grounding("Is the moon made of cheese?", [hit(PHONE)]).check(word)
    assert isinstance(unsaid, Cut)
    assert unsaid.rule == "no_span"


@pytest.mark.parametrize(
    "word", ["No.", "No", "Nope!", "No, it does not.", "It doesn't.", "Unfortunately not.", "Never.", "I'm afraid not."]
)
def test_a_bare_no_needs_a_passage_that_says_no(word: str) -> None:
    assert isinstance(
        checked := grounding("Does the free plan include phone support?", [hit(PHONE)]).check(word), Sentence
    )
    assert checked.citations[0].quote == PHONE
    affirmed = grounding("Does the Pro plan include chat support?", [hit("The Pro plan includes chat support.")])
    assert isinstance(denied := affirmed.check(word), Cut)
    assert denied.rule == "negation"
    assert isinstance(grounding("Is the moon made of cheese?", [hit(PHONE)]).check(word), Cut)


def test_a_yes_before_a_true_sentence_must_be_true_itself() -> None:
    checks = grounding("Does the free plan include phone support?", [hit(f"{PHONE} It includes 10 GB of storage.")])
    assert isinstance(checks.check("Yes, it includes 10 GB of storage."), Cut)
    assert isinstance(checks.check("No, the free plan does not include phone support."), Sentence)


def test_passages_that_contradict_each_other_decide_nothing() -> None:
    both = [hit(PHONE), hit("The free plan includes phone support.")]
    for word in ("Yes.", "No."):
        assert isinstance(grounding("Does the free plan include phone support?", both).check(word), Cut)


def test_a_bare_word_to_a_follow_up_stands_on_a_quote_of_what_it_leans_on() -> None:
    question = Question(text="Does it include phone support?", standalone="Does it include phone support? Pro plan")
    assert isinstance(Grounding(question, [hit("The Team package includes phone support.")]).check("Yes."), Cut)
    assert isinstance(Grounding(question, [hit("The Pro plan includes phone support.")]).check("Yes."), Sentence)


def test_a_bare_word_of_two_things_stands_on_what_is_said_of_both() -> None:
    hits = [hit("Alder is a Dutch painter."), hit("Birch is a Swiss painter.")]
    assert isinstance(checked := grounding("Are Alder and Birch both Dutch?", hits).check("No."), Sentence)
    assert len(checked.citations) == 2
    assert isinstance(grounding("Are Alder and Birch both Dutch?", hits).check("Yes."), Cut)
    assert isinstance(grounding("Are Alder and Birch both cheese?", []).check("Yes."), Cut)


def test_a_courtesy_is_no_yes_where_none_was_asked_for() -> None:
    assert grounding("How do refunds work?").check("Certainly!") == Sentence(text="Certainly!", factual=False)
    assert isinstance(grounding("How do refunds work?").check("Yes, you can."), Cut)


def test_the_users_own_words_may_be_said_but_prove_nothing() -> None:
    history = (Message(role=Role.USER, text="I am Bob from Lagos.", at=0.0),)
    assert not isinstance(grounding(history=history).check("Hello Bob!"), Cut)
    said = (Message(role=Role.ASSISTANT, text="I am Bob from Lagos.", at=0.0),)
    assert isinstance(grounding(history=said).check("Hello Bob!"), Cut)
    copied = Question(text="Who is he?", standalone="Who is he? Bob", history=said)
    assert isinstance(Grounding(copied, HITS).check("Hello Bob!"), Cut)
    assert isinstance(Grounding(copied, HITS).check("Ask Bob for a refund up to 30 days after the purchase."), Cut)
    asked = "Is it true that the moon is made of cheese?"
    assert isinstance(grounding(asked).check("The moon is made of cheese."), Cut)


def test_without_passages_nothing_factual_leaves() -> None:
    assert isinstance(grounding(hits=()).check("Refunds take 5 days."), Cut)
    assert isinstance(grounding(hits=()).check("I could not find that in the documents."), Sentence)


def test_what_a_passage_says_word_for_word_denies_nothing_of_it() -> None:
    whole = (
        "To use an image that the scanner considers unsafe, exempt an issue so that the scanner doesn't consider it in "
        "its verdict."
    )
    opposite = "The scanner doesn't consider an unsafe image in its verdict to use it."
    checks = grounding(hits=[hit(f"{opposite} {whole}")])
    assert isinstance(checks.check(whole), Sentence)
    assert isinstance(checks.check("To use an image that the scanner considers unsafe, exempt an issue."), Sentence)
    flipped = checks.check(
        "Exempt an issue so that the scanner considers it in its verdict, but do not exempt an image."
    )
    assert isinstance(flipped, Cut)
    assert flipped.rule == "negation"


def test_what_stands_word_for_word_is_cited_alone() -> None:
    """Also where another sentence holds all of its words, and more of the question's."""
    longer = "At the end of the trial, the trial plan ends for all users in Oslo."
    short = "The trial plan ends."
    checked = grounding("When does the trial end in Oslo?", [hit(f"{longer} {short}")]).check(f" {short} [1]")
    assert isinstance(checked, Sentence)
    assert checked.text == f" {short}"
    assert [citation.quote for citation in checked.citations] == [short]


def test_a_part_of_a_sentence_is_no_quote() -> None:
    """What was cut off may have denied it."""
    hits = (hit("It is wrong that the archive is public. The archive is not public on Sundays."),)
    checked = grounding(hits=hits).check("The archive is public on Sundays.")
    assert isinstance(checked, Cut)
    assert checked.rule == "negation"


def test_a_quote_is_cited_where_it_is_a_whole_sentence() -> None:
    """Not where it stands first, as a part of another one."""
    text = "It is a rumour: The gate is open.\n\nThe gate is open."
    checked = grounding("Is the gate open?", [hit(text)]).check("The gate is open.")
    assert isinstance(checked, Sentence)
    [citation] = checked.citations
    assert (citation.quote, citation.start) == ("The gate is open.", 100 + text.rindex("The gate"))


def test_not_one_of_them_denies_them() -> None:
    hits = (hit("The archive is one of the largest in Europe. It opened in 1920."),)
    checked = grounding(hits=hits).check("The archive is not one of the largest in Europe.")
    assert isinstance(checked, Cut)
    assert checked.rule == "negation"


def test_a_code_block_leaves_only_as_it_stands() -> None:
    hits = (hit("Put this into the file:\n\n```\nport: 8080\nhost: localhost\n```\n\nThen start it again."),)
    assert isinstance(grounding(hits=hits).check("```yaml\nport: 8080\nhost: localhost\n```"), Sentence)
    assert isinstance(grounding(hits=hits).check("```yaml\nport: 8080\nhost: elsewhere\n```"), Cut)
    assert isinstance(grounding(hits=hits).check("```yaml\nhost: localhost\nrm -rf everything\n```"), Cut)


@given(st.integers(0, 10**7), st.sampled_from(["{}", "{:,}", "{}.5", "{} %", "${}", "{} days", "{}th", "v{}", "{}x"]))
def test_a_number_that_stands_nowhere_never_leaves(number: int, form: str) -> None:
    digits = {"5", "7", "30", "1500", "24", "2", "4", "12", "2024", "14", "16", "22", "04", "3", "10", "20", "9"}
    if str(number) not in digits:
        assert isinstance(check(f"Refunds are paid within {form.format(number)} after approval."), Cut)


@given(st.text(max_size=200))
def test_any_text_is_checked_without_an_error(text: str) -> None:
    checked = check(text)
    assert isinstance(checked, Sentence | Cut)


@pytest.mark.parametrize(
    "unit", ["a", "1", "1,", "-", "<a ", "](", "a.", "/a", "//", "A ", "`", "one ", "&#", "[1", "no "]
)
def test_no_text_takes_long(unit: str) -> None:
    """The longest sentence that the hold-back buffer gives out, made of one thing over and over."""
    started = time.process_time()
    check(unit * (2_000 // len(unit)))
    assert time.process_time() - started < 0.5
