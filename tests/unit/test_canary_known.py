"""What is known of a run's turns, issues and users stays what it was, however few bytes it takes."""

from hypothesis import given
from hypothesis import strategies as st

from shipmate.release.canary.counts import Split
from shipmate.release.canary.known import Exposed, Issue, Issues, Seen, Shares, Turns, Users
from shipmate.release.canary.ledger import Ledger

SHARES = st.sampled_from([0.0, 0.05, 0.25, 0.5, 1.0])
USERS = st.integers(0, (1 << 28) - 1)


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, (1 << 63) - 1)), max_size=300))
def test_a_ledger_is_a_dict(pairs: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    for name, number in pairs:
        ledger.put(name, number)
    known = dict(pairs)
    assert len(ledger) == len(known)
    assert {name: ledger.get(name) for name in known} == known
    assert ledger.get("nobody's name") is None


def test_a_ledger_of_many_forgets_none() -> None:
    ledger = Ledger()
    for number in range(100_000):
        ledger.put(f"turn-{number}", number)
    assert all(ledger.get(f"turn-{number}") == number for number in range(100_000))


@given(st.builds(Seen, st.booleans(), USERS, st.integers(0, (1 << 20) - 1), SHARES, st.booleans()))
def test_a_turn_comes_back_as_it_was(seen: Seen) -> None:
    turns = Turns(Shares())
    turns.put("turn", seen)
    assert turns.get("turn") == seen
    assert turns.get("another") is None


@given(
    st.builds(
        Issue,
        st.booleans(),
        st.integers(0, (1 << 26) - 1),
        SHARES,
        st.sampled_from([None, True, False]),
        st.sampled_from(["", "silence", "handoff"]),
        st.integers(0, (1 << 20) - 1),
    )
)
def test_an_issue_comes_back_as_it_was(issue: Issue) -> None:
    issues = Issues(Shares())
    issues.put("issue", issue)
    assert issues.get("issue") == issue
    assert issues.get("another") is None


def test_each_user_has_one_number() -> None:
    users = Users()
    assert [users.number(name) for name in ("anna", "ben", "anna", "cem")] == [0, 1, 0, 2]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from([0.05, 0.25, 0.5]), st.booleans())),
    st.randoms(),
)
def test_the_first_exposure_of_a_user_holds_in_whatever_order_they_come(
    seen: list[tuple[int, int, float, bool]],
    random: object,
) -> None:
    """A share holds at a time for all, so that two exposures of one moment have the same."""
    seen = [(user, at, (0.05, 0.25, 0.5)[at % 3], arm) for user, at, _, arm in seen]

    def splits(order: list[tuple[int, int, float, bool]]) -> tuple[Split, ...]:
        exposed = Exposed(Shares())
        for user, at, share, is_candidate in order:
            exposed.add(user, float(at), share, is_candidate=is_candidate)
        return exposed.splits

    mixed = sorted(seen, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert splits(mixed) == splits(seen)
    assert sum(split.candidate + split.control for split in splits(seen)) == len({user for user, *_ in seen})
