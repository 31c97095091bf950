"""A judge reads what is said of the documents, and nothing of what the assistant says of itself."""

import pytest

from shipmate.answer import phrases
from shipmate.evals.judge import sentences_of

CLAIM = "Roses are pruned in March [1]."


@pytest.mark.parametrize("sentences", [1, 2, 17])
def test_that_sentences_were_left_out_is_no_claim(sentences: int) -> None:
    assert [said.strip() for said in sentences_of(f"{CLAIM}\n\n{phrases.left_out(sentences)}")] == [CLAIM]


@pytest.mark.parametrize("own", [phrases.QUOTING, phrases.MODEL_FAILED, phrases.MODEL_UNSUPPORTED])
def test_what_leads_to_quotes_is_no_claim(own: str) -> None:
    assert [said.strip() for said in sentences_of(f"{own}\n\n{CLAIM}")] == [CLAIM]
