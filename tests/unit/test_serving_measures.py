"""The arithmetic of the serving benchmark; its servers are not started here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.serving.measures import Sent, bars, fault, growth, last_needed, percentile, sending_of, without_marks

TOKENS = ["Plans", " cost", " 5", " USD.", " They", " renew", " monthly."]


def sent(prompt: str, *, begun_at: float, step_s: float = 0.01) -> Sent:
    return Sent(prompt=prompt, tokens=TOKENS, at=[begun_at + step_s * number for number in range(len(TOKENS))])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_the_median_of_an_odd_number_is_the_middle_one() -> None:
    assert percentile([3, 1, 2], 0.5) == 2


def test_the_95th_percentile_of_few_values_is_their_worst() -> None:
    assert percentile([1, 9, 5], 0.95) == 9


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("Plans", 0),
        ("Plans cost 5 USD.", 3),
        ("Plans cost 5 USD. [1]", 3),
        ("\nPlans  cost 5 USD", 3),
        ("They renew monthly. [2]", 6),
        ("Plans cost 6", None),
        (" [1]", None),
    ],
)
def test_a_text_needs_the_token_that_completes_it(text: str, token: int | None) -> None:
    assert last_needed(text, TOKENS) == token


@given(st.lists(st.text("abc. ", min_size=1, max_size=4), min_size=1, max_size=12), st.data())
def test_the_first_tokens_joined_need_no_later_token(tokens: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(tokens)))
    needed = last_needed("".join(tokens[:count]), tokens)
    assert needed is None or needed < count


def test_a_first_text_is_matched_with_the_reply_to_its_own_question() -> None:
    streams = [sent("what is due?", begun_at=9.9), sent("what does it cost?", begun_at=10.0)]
    sending = sending_of("Plans cost 5 USD. [1]", "what does it cost?", streams, due_at=9.8, come_at=10.2)
    assert sending is not None
    assert sending[0] == 10.0
    assert sending[1] == pytest.approx(10.03)


def test_a_reply_that_began_before_the_question_was_due_is_another_turns() -> None:
    streams = [sent("q", begun_at=1.0), sent("q", begun_at=5.0)]
    assert sending_of("Plans", "q", streams, due_at=4.0, come_at=6.0) == (5.0, 5.0)


def test_a_text_that_came_before_its_words_were_sent_is_not_the_models() -> None:
    assert sending_of("Plans cost 5 USD.", "q", [sent("q", begun_at=1.0)], due_at=0.5, come_at=1.01) is None


def test_citation_marks_are_no_words_of_the_model() -> None:
    assert without_marks("Plans cost 5 USD. [1] [2]\n\nThey renew. [12]") == "Plans cost 5 USD.\n\nThey renew."


@pytest.mark.parametrize(
    ("status", "broken", "words", "wrong"),
    [
        (200, "", 40, ""),
        (200, "", 36, ""),
        (200, "", 35, "short: less than 90% of 40 words"),
        (503, "", 40, "status 503"),
        (0, "TimeoutError: ", 0, "TimeoutError: "),
    ],
)
def test_errors_and_short_answers_are_failures(status: int, broken: str, words: int, wrong: str) -> None:
    assert fault(status=status, broken=broken, words=words, expected_words=40) == wrong


def test_growth_is_the_median_of_the_pairs_ratios() -> None:
    assert growth([(100, 110), (100, 300), (200, 210)]) == pytest.approx(1.1)


def test_a_bar_compares_with_the_best_peer_only() -> None:
    peers = {"slow": {"token_cpu_us": 400.0}, "fast": {"token_cpu_us": 200.0}, "unmeasured": {}}
    bar = bars({}, {}, {"token_cpu_us": 19.0}, peers)["token_cpu_us_vs_best_peer"]
    assert bar.value == pytest.approx(0.095)
    assert (bar.rule, bar.met) == ("<=", True)


def test_turns_per_core_are_the_inverse_of_their_cpu() -> None:
    bar = bars({}, {}, {"turn_cpu_us": 1000.0}, {"peer": {"turn_cpu_us": 3000.0}})["turns_per_core_vs_best_peer"]
    assert bar.value == pytest.approx(3.0)
    assert (bar.rule, bar.met) == (">=", False)


def test_memory_is_that_of_the_larger_server() -> None:
    bar = bars({}, {"rss_mb": 90.0}, {"rss_mb": 130.0}, {})["rss_mb"]
    assert (bar.value, bar.met) == (130.0, False)


def test_what_was_not_measured_has_no_bar() -> None:
    assert bars({}, {"turn_cpu_us": 400.0}, {}, {}) == {}
