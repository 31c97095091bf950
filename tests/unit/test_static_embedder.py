"""The embedder in the package: what it knows, how it takes words apart, and what it says of broken weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.adapters.static_embedder import WEIGHTS, StaticEmbedder, WordPieces
from shipmate.errors import Damaged
from shipmate.text import fold

ALIKE = (
    (
        "How can I get my money back?",
        "Refunds are paid within 14 days.",
        "The museum shows paintings of the old masters.",
    ),
    ("The car does not start", "What to do when a vehicle's engine will not run", "Recipes with apples and cinnamon"),
    ("heart attack", "Treatment of acute myocardial infarction", "Configure the network of a virtual machine"),
    ("delete a user", "Removing an account from the system", "A list of countries by population"),
)


@pytest.mark.parametrize(("asked", "near", "far"), ALIKE)
async def test_texts_that_share_no_word_are_close_where_they_mean_alike(asked: str, near: str, far: str) -> None:
    rows = await StaticEmbedder().embed([asked, near, far])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.05


def test_weights_stay_within_eight_megabytes_and_name_their_origin() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) <= 8_000_000
    notice = (WEIGHTS / "NOTICE").read_text("utf-8")
    assert "all-MiniLM-L6-v2" in notice
    assert "Apache License 2.0" in notice


def test_words_are_taken_apart_from_the_left_by_the_longest_piece() -> None:
    pieces = WordPieces(["play", "##ing", "##in", "##g", "p", "lay", "α"])
    assert pieces.places("Playing PLAY") == [0, 1, 0]
    assert pieces.places("plays") == []
    assert pieces.places("α-Play, Plày!") == [6, 0, 0]
    assert pieces.places("p" + "g" * 100) == []
    assert len(pieces) == 7


@given(st.text())
def test_every_text_has_its_places(text: str) -> None:
    assert all(0 <= place < 3 for place in WordPieces(["a", "##a", "b"]).places(text))


@given(st.text(), st.text())
def test_the_pieces_of_a_text_are_those_of_its_words(text: str, more: str) -> None:
    pieces = WordPieces(["a", "##a", "b", "0", "##1", "don", "t"])
    assert pieces.places(f"{text} {more}") == pieces.places(text) + pieces.places(more)
    assert pieces.places(text) == pieces.places(fold(text))


async def test_company_changes_nothing_to_the_last_bit() -> None:
    texts = [text for row in ALIKE for text in row]
    together = await StaticEmbedder().embed(texts * 3)
    for number, text in enumerate(texts):
        np.testing.assert_array_equal((await StaticEmbedder().embed([text]))[0], together[number])


@pytest.mark.parametrize("file", ["rows.npy", "units.npy", "pieces.txt"])
async def test_broken_weights_are_said(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:1000])
    with pytest.raises(Damaged, match="install shipmate again"):
        await StaticEmbedder(folder).embed(["a word"])
    (folder / file).unlink()
    with pytest.raises(Damaged, match="install shipmate again"):
        await StaticEmbedder(folder).embed(["a word"])
