"""What every `Embedder` promises, as checks over an open one: `for check in CHECKS: await check(embedder)`."""

from collections.abc import Awaitable, Callable

import numpy as np

from shipmate.ports import Embedder

__all__ = ["CHECKS"]

TEXTS = (
    "How do I reset my password?",
    "The library opens at nine and closes at six.",
    "A tax return is due in April.",
    "Password reset: the link is in the e-mail.",
)
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
    "[MASK] ##ing",
    "İ",
)
# A model whose numbers are rounded to bytes as it runs rounds by all that is in the batch.
ALIKE = 0.95


async def gives_a_unit_row_for_each_text(embedder: Embedder) -> None:
    """Rows are 32-bit, of the length that the embedder says, and of length 1."""
    rows = await embedder.embed(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)


async def gives_nothing_for_no_text(embedder: Embedder) -> None:
    """No texts make no rows, and a text without words a row of zeros."""
    assert (await embedder.embed([])).shape == (0, embedder.dimensions)
    assert not (await embedder.embed(WORDLESS)).any()


async def keeps_the_order_of_texts(embedder: Embedder) -> None:
    """A text's row is the same in whatever company it comes."""
    rows = await embedder.embed(TEXTS)
    turned = await embedder.embed([*WORDLESS, *reversed(TEXTS), *TEXTS * 10])
    assert ((turned[len(WORDLESS) :][: len(TEXTS)][::-1] * rows).sum(1) > ALIKE).all()
    assert ((turned[-len(TEXTS) :] * rows).sum(1) > ALIKE).all()
    for text, row in zip(TEXTS, rows, strict=True):
        assert ((await embedder.embed([text])) @ row > ALIKE).all()


async def places_texts_that_mean_alike_close(embedder: Embedder) -> None:
    """Two texts about one matter are closer than two about different ones."""
    rows = await embedder.embed(TEXTS)
    likeness = rows @ rows.T
    assert likeness[0, 3] > max(likeness[0, 1], likeness[0, 2])


async def takes_whatever_text_there_is(embedder: Embedder) -> None:
    """Every text has a row of length 1 or of zeros."""
    lengths = np.linalg.norm(await embedder.embed(HOSTILE), axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))


async def has_a_name(embedder: Embedder) -> None:
    """The name stays, and says something."""
    name = embedder.name
    await embedder.embed(TEXTS)
    assert name.strip()
    assert embedder.name == name


async def closes_twice(embedder: Embedder) -> None:
    """Closing again does nothing."""
    await embedder.close()
    await embedder.close()


CHECKS: tuple[Callable[[Embedder], Awaitable[None]], ...] = (
    gives_a_unit_row_for_each_text,
    gives_nothing_for_no_text,
    keeps_the_order_of_texts,
    places_texts_that_mean_alike_close,
    takes_whatever_text_there_is,
    has_a_name,
    closes_twice,
)
