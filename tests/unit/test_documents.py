"""Documents are read as they stand: offsets are the file's, and what cannot be read is said."""

import html
import os
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Problem, UsageError
from shipmate.knowledge.blocks import BlockKind, Document
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.documents import File, list_files
from shipmate.knowledge.formats import parse
from shipmate.knowledge.parser_process import ParserProcess
from shipmate.knowledge.webpage import read_webpage
from shipmate.sources import DocumentFolder

PARSERS = ParserProcess()
TAG = re.compile(r"</?[a-z][^>]*>")


def _folder(path: Path, prefix: str = "") -> DocumentFolder:
    return DocumentFolder(path=path, prefix=prefix)


def _parsed(name: str, data: bytes | str) -> Document | Problem:
    file = File(_folder(Path("knowledge")), name, 0)
    return parse(file, data if isinstance(data, bytes) else data.encode(), PARSERS)


def _document(name: str, data: bytes | str) -> Document:
    document = _parsed(name, data)
    assert isinstance(document, Document)
    return document


def _problem(name: str, data: bytes | str) -> Problem:
    problem = _parsed(name, data)
    assert isinstance(problem, Problem)
    return problem


def _texts(document: Document, kind: BlockKind) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind is kind]


def test_files_are_listed_in_order_below_their_prefix(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.html", "a/b/c.txt", "B.MD", ".hidden.md", ".shipmate/state.md", "a/.git/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("words")
    listing = list_files(_folder(tmp_path, "docs/"))
    assert [file.source for file in listing.entries] == ["docs/B.MD", "docs/b.md", "docs/a/z.html", "docs/a/b/c.txt"]
    assert listing.skipped == []


def test_missing_folder_is_an_error_and_an_empty_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Create it"):
        list_files(_folder(tmp_path / "nowhere"))
    (problem,) = list_files(_folder(tmp_path)).skipped
    assert "no documents" in problem.what
    assert ".md" in problem.do


def test_links_out_of_the_folder_are_refused_and_those_within_read_once(tmp_path: Path) -> None:
    inside = tmp_path / "knowledge"
    inside.mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (inside / "a.md").write_text("words")
    (inside / "out.md").symlink_to(tmp_path / "secret.md")
    (inside / "parent").symlink_to(tmp_path)
    (inside / "gone.md").symlink_to(tmp_path / "gone.md")
    (inside / "loop").symlink_to(inside)
    (inside / "same.md").symlink_to("a.md")
    listing = list_files(_folder(inside))
    assert [file.source for file in listing.entries] == ["a.md"]
    assert {problem.file for problem in listing.skipped} == {
        "knowledge/out.md",
        "knowledge/parent",
        "knowledge/gone.md",
    }


def test_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(1024**3)
    started = time.perf_counter()
    (problem, _) = list_files(_folder(tmp_path)).skipped
    assert time.perf_counter() - started < 1
    assert "1,024.0 MiB" in problem.what
    assert "Split" in problem.do


def test_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("words")
    (file,) = list_files(_folder(tmp_path), largest_bytes=10).entries
    (tmp_path / "a.md").write_text("words " * 10)
    assert isinstance(file.read(largest_bytes=10), Problem)


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "gone.md").write_text("words")
    (tmp_path / os.fsdecode(b"b\xe4d.md")).write_text("words")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "other.PNG").write_bytes(b"\x89PNG")
    listing = list_files(_folder(tmp_path))
    assert len(listing.skipped) == 3
    (kind,) = [problem for problem in listing.skipped if problem.warning]
    assert "2 of the kind .png" in kind.what
    (file,) = listing.entries
    (tmp_path / "gone.md").unlink()
    gone = file.read(10)
    assert isinstance(gone, Problem)
    assert gone.do


def test_encodings_are_recognised_by_their_marks() -> None:
    said = "Größe – 日本 🦓"
    for data in (said.encode(), said.encode("utf-8-sig"), said.encode("utf-16")):
        assert _document("a.txt", data).text == said
    assert "binary" in _problem("a.txt", said.encode("utf-16-le")).what
    assert "binary" in _problem("a.md", b"words\0words").what
    latin = _problem("a.md", "one\ntwo\ngrün".encode("latin-1"))
    assert (latin.file, latin.line) == ("knowledge/a.md", 3)
    assert "UTF-8" in latin.do
    assert "UTF-16" in _problem("a.md", b"\xff\xfe\x00\xd8a").what
    assert "no text" in _problem("a.md", " \n ").what


def test_title_comes_from_front_matter_heading_page_or_name() -> None:
    front = "---\ntags: [a]\ntitle: 'The handbook'\n---\n# Chapter\nwords"
    assert _document("a.md", front).title == "The handbook"
    assert _document("a.md", '+++\r\ntitle = "It"\r\n+++\r\nwords').title == "It"
    assert _document("a.md", "words\n\n# The *first* [heading](x.md) #\n").title == "The first heading"
    assert _document("a.html", "<title>Page &amp; site</title><p>x").title == "Page & site"
    assert _document("a.html", "<title>Page</title><h1>Main <b>thing</b></h1><p>x").title == "Main thing"
    assert _document("setup guide.txt", "# no heading").title == "setup guide"
    assert _document("a.md", "# C#\nwords").title == "C#"


def test_front_matter_and_comments_are_no_text() -> None:
    document = _document("a.md", "---\nsecret: 1\n---\nseen\n\n<!-- hidden\n\nstill --> \n\nalso seen\n\n---\nend")
    assert _texts(document, BlockKind.PROSE) == ["seen", "also seen", "end"]
    assert _texts(document, BlockKind.HIDDEN) == ["<!-- hidden\n\nstill -->"]
    assert "hidden" not in "".join(passage.text for passage in chunk(document))


def test_markdown_blocks_are_found() -> None:
    source = "# One\r\ntext\r\nmore\r\n- item\r\n  goes on\r\n- item 2\r\n---\r\nSetext\r\n===\r\n```sh\r\n# code\r\n\r\nx\r\n```\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\nafter"
    document = _document("a.md", source)
    assert [(block.level, block.title) for block in document.blocks if block.level] == [(1, "One"), (1, "Setext")]
    assert _texts(document, BlockKind.PROSE) == ["text\r\nmore", "- item\r\n  goes on", "- item 2", "after"]
    assert _texts(document, BlockKind.LINES) == [
        "```sh\r\n# code\r\n\r\nx\r\n```",
        "| a | b |\r\n|---|---|\r\n| 1 | 2 |",
    ]


def test_webpage_shows_what_a_reader_sees() -> None:
    page = read_webpage(
        "<!doctype html><html><head><title>T</title><style>p{}</style><script>'</p>'</script></head><body>"
        "<header>Site</header><nav><ul><li>Menu</ul></nav><!-- no --><p hidden>no</p><p style='display: none'>no</p>"
        '<p title="a > b">One<br>two &lt;b&gt;&nbsp;<i>th</i>ree</p><div class="hidden-xs">Four'
        "<table><tr><th>A<th>B<tr><td>1<td>2</table><pre>\n x\n  y</pre><svg><text>no</text></svg><footer>no</footer>"
    )
    assert page.text.rstrip() == "One\ntwo <b> three\n\nFour\n\nA\tB\n\n1\t2\n\n x\n  y"


def test_main_part_is_read_alone_unless_it_is_empty() -> None:
    around = "<div>around</div>"
    assert read_webpage(f"{around}<main><h1>Head</h1>words</main>{around}").text.split() == ["Head", "words"]
    assert read_webpage(f"{around}<!-- <main> --><p>words").text.split() == ["around", "words"]


WORDS = st.sampled_from(
    ["Hello", "wörld", "a  b", "x\n\ty", "🦓", "&amp;", "&#233;", "&nbsp;", "&ldquo;", "1 < 2", "&", "日本語"]
)
INLINE = st.tuples(st.sampled_from(["<b>", "<i class='x'>", "</b>", "", '<a href="?a>b&c">']), WORDS).map("".join)
BLOCK = st.tuples(
    st.sampled_from(["<p>", "<div>", "<li>", "<h2>", "<td>", "<br>", "<pre>"]), st.lists(INLINE).map(" ".join)
)
PAGES = st.lists(BLOCK.map("".join)).map("\n".join)


def _shown(markup: str) -> str:
    """Return what a reader sees of some markup, without white space."""
    return "".join(html.unescape(TAG.sub("", markup.replace("?a>b", ""))).split())


@given(PAGES)
def test_webpage_text_stands_where_its_runs_say(file: str) -> None:
    page = read_webpage(file)
    for (start, at), (stop, _) in pairwise((*page.runs, (len(page.text), 0))):
        for offset in range(stop - start):
            sign = page.text[start + offset]
            assert sign.isspace() or sign == file[at + offset] or file[at] == "&"


@given(PAGES)
def test_webpage_passages_cite_their_own_words(file: str) -> None:
    document = _parsed("a.html", file)
    for passage in chunk(document) if isinstance(document, Document) else ():
        quoted = file[slice(*passage.in_source(0, len(passage.text)))]
        assert _shown(quoted) == "".join(passage.text.split())
        assert quoted == file[passage.start : passage.end]
        for word in re.finditer(r"\S+", passage.text):
            inner = file[slice(*passage.in_source(*word.span()))]
            assert _shown(inner) == word[0]


@given(st.text(), st.sampled_from(["a.md", "a.html", "a.txt"]))
def test_any_text_can_be_read(text: str, name: str) -> None:
    parsed = _parsed(name, text.encode(errors="replace"))
    if isinstance(parsed, Document):
        ends = [0] + [edge for block in parsed.blocks for edge in (block.start, block.end)]
        assert ends == sorted(ends)
        assert ends[-1] <= len(parsed.text)


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "<a ", "<a '", '<a x="', "</", "&#x", "<title>", "# ![](", "[[", "| -", "` ", "- "]
)
@pytest.mark.parametrize("name", ["a.md", "a.html"])
def test_hostile_repetition_takes_linear_time(unit: str, name: str) -> None:
    started = time.process_time()
    document = _parsed(name, unit * 50_000)
    if isinstance(document, Document):
        chunk(document)
    assert time.process_time() - started < 5
