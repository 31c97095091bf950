"""What is different between two versions is told value by value, line by line and passage by passage."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from shipmate.messages import Passage
from shipmate.release.difference import Side, difference, differing, wider

CHARTER = """version: 1
goal: {target: 0.7}
intents:
  - id: reset
    examples: [reset my password, I forgot it]
  - id: unlock
    examples: [unlock my account]
"""
TEXTS = st.dictionaries(st.sampled_from(["a.md", "b.md", "c.md"]), st.lists(st.sampled_from("uvwxyz"), max_size=4))


def side(
    files: Mapping[str, str] | None = None,
    documents: Mapping[str, Sequence[str]] | None = None,
    *,
    audience: tuple[str, ...] = (),
    name: str = "one",
) -> Side:
    held = {
        source: [
            Passage(source=source, title=source, text=text, start=number, end=number + 1, audience=audience)
            for number, text in enumerate(texts)
        ]
        for source, texts in (documents or {}).items()
    }
    return Side(
        name=name,
        files={file: text.encode() for file, text in (files or {}).items()},
        documents={source: repr(passages) for source, passages in held.items()},
        passages=lambda wanted: {source: held[source] for source in wanted},
    )


def settings(before: str, after: str, file: str = "charter.yml") -> list[tuple[str, str, str]]:
    found = difference(side({file: before}), side({file: after}))
    return [(one.key, one.before, one.after) for one in found.settings]


def test_an_entry_of_a_list_is_named_by_its_id_wherever_it_stands() -> None:
    after = """# Sorted anew, with comments.
version: 1
intents:
  - id: unlock
    examples: [unlock my account]
  - id: reset
    examples: [reset my password, cannot log in]
goal: {target: 0.75}
"""
    assert settings(CHARTER, after) == [
        ("intents[reset].examples[cannot log in]", "", "cannot log in"),
        ("goal.target", "0.7", "0.75"),
        ("intents[reset].examples[I forgot it]", "I forgot it", ""),
    ]


def test_entries_of_one_name_are_told_apart() -> None:
    faq = "version: 1\nfaq:\n  - {question: Hi, answer: Hello.}\n  - {question: Hi, answer: Good day.}\n"
    assert settings(faq, faq.replace("Good day.", "Hey."), "faq.yml") == [("faq[Hi (2)].answer", "Good day.", "Hey.")]


def test_a_file_that_is_new_is_told_whole() -> None:
    assert settings("", "version: 1\nmodel: extractive\n", "stack.yml") == [
        ("version", "", "1"),
        ("model", "", "extractive"),
    ]


def test_prompts_and_cases_are_told_by_their_lines() -> None:
    for name in ("prompts/answer.md", "evals/core.yml"):
        found = difference(side({name: "One.\nTwo.\n"}), side({name: "One.\nThree.\n"}))
        assert [line for line in found.texts[0].lines if line[0] in "+-"] == ["-Two.", "+Three."]
        assert found.settings == ()


def test_passages_that_only_moved_are_not_told() -> None:
    found = difference(side(documents={"a.md": ["u", "v"]}), side(documents={"a.md": ["w", "v", "u"]}))
    assert [(one.what, one.gone, one.new) for one in found.documents] == [("changed", (), ("w",))]


def test_who_may_see_a_document_is_told_where_it_has_changed() -> None:
    open_, closed = side(documents={"a.md": ["u"]}), side(documents={"a.md": ["u"]}, audience=("staff",))
    (told,) = difference(open_, closed).documents
    assert (told.seen_before, told.seen_after, told.gone, told.new) == ("everyone", "staff", (), ())
    assert (wider(open_, closed), wider(closed, open_), wider(closed, closed)) == (["a.md"], [], [])


@given(before=TEXTS, after=TEXTS)
def test_a_difference_accounts_for_every_document_and_passage(
    before: dict[str, list[str]], after: dict[str, list[str]]
) -> None:
    """Taking away what is gone and adding what is new turns one side into the other; nothing is told of what is the same."""
    found = difference(side(documents=before), side(documents=after, name="other"))
    told = {one.document: one for one in found.documents}
    assert differing(side(documents=before), side(documents=after))[1] == sorted(told)
    assert found.same_documents + len(told) == len(before.keys() | after.keys())
    for source in before.keys() | after.keys():
        if source not in told:
            assert before[source] == after[source]
            continue
        left = list(before.get(source, ()))
        for text in told[source].gone:
            left.remove(text)
        assert sorted([*left, *told[source].new]) == sorted(after.get(source, ()))
        assert told[source].what == (
            "added" if source not in before else "removed" if source not in after else "changed"
        )


@given(documents=TEXTS)
def test_a_version_is_the_same_as_itself(documents: dict[str, list[str]]) -> None:
    assert difference(side({"faq.yml": CHARTER}, documents), side({"faq.yml": CHARTER}, documents)).is_empty
