"""Versions of a real folder side by side, judged by a model behind a server, if that is wanted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.comparing.versions import Candidate, Questions, compare, estimate, past_questions
from shipmate.config import Project
from shipmate.errors import UsageError
from shipmate.testing.model_server import Body, ModelServer, Stream

STACK = "version: 1\nmodel: {{adapter: openai_compatible, base_url: {}, model: tiny, input_usd_per_million: 1.0}}\n"
SAID = "Put Markdown, HTML, PDF, Word or text files into the `knowledge` folder [1]."
QUESTION = "How do I add documents?"
QUOTES = Candidate(model="extractive")


def answering_and_judging(body: Body) -> Stream:
    """Answer what is asked; as judge, like quotes better, wherever they stand."""
    rules, asked = (message["content"] for message in (body["messages"][0], body["messages"][-1]))
    if "First reply" not in asked:
        return Stream(tokens=[SAID])
    first, second = asked.split("Second reply:")
    quotes = "first" if "From the documents" in first else "second"
    assert ("From the documents" in second) is (quotes == "second")
    (code,) = set(re.findall(r"[0-9a-f]{12}", rules))
    return Stream(tokens=[f"{code} {quotes}"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bootstrap.init(tmp_path / "desk")
    bootstrap.ingest(bootstrap.load(tmp_path / "desk"), progress=lambda _: None)
    return tmp_path / "desk"


async def asked(folder: Path) -> tuple[Project, Questions]:
    (folder.parent / "asked.txt").write_text(f"{QUESTION}\n")
    project = bootstrap.load(folder)
    return project, await past_questions(project, 10, folder.parent / "asked.txt")


async def test_the_folders_model_judges_a_pair_in_both_orders_and_says_that_nobody_has_tried_it(folder: Path) -> None:
    async with ModelServer(answering_and_judging) as server:
        (folder / "stack.yml").write_text(STACK.format(server.url))
        project, questions = await asked(folder)
        found = await compare(project, QUOTES, questions, by_model=True)
        assert [pair.verdict for pair in found.pairs] == ["b"]
        assert found.judge.startswith("judge/model@1:tiny (")
        assert "was not held against people's labels" in found.judge
        offline = await compare(project, QUOTES, questions)
        assert offline.judge == "grounding and reference overlap"


async def test_a_judge_counts_in_what_a_comparison_may_cost(folder: Path) -> None:
    (folder / "stack.yml").write_text(STACK.format("http://127.0.0.1:9/v1"))
    project, questions = await asked(folder)
    without, with_judge = (estimate(project, QUOTES, questions, by_model=judged) for judged in (False, True))
    assert (without.calls, with_judge.calls) == (1, 5)
    assert with_judge.cost_usd > without.cost_usd > 0


async def test_without_a_model_none_can_judge(folder: Path) -> None:
    project, questions = await asked(folder)
    with pytest.raises(UsageError, match="no model to judge with"):
        await compare(project, QUOTES, questions, by_model=True)


async def test_a_prompt_that_no_model_reads_is_refused(folder: Path) -> None:
    project, questions = await asked(folder)
    (folder.parent / "prompt.md").write_text("Be brief.")
    candidate = Candidate(prompt=folder.parent / "prompt.md")
    with pytest.raises(UsageError, match="no model reads it"):
        await compare(project, candidate, questions)


def test_whoever_compares_before_documents_were_read_is_told(folder: Path) -> None:
    (folder / "knowledge" / "welcome.md").write_text("# Welcome\n\nNothing is left.\n")
    command = [sys.executable, "-m", "shipmate", "compare", str(folder), "--model", "extractive", "--last", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    assert "1 documents have changed since they were read" in done.stderr
