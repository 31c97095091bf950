"""A website is read as it allows, follows what changes there, and never leads into a private network."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shipmate.adapters.system_clock import SystemClock
from shipmate.adapters.web import Answer, Web, is_public
from shipmate.errors import Problem
from shipmate.knowledge.ingest import ingest
from shipmate.knowledge.website import LARGEST_PAGE, Mirror, visit
from shipmate.listing import listings
from shipmate.sources import Website
from shipmate.testing.memory_index import MemoryIndex

Answering = Callable[[BaseHTTPRequestHandler], None]


def page(text: str, kind: str = "text/html", status: int = 200, **headers: str) -> Answering:
    """Return what answers with a text, by its tag when it has not changed."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = text.encode()
        tag = f'"{hash(text)}"'
        if request.headers.get("If-None-Match") == tag:
            request.send_response(304)
            request.end_headers()
            return
        request.send_response(status)
        for name, value in {"Content-Type": kind, "ETag": tag, **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        packed = gzip.compress(body) if headers.get("Content_Encoding") == "gzip" else body
        request.send_header("Content-Length", str(len(packed)))
        request.end_headers()
        request.wfile.write(packed)

    return answer


def redirect(to: str) -> Answering:
    return page("", status=302, Location=to)


class Site:
    """A real server; `pages` is what it holds, `asked` what it was asked for with which status it answered."""

    def __init__(self) -> None:
        self.pages: dict[str, Answering] = {}
        self.asked: list[tuple[str, int]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.pages.get(self.path, page("nothing here", status=404))(self)

            def log_request(self, code: Any = 0, _: Any = 0) -> None:
                site.asked.append((self.path, int(code)))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def sitemap(self, *paths: str) -> None:
        self.pages["/sitemap.xml"] = page("".join(f"<url><loc>{self.url}{path}</loc></url>" for path in paths))

    def website(self, **more: Any) -> Website:
        told = {"url": f"{self.url}/", "allow_private": True, "requests_per_s": 1000.0, **more}
        return Website(prefix=told["url"], **told)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def visited(website: Website, folder: Path, **how: float) -> tuple[Mirror, list[Problem]]:
    mirror = Mirror(folder)
    web = Web(SystemClock(), allow_private=website.allow_private, requests_per_s=website.requests_per_s, **how)
    return mirror, visit(website, mirror, web.get, progress=lambda *_: None)


def paths(site: Site, mirror: Mirror) -> set[str]:
    return {url.removeprefix(site.url) for url in mirror.pages}


def test_pages_of_the_sitemap_are_read_as_robots_allow(site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = page(
        f"User-agent: *\nDisallow: /secret\nSitemap: {site.url}/index.xml\nSitemap: {site.url}/gone.xml\n", "text/plain"
    )
    site.pages["/index.xml"] = page(
        f"<sitemapindex><sitemap><loc>{site.url}/a.xml.gz</loc></sitemap>"
        f"<sitemap><loc>{site.url}/index.xml</loc></sitemap></sitemapindex>"
    )
    inner = f"<urlset><loc><![CDATA[{site.url}/a]]></loc><loc>{site.url}/secret/b</loc><loc>http://elsewhere.test/c</loc><loc> {site.url}/d?x=1&amp;y=2 </loc></urlset>"

    def packed(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(gzip.compress(inner.encode()))

    site.pages["/a.xml.gz"] = packed
    site.pages["/llms.txt"] = page("# Site\n- [Guide](/guide.md): how\n", "text/plain")
    site.pages["/a"] = page("<h1>A</h1><p>grün", "text/html; charset=utf-8", Content_Encoding="gzip")
    site.pages["/d?x=1&y=2"] = page("<p>d")
    site.pages["/guide.md"] = page("# Guide", "text/plain")
    mirror, problems = visited(site.website(), tmp_path)
    assert paths(site, mirror) == {"/a", "/d?x=1&y=2", "/guide.md"}
    assert problems == []
    assert "/secret/b" not in {path for path, _ in site.asked}
    by_name = {file.source.removeprefix(site.url): file for file in mirror.files(site.website())}
    assert by_name["/guide.md"].suffix == ".md"
    assert by_name["/a"].read() == "<h1>A</h1><p>grün".encode()


def test_only_what_has_changed_is_sent_again_and_what_is_gone_is_forgotten(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b", "/c")
    for name in "abc":
        site.pages[f"/{name}"] = page(f"<p>{name} is a letter.")
    visited(site.website(), tmp_path)
    site.pages["/b"] = page("<p>b has changed.")
    site.sitemap("/a", "/b")
    site.asked.clear()
    mirror, problems = visited(site.website(), tmp_path)
    assert {one for one in site.asked if one[0] in {"/a", "/b", "/c"}} == {("/a", 304), ("/b", 200)}
    assert paths(site, mirror) == {"/a", "/b"}
    assert problems == []
    assert len(list(tmp_path.glob("*.html"))) == 2
    del site.pages["/a"]
    mirror, (problem,) = visited(site.website(), tmp_path)
    assert paths(site, mirror) == {"/b"}
    assert "404" in problem.what


def test_site_that_is_down_loses_no_page(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b")
    site.pages["/a"] = site.pages["/b"] = page("<p>words")
    visited(site.website(), tmp_path)
    site.pages["/b"] = page("busy", status=503)
    mirror, problems = visited(site.website(), tmp_path)
    assert (len(mirror.pages), len(problems)) == (2, 1)
    site.pages["/sitemap.xml"] = page("busy", status=500)
    mirror, problems = visited(site.website(), tmp_path)
    assert (len(mirror.pages), "500" in problems[0].what) == (2, True)
    site.pages["/robots.txt"] = page("busy", status=503)
    site.asked.clear()
    mirror, (problem,) = visited(site.website(), tmp_path)
    assert len(mirror.pages) == 2
    assert "robots.txt" in problem.what
    assert {path for path, _ in site.asked} == {"/robots.txt"}


def test_second_host_that_is_down_loses_no_page_and_is_asked_once(tmp_path: Path) -> None:
    own, other = "http://a.test", "http://b.test"
    listed = "".join(f"<loc>{url}</loc>" for url in (f"{own}/1", f"{other}/2", f"{other}/3"))
    answers = {
        f"{own}/sitemap.xml": (200, listed),
        **dict.fromkeys((f"{own}/1", f"{other}/2", f"{other}/3"), (200, "<p>words")),
    }
    asked: list[str] = []

    def get(url: str, **_: object) -> Answer:
        asked.append(url)
        status, body = answers.get(url, (404, ""))
        return Answer(url, status, body=body.encode())

    website = Website(prefix=f"{own}/", url=f"{own}/", hosts=("b.test",))
    mirror = Mirror(tmp_path)
    assert visit(website, mirror, get, progress=lambda *_: None) == []
    assert len(mirror.pages) == 3
    answers[f"{other}/robots.txt"] = (503, "")
    asked.clear()
    (problem,) = visit(website, mirror, get, progress=lambda *_: None)
    assert (problem.file, "503" in problem.what) == (other, True)
    assert len(mirror.pages) == 3
    assert asked.count(f"{other}/robots.txt") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_page_that_is_closed_is_not_quoted_even_while_the_lists_cannot_be_read(
    status: int, site: Site, tmp_path: Path
) -> None:
    site.pages["/robots.txt"] = page(f"Sitemap: {site.url}/one.xml\nSitemap: {site.url}/two.xml", "text/plain")
    site.pages |= {f"/{name}.xml": page(f"<loc>{site.url}/{at}</loc>") for name, at in (("one", "a"), ("two", "b"))}
    site.pages |= {"/a": page("<p>a"), "/b": page("<p>b")}
    visited(site.website(), tmp_path)
    site.pages |= {"/a": page("closed", status=status), "/two.xml": page("busy", status=503)}
    mirror, problems = visited(site.website(), tmp_path)
    assert paths(site, mirror) == {"/b"}
    assert any(str(status) in problem.what and "not quoted" in problem.what for problem in problems)


def test_page_that_has_moved_is_kept_once(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a")
    site.pages["/a"] = page("<p>old words")
    visited(site.website(), tmp_path)
    site.pages |= {"/a": redirect("/b"), "/b": page("<p>new words")}
    mirror, problems = visited(site.website(), tmp_path)
    assert (paths(site, mirror), problems) == ({"/b"}, [])


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"<p>ha")])
def test_copy_that_was_lost_is_fetched_again(harm: Callable[[Path], object], site: Site, tmp_path: Path) -> None:
    site.sitemap("/a")
    site.pages["/a"] = page("<p>half and half")
    visited(site.website(), tmp_path)
    (kept,) = tmp_path.glob("*.html")
    harm(kept)
    mirror, problems = visited(site.website(), tmp_path)
    assert problems == []
    assert [file.read() for file in mirror.files(site.website())] == [b"<p>half and half"]


def test_site_whose_robots_lead_elsewhere_says_where_and_what_to_do(site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = redirect("http://www.example.test/robots.txt")
    mirror, (problem,) = visited(site.website(url=f"{site.url}/guide/"), tmp_path)
    assert mirror.pages == {}
    assert "http://www.example.test/robots.txt" in problem.what
    assert "`url`" in problem.do
    assert "http://www.example.test/guide/" in problem.do
    assert "`hosts`" in problem.do
    site.pages["/robots.txt"] = page("busy", status=503)
    assert "503" in visited(site.website(), tmp_path)[1][0].what


@pytest.mark.parametrize(
    "path",
    [
        "/guide/../private/x",
        "/guide/%2e%2e/private/x",
        "/guide/.%2E/private/x",
        "/guide/..%2fprivate/x",
        "/guide/..\\private/x",
        "/guide/..%5cprivate/x",
        "/guide/..;a=1/private/x",
        "/guide/./../private/x",
        "/guide//../../private/x",
    ],
)
def test_dot_segments_lead_neither_out_of_the_path_nor_around_robots(path: str, site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = page("User-agent: *\nDisallow: /private\n", "text/plain")
    site.sitemap("/guide/a", path, "/guide/moved")
    site.pages["/guide/a"] = page(f'<a href="{site.url}{path}">x</a>')
    site.pages["/guide/moved"] = redirect(f"{site.url}{path}")
    site.pages[path] = page("<p>private")
    mirror, _ = visited(site.website(url=f"{site.url}/guide/"), tmp_path)
    assert paths(site, mirror) == {"/guide/a"}
    assert path not in {asked for asked, _ in site.asked}
    assert not any("private" in asked for asked, _ in site.asked)


def test_pages_that_are_slow_to_search_keep_nobody_busy(site: Site, tmp_path: Path) -> None:
    size = LARGEST_PAGE // 8
    charset = "text/html; charset="
    site.pages["/sitemap.xml"] = page("<loc>" + " " * size + "<")
    site.pages["/"] = page("".join(f"<a href=/{name}>" for name in "abcd"))
    site.pages["/a"] = page("<a " * (size // 3))
    site.pages["/b"] = page("a" * size + "-" + "a" * size, f"{charset}punycode")
    site.pages["/c"] = page("xn--a." * (size // 6), f"{charset}idna")
    site.pages["/d"] = page("<p>words", f"{charset}{' ' * 60_000};")
    started = time.process_time()
    mirror, problems = visited(site.website(), tmp_path)
    assert time.process_time() - started < 5
    assert paths(site, mirror) == {"/", "/a", "/b", "/c", "/d"}
    assert problems == []


@pytest.mark.parametrize("charset", ["windows-1252", "ISO-8859-1", "utf-16le", "gb18030", "shift_jis", "KOI8-U"])
def test_pages_are_read_in_the_charset_they_name(charset: str, site: Site, tmp_path: Path) -> None:
    words = {"gb18030": "水泵", "shift_jis": "ポンプ", "KOI8-U": "насос"}.get(charset, "Wärme")

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f"text/html; charset={charset}")
        request.end_headers()
        request.wfile.write(words.encode(charset))

    site.pages["/"] = answer
    mirror, _ = visited(site.website(), tmp_path)
    assert [file.read() for file in mirror.files(site.website())] == [words.encode()]


def test_site_without_lists_is_followed_by_its_links(site: Site, tmp_path: Path) -> None:
    site.pages["/docs/"] = page(
        '<a class=x href="a.html#top">A</a> <a href=/blog/>no</a> <a href="//other.test/">no</a>'
    )
    site.pages["/docs/a.html"] = page('<a href="/docs/">back</a><a href="b.html">B</a><a href="http://[">no</a>')
    site.pages["/docs/b.html"] = page("<p>end")
    website = site.website(url=f"{site.url}/docs/")
    for _ in range(2):
        mirror, problems = visited(website, tmp_path)
        assert paths(site, mirror) == {"/docs/", "/docs/a.html", "/docs/b.html"}
        assert problems == []
    (problem,) = visited(site.website(url=f"{site.url}/docs/", most_pages=2), tmp_path / "other")[1]
    assert problem.reason == "too many pages"


def test_markdown_twin_of_a_listed_page_is_left_out(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b.html", "/c/")
    site.pages["/llms.txt"] = page("[a](/a.md) [b](/b.html.md) [c](/c/index.md) [d](/d.md)", "text/plain")
    site.pages |= {path: page("words") for path in ("/a", "/b.html", "/c/", "/d.md")}
    mirror, problems = visited(site.website(), tmp_path)
    assert paths(site, mirror) == {"/a", "/b.html", "/c/", "/d.md"}
    assert problems == []


def test_interrupted_visit_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b", "/c")
    site.pages |= {path: page(f"words {path}") for path in ("/a", "/b", "/c")}
    web = Web(SystemClock(), allow_private=True, requests_per_s=1000)

    def interrupt(url: str, *_: int) -> None:
        if url.endswith("/c"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        visit(site.website(), Mirror(tmp_path), web.get, progress=interrupt)
    site.asked.clear()
    mirror, _ = visited(site.website(), tmp_path)
    assert [one for one in site.asked if len(one[0]) == 2] == [("/a", 304), ("/b", 304), ("/c", 200)]
    assert len(mirror.pages) == 3


def test_site_that_fails_again_and_again_is_left_alone(site: Site, tmp_path: Path) -> None:
    everything = [f"/{number}" for number in range(50)]
    site.sitemap(*everything)
    site.pages |= {path: page("words") for path in everything}
    assert visited(site.website(), tmp_path)[1] == []
    site.pages |= {path: redirect("http://elsewhere.test/") for path in everything}
    assert len(visited(site.website(), tmp_path)[1]) == 50
    visited(site.website(), tmp_path)
    site.pages |= {path: page("busy", status=503) for path in everything}
    site.asked.clear()
    mirror, problems = visited(site.website(), tmp_path)
    assert len(site.asked) < 20
    assert len(mirror.pages) == 50
    assert "in a row" in problems[-1].what


def test_requests_keep_their_distance(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a")
    site.pages["/a"] = page("words")
    started = time.perf_counter()
    visited(site.website(requests_per_s=20.0), tmp_path)
    assert time.perf_counter() - started >= (len(site.asked) - 1) / 20
    site.pages["/robots.txt"] = page("User-agent: *\nCrawl-delay: 1\n", "text/plain")
    started = time.perf_counter()
    visited(site.website(), tmp_path)
    assert time.perf_counter() - started >= 1


def test_redirects_are_followed_within_the_site_and_never_for_ever(site: Site, tmp_path: Path) -> None:
    site.sitemap("/old", "/loop", "/out", "/odd", "/file", "/in")
    site.pages["/old"] = redirect("/new")
    site.pages["/new"] = page("<p>new")
    site.pages["/loop"] = redirect("/loop")
    site.pages["/out"] = redirect("http://elsewhere.test/")
    site.pages["/odd"] = redirect("http://[::1")
    site.pages["/file"] = redirect("file:///etc/passwd")
    site.pages["/in"] = redirect("http://169.254.169.254/latest/meta-data/")
    mirror, problems = visited(site.website(), tmp_path)
    assert paths(site, mirror) == {"/new"}
    told = {problem.file.removeprefix(site.url): problem.what for problem in problems}
    assert "more than 5 times" in told["/loop"]
    assert all(
        "may not be read" in told[path] or "no address" in told[path] for path in ("/out", "/odd", "/file", "/in")
    )
    site.asked.clear()
    visited(site.website(), tmp_path)
    assert ("/new", 304) in site.asked


def test_what_lies_inside_the_network_is_not_even_connected_to(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a")
    for host in ("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0"):
        url = f"http://{host}:{site.server.server_port}/"
        mirror, problems = visited(site.website(url=url, allow_private=False), tmp_path)
        assert mirror.pages == {}
        assert problems
    assert site.asked == []


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 ::
    fe80::1%eth0 fc00::1 ff02::1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1 198.18.0.1
    64:ff9b:1::a9fe:a9fe 64:ff9b:1:a9fe:a9:fe00:808:808 ::ffff:0:7f00:1 fec0::1 5f00::1 3fff::1 192.0.0.8 192.88.99.1
    ::ffff:192.0.0.8""".split(),
)
def test_private_addresses_are_known_in_every_dress(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert all(map(is_public, ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]))


def test_hostile_servers_are_cut_off(site: Site, tmp_path: Path) -> None:
    def dripping(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(400):
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.02)

    def broken_off(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"<p>half")

    swollen = gzip.compress(bytes(20 * 1024 * 1024), 1)

    def swelling(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        request.wfile.write(swollen)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(bytes(1024 * 1024))

    def garbled(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"\x00\x01 nonsense\r\n\r\n")
        request.log_request(0)

    hostile = {"/drip": dripping, "/half": broken_off, "/swell": swelling, "/endless": endless, "/garbled": garbled}
    site.server.handle_error = lambda *_: None  # type: ignore[method-assign]
    site.pages.update(hostile)
    site.sitemap(*hostile, "/image", "/good")
    site.pages["/image"] = page("PNG", "image/png")
    site.pages["/good"] = page("<p>good")
    started = time.perf_counter()
    mirror, problems = visited(site.website(), tmp_path, page_s=2.0)
    assert time.perf_counter() - started < 30
    assert paths(site, mirror) == {"/good"}
    told = {problem.file.removeprefix(site.url): problem.what for problem in problems}
    assert set(told) == {*hostile, "/image"}
    assert "too slow" in told["/drip"]
    assert "broke off" in told["/half"]
    assert "larger than 8 MiB" in told["/swell"]
    assert "image/png" in told["/image"]


def test_pages_are_indexed_by_their_addresses_and_leave_with_their_site(site: Site, tmp_path: Path) -> None:
    site.sitemap("/a", "/b")
    site.pages["/a"] = page("<h1>Valve</h1><p>The valve opens at two bar.")
    site.pages["/b"] = page("<p>The pump is blue.")
    index = MemoryIndex()
    website = site.website(audience=("staff",))
    ingest(listings([website], tmp_path, SystemClock()), index)
    assert set(index.sources()) == {f"{site.url}/a", f"{site.url}/b"}
    (passage,) = index.passages(f"{site.url}/a")
    assert (passage.title, passage.audience) == ("Valve", ("staff",))
    assert ingest(listings([website], tmp_path, SystemClock(), visits=False), index).unchanged == 2
    ingest(listings([], tmp_path, SystemClock()), index)
    assert index.sources() == {}
    assert list((tmp_path / "websites").iterdir()) == []
