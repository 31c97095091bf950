"""Keep a copy of a website's pages: what its sitemap or llms.txt names, as far as its robots.txt allows.

The copy is what is indexed, so nothing is asked for twice: a page that has not changed is not sent again, an
interrupted visit goes on where it stopped, and a site that is down for a day loses no page.
"""

import codecs
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from html import unescape
from itertools import islice
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import msgspec

from shipmate.errors import Problem
from shipmate.knowledge.documents import File
from shipmate.sources import DocumentFolder, Website

__all__ = ["Answer", "Get", "Mirror", "visit"]

MIB = 1024 * 1024
LARGEST_PAGE = 8 * MIB
LARGEST_LIST = 50 * MIB
MOST_SITEMAPS = 200
SAVED_EVERY = 25
# In a row; then the site is taken to be down.
MOST_FAULTS = 10
# Of one page.
MOST_LINKS = 2000
AGENT = "shipmate"
# After these a page is quoted no more: who may not read it on the site shall not read it here.
GONE = {
    401: "it is not for everybody",
    403: "it is not for everybody",
    404: "it is not there",
    410: "it is not there",
    451: "it may not be shown",
}
REDIRECTED = 3
TOO_MANY_REQUESTS = 429
SERVER_FAULT = 500
# What a robots.txt may ask for between two pages; more is not waited for.
LONGEST_PAUSE_S = 10.0
# Nothing is tried twice in these, whatever a server sends: else one page could keep the visit busy for hours.
LOCATION = re.compile(r"<loc>\s*+(?:<!\[CDATA\[)?+\s*+([^<\]\s]++)", re.IGNORECASE)
MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
PAGE_LINK = re.compile(r"<a\s[^<>]*?href\s*+=\s*+[\"']?+([^\"'\s>]++)", re.IGNORECASE)
CHARSET = re.compile(rb"charset\s*+=\s*+[\"']?+\s*+([\w.:-]{1,40})", re.IGNORECASE)
# What pages are written in, by the codecs' own names; others that Python knows take quadratic time, or are no charsets.
CHARSETS = frozenset(
    """ascii big5 big5hkscs cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 cp874 cp932 cp949 euc_jp
    euc_kr gb18030 gb2312 gbk iso2022_jp iso8859-1 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16
    iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 koi8-r koi8-u mac-cyrillic mac-roman
    shift_jis tis-620 utf-16 utf-16-be utf-16-le utf-8 utf-8-sig""".split()
)
SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/plain": ".txt",
    "application/pdf": ".pdf",
}


class Answer(Protocol):
    """What a server answered."""

    @property
    def url(self) -> str:
        """Return where it came from in the end."""

    @property
    def status(self) -> int:
        """Return the status; 0 without an answer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers by their names in small letters."""

    @property
    def body(self) -> bytes:
        """Return the page."""

    @property
    def fault(self) -> str:
        """Return why there is no page; empty when there is."""


class Get(Protocol):
    """Asks for a page, and never raises for what the network does."""

    def __call__(
        self, url: str, *, largest_bytes: int, headers: Mapping[str, str], may: Callable[[str], bool]
    ) -> Answer:
        """Return the answer behind all redirects, each of which `may` has to allow."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page as it was fetched."""

    file: str
    size_bytes: int
    # The address that led to it.
    asked: str
    etag: str = ""
    last_modified: str = ""


class Mirror:
    """The copy of one website in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = folder / "pages.json"
        try:
            self.pages = msgspec.json.decode(self._list.read_bytes(), type=dict[str, Page])
        except (FileNotFoundError, msgspec.DecodeError):
            self.pages = {}

    def page(self, asked: str) -> Page | None:
        """Return the page that an address led to."""
        found = self.pages.get(asked)
        return found or next((page for page in self.pages.values() if page.asked == asked), None)

    def read(self, page: Page) -> bytes:
        """Return a page's content; nothing when somebody took it away."""
        try:
            return (self._folder / page.file).read_bytes()
        except OSError:
            return b""

    def keep(self, url: str, asked: str, suffix: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Write a page in the place of the one before."""
        self.forget(url)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = blake2b(url.encode(), digest_size=12).hexdigest() + suffix
        _write(self._folder / file, data)
        self.pages[url] = Page(
            file=file,
            size_bytes=len(data),
            asked=asked,
            etag=headers.get("etag", ""),
            last_modified=headers.get("last-modified", ""),
        )

    def forget(self, url: str) -> None:
        """Delete a page."""
        if page := self.pages.pop(url, None):
            (self._folder / page.file).unlink(missing_ok=True)

    def save(self) -> None:
        """Write down what is here."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._list, msgspec.json.encode(self.pages))

    def files(self, site: Website) -> Iterator[File]:
        """Yield the pages as documents, named by their addresses."""
        folder = DocumentFolder(path=self._folder, prefix=site.url, audience=site.audience)
        for url, page in sorted(self.pages.items()):
            yield File(folder, page.file, page.size_bytes, name=url)


def visit(site: Website, mirror: Mirror, get: Get, *, progress: Callable[[str, int, int], None]) -> list[Problem]:
    """Bring the copy in step with the site; return what was not read, and why."""
    visitor = _Visitor(site, mirror, get)
    try:
        visitor.run(progress)
    finally:
        mirror.save()
    return visitor.problems


class _Visitor:
    """One visit."""

    def __init__(self, site: Website, mirror: Mirror, get: Get) -> None:
        self.problems: list[Problem] = []
        self._site = site
        self._mirror = mirror
        self._get = get
        self._start = urlsplit(site.url)
        self._hosts = {str(self._start.hostname), *(host.lower() for host in site.hosts)}
        self._robots: dict[str, RobotFileParser | None] = {}
        # Of a site without any list: the links of the pages that were read.
        self._links: dict[str, None] = {}
        self._seen: set[str] = set()
        self._gone: set[str] = set()
        # How many pages have failed in a row.
        self._faults = 0
        # Whether all that the site lists is known: else nothing is taken for removed.
        self._is_sure = True

    def run(self, progress: Callable[[str, int, int], None]) -> None:
        """Visit the pages that are listed, or those that the first page leads to."""
        rules = self._rules(self._root)
        if rules is None:
            return
        pause_s = min(float(rules.crawl_delay(AGENT) or 0), LONGEST_PAUSE_S)
        listed = self._wanted()
        waiting = dict.fromkeys(listed or [self._site.url])
        done = 0
        while waiting and done < self._site.most_pages and self._is_reachable(waiting):
            url = next(iter(waiting))
            del waiting[url]
            progress(url, done, min(done + len(waiting) + 1, self._site.most_pages))
            is_answered = self._page(url)
            self._faults = 0 if is_answered else self._faults + 1
            done += 1
            time.sleep(pause_s)
            if not listed:
                self._is_sure &= is_answered
                waiting |= {link: None for link in self._links if link not in self._seen}
                self._links = {}
            if done % SAVED_EVERY == 0:
                self._mirror.save()
        if waiting and done == self._site.most_pages:
            what = f"More pages are listed than the {self._site.most_pages:,} that are read."
            self._complain(self._site.url, what, "Raise `most_pages`, or begin further down.", reason="too many pages")
        for url, page in list(self._mirror.pages.items()):
            names = {url, page.asked}
            if not self._seen & names and (self._is_sure or self._gone & names):
                self._mirror.forget(url)

    def _wanted(self) -> list[str]:
        """Return the listed pages that may be read, one more at most than are; of twins, the page and not its source."""
        found: dict[str, None] = {}
        for url in self._listed():
            if len(found) > self._site.most_pages:
                break
            if self._may_page(url):
                found[url] = None
        return [url for url in found if not any(twin in found for twin in _twins(url))]

    def _is_reachable(self, waiting: Iterable[str]) -> bool:
        """Tell whether it is worth going on; else the pages that wait are kept as they are."""
        if self._faults < MOST_FAULTS:
            return True
        self._is_sure = False
        what = f"It failed {MOST_FAULTS} times in a row, so the visit ended."
        self._complain(self._site.url, what, "Try again later; what was read before is kept.")
        self._seen.update(waiting)
        return False

    @property
    def _root(self) -> str:
        return f"{self._start.scheme}://{self._start.netloc}"

    def _page(self, url: str) -> bool:
        """Fetch one page, unless the copy is as new; return whether the server said how it stands with it."""
        before = self._mirror.page(url)
        held = self._mirror.read(before) if before else b""
        headers = {}
        # A copy that somebody took away or cut off is asked for as if it had never been here.
        if before and held and len(held) == before.size_bytes:
            told = {"If-None-Match": before.etag, "If-Modified-Since": before.last_modified}
            headers = {name: value for name, value in told.items() if value}
        self._seen.add(url)
        answer = self._get(url, largest_bytes=LARGEST_PAGE, headers=headers, may=self._may_page)
        if answer.fault:
            self._complain(url, answer.fault, "Look at it in a browser; what was read before is kept.")
        elif before and answer.status == 304:
            self._follow(url, before.file, held)
        elif answer.status in GONE:
            self._seen.discard(url)
            self._gone.add(url)
            what = f"The server says {answer.status}: {GONE[answer.status]}, so it is not quoted either."
            self._complain(url, what, "Take it out of the sitemap.")
        elif answer.status != 200:
            self._complain(url, f"The server says {answer.status}.", "Try again later; what was read before is kept.")
        else:
            self._keep(url, answer)
        is_told = not answer.fault or answer.status // 100 == REDIRECTED
        return is_told and answer.status < SERVER_FAULT and answer.status != TOO_MANY_REQUESTS

    def _keep(self, asked: str, answer: Answer) -> None:
        url = urldefrag(answer.url).url
        kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        suffix = ".md" if kind == "text/plain" and url.endswith((".md", ".markdown")) else SUFFIXES.get(kind)
        if suffix is None:
            do = "Take it out of the sitemap, if nobody needs it."
            self._complain(url, f"It is of the kind {kind}, which is not read.", do, reason="unknown kind")
            return
        data = answer.body if suffix == ".pdf" else _utf8(answer)
        self._seen.add(url)
        if url != asked:
            # It has moved; what it was before is not there any more.
            self._mirror.forget(asked)
        self._mirror.keep(url, asked, suffix, data, answer.headers)
        self._follow(url, suffix, data)

    def _follow(self, url: str, file: str, data: bytes) -> None:
        """Note the pages that a page leads to."""
        if file.endswith(".html"):
            links = islice(PAGE_LINK.finditer(data.decode("utf-8", "replace")), MOST_LINKS)
            found = [unescape(link[1]) for link in links]
            self._links.update(dict.fromkeys(link for link in _absolute(url, found) if self._may_page(link)))

    def _listed(self) -> Iterator[str]:
        """Yield the addresses of sitemaps and llms.txt."""
        rules = self._rules(self._root)
        waiting = (rules.site_maps() if rules else None) or [f"{self._root}/sitemap.xml"]
        asked: set[str] = set()
        while waiting and len(asked) < MOST_SITEMAPS:
            sitemap = waiting.pop(0)
            if sitemap in asked:
                continue
            asked.add(sitemap)
            text = self._text(sitemap)
            places = _absolute(sitemap, (unescape(place) for place in LOCATION.findall(text)))
            if "<sitemapindex" in text:
                waiting.extend(places)
            else:
                yield from places
        for place in dict.fromkeys((f"{self._root}/llms.txt", urljoin(self._site.url, "llms.txt"))):
            yield from _absolute(place, MARKDOWN_LINK.findall(self._text(place)))

    def _text(self, url: str) -> str:
        """Return a list of pages; nothing when there is none."""
        answer = self._get(url, largest_bytes=LARGEST_LIST, headers={}, may=self._is_ours)
        if answer.fault or answer.status >= SERVER_FAULT:
            self._is_sure = False
            self._complain(url, answer.fault or f"The server says {answer.status}.", "Look at it in a browser.")
        body = answer.body if answer.status == 200 and not answer.fault else b""
        return (_unpacked(body) if body.startswith(b"\x1f\x8b") else body).decode("utf-8-sig", "replace")

    def _rules(self, root: str) -> RobotFileParser | None:
        """Return a host's robots.txt; None when it cannot be known, and then nothing may be read."""
        if root not in self._robots:
            answer = self._get(f"{root}/robots.txt", largest_bytes=MIB, headers={}, may=self._is_ours)
            if answer.fault or answer.status >= SERVER_FAULT:
                self._is_sure = False
                self._complain_of_robots(root, answer)
                self._robots[root] = None
            else:
                rules = self._robots[root] = RobotFileParser()
                rules.parse(answer.body.decode("utf-8", "replace").splitlines() if answer.status == 200 else [])
        return self._robots[root]

    def _complain_of_robots(self, root: str, answer: Answer) -> None:
        fault = answer.fault or f"The server says {answer.status}."
        what = f"Its robots.txt cannot be read, so no page of it is. {fault}"
        do = "Try again later; what was read before is kept."
        to = urlsplit(answer.url)
        if to.scheme in {"http", "https"} and to.hostname and not self._is_ours(answer.url):
            what = f"{what} ({answer.url})"
            do = f"Write {to.scheme}://{to.hostname}{self._start.path} as its `url`, or name {to.hostname} in its `hosts`."
        self._complain(root, what, do)

    def _may(self, url: str) -> bool:
        parts = urlsplit(url)
        rules = self._rules(f"{parts.scheme}://{parts.netloc}")
        return rules is not None and rules.can_fetch(AGENT, url)

    def _may_page(self, url: str) -> bool:
        return self._belongs(url) and self._may(url)

    def _is_ours(self, url: str) -> bool:
        """Tell whether an address is of the site's hosts, at its own port or a usual one."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.hostname not in self._hosts:
            return False
        return port in {None, 80, 443} or (parts.hostname == self._start.hostname and port == self._start.port)

    def _belongs(self, url: str) -> bool:
        if not self._is_ours(url) or _climbs(url):
            return False
        parts = urlsplit(url)
        below = self._start.path.rpartition("/")[0] + "/"
        return parts.hostname != self._start.hostname or f"{parts.path or '/'}".startswith(below)

    def _complain(self, url: str, what: str, do: str, *, reason: str = "web page") -> None:
        self.problems.append(Problem(file=url, line=0, what=what, do=do, reason=reason))


def _twins(url: str) -> list[str]:
    """Return where the page may stand whose Markdown source an address is."""
    if not url.endswith(".md"):
        return []
    bare = url.removesuffix(".md")
    return [bare, f"{bare}.html", f"{bare}/", bare.removesuffix(".html"), bare.removesuffix("index")]


def _climbs(url: str) -> bool:
    """Tell whether a path has dot segments, however written: a server may follow them to where robots may not go."""
    segments = unquote(urlsplit(url).path).replace("\\", "/").split("/")
    return any(segment.partition(";")[0] in {".", ".."} for segment in segments)


def _absolute(base: str, links: Iterable[str]) -> list[str]:
    found = []
    for link in links:
        try:
            found.append(urldefrag(urljoin(base, link.strip())).url)
        except ValueError:
            continue
    return found


def _utf8(answer: Answer) -> bytes:
    """Return a text in UTF-8, whatever the server sent it in; as it is when that cannot be known."""
    named = CHARSET.search(answer.headers.get("content-type", "").encode()) or CHARSET.search(answer.body[:2048])
    try:
        charset = codecs.lookup(named[1].decode() if named else "utf-8").name
        return answer.body.decode(charset).encode() if charset in CHARSETS else answer.body
    except (LookupError, UnicodeError):
        return answer.body


def _unpacked(body: bytes) -> bytes:
    import zlib  # noqa: PLC0415 - few sitemaps are packed

    try:
        return zlib.decompressobj(31).decompress(body, LARGEST_LIST)
    except zlib.error:
        return b""


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(data)
    draft.replace(path)
