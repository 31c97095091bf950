"""What every `Reranker` promises, as checks over an open one: `for check in CHECKS: await check(reranker)`."""

from collections.abc import Awaitable, Callable

from shipmate.ports import Reranker

__all__ = ["CHECKS", "FORM"]

QUESTION = "How do I reset my password?"
ANSWER = "To reset the password, follow the link in the e-mail."
OTHERS = ("The library opens at nine and closes at six.", "A tax return is due in April.")
TEXTS = (OTHERS[0], ANSWER, OTHERS[1])
WORDLESS = ("", " ", "\n\t", "?!", "😀", "— … —")
HOSTILE = (
    "\0",
    "a\0b",
    "\ud800",
    "\u202eabc",
    "ä" * 5000,
    "x" * 100_000,
    "word " * 20_000,
    "日本語",
    "[SEP] [MASK] ##ing",
    "İ",
)
# A model whose numbers are rounded to bytes as it runs rounds by all that is in the batch.
TOLERANCE = 0.05


async def gives_a_share_for_each_text(reranker: Reranker) -> None:
    """There is a number from 0 to 1 for each text, and none for no text."""
    scores = await reranker.scores(QUESTION, TEXTS)
    assert len(scores) == len(TEXTS)
    assert all(isinstance(score, float) and 0 <= score <= 1 for score in scores)
    assert await reranker.scores(QUESTION, []) == []


async def gives_nothing_where_there_are_no_words(reranker: Reranker) -> None:
    """A text without words answers nothing, and nothing answers a question without words."""
    assert await reranker.scores(QUESTION, WORDLESS) == [0.0] * len(WORDLESS)
    for question in WORDLESS:
        assert await reranker.scores(question, TEXTS) == [0.0] * len(TEXTS)


async def keeps_the_order_of_texts(reranker: Reranker) -> None:
    """A text's score is the same in whatever company it comes."""
    scores = await reranker.scores(QUESTION, TEXTS)
    turned = await reranker.scores(QUESTION, [*WORDLESS, *reversed(TEXTS), "word " * 300, *TEXTS * 10])
    assert _alike(turned[len(WORDLESS) :][: len(TEXTS)][::-1], scores)
    assert _alike(turned[-len(TEXTS) :], scores)
    for text, score in zip(TEXTS, scores, strict=True):
        assert _alike(await reranker.scores(QUESTION, [text]), [score])


async def takes_whatever_text_there_is(reranker: Reranker) -> None:
    """Every question and every text has a share."""
    for question in (QUESTION, *HOSTILE):
        scores = await reranker.scores(question, [HOSTILE[2], HOSTILE[-1], ANSWER])
        assert all(0 <= score <= 1 for score in scores)
    assert all(0 <= score <= 1 for score in await reranker.scores(QUESTION, HOSTILE))


async def has_a_name(reranker: Reranker) -> None:
    """The name stays, and says something."""
    name = reranker.name
    await reranker.scores(QUESTION, TEXTS)
    assert name.strip()
    assert reranker.name == name


async def closes_twice(reranker: Reranker) -> None:
    """Closing again does nothing."""
    await reranker.close()
    await reranker.close()


async def puts_the_answer_first(reranker: Reranker) -> None:
    """The text that answers has a higher score than those about other matters."""
    other, answer, another = await reranker.scores(QUESTION, TEXTS)
    assert answer > max(other, another)


def _alike(scores: list[float], others: list[float]) -> bool:
    return all(abs(score - other) < TOLERANCE for score, other in zip(scores, others, strict=True))


# What a model keeps that has learnt nothing.
FORM: tuple[Callable[[Reranker], Awaitable[None]], ...] = (
    gives_a_share_for_each_text,
    gives_nothing_where_there_are_no_words,
    keeps_the_order_of_texts,
    takes_whatever_text_there_is,
    has_a_name,
    closes_twice,
)
CHECKS = (*FORM, puts_the_answer_first)
