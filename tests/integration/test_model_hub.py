"""A model fetched by name: whole, checked, and going on where it broke off, from a hub that behaves as the known one."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shipmate.adapters import sentence_transformer
from shipmate.adapters.model_hub import Hub, fetch_model
from shipmate.adapters.onnx import FILES
from shipmate.errors import Missing, ModelGarbled, ModelUnavailable, UsageError

MODEL = bytes(range(256)) * 2000
TOKENIZER = b'{"model": {}}'


class FakeHub:
    """Sends large files on to another place, serves ranges, and breaks off when it is told to."""

    def __init__(self) -> None:
        self.files = {"onnx/model.onnx": MODEL, "tokenizer.json": TOKENIZER}
        self.breaks: list[int] = []
        self.status = 200
        self.sha256 = hashlib.sha256(MODEL).hexdigest()
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        app = web.Application()
        app.router.add_get("/team/model/resolve/main/{file:.+}", self.resolve)
        app.router.add_get("/lfs/{file:.+}", self.large)
        self.server = TestServer(app)

    @property
    def hub(self) -> Hub:
        return Hub(str(self.server.make_url("/")), silence_s=5, pause_s=0)

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        file = request.match_info["file"]
        self.asked[file] += 1
        if self.status != 200:
            return web.Response(status=self.status)
        if file not in self.files:
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        content = self.files[file]
        if file.endswith(".onnx"):
            headers = {
                "Location": f"/lfs/{file}?signed=1",
                "X-Linked-Etag": f'"{self.sha256}"',
                "X-Linked-Size": f"{len(content)}",
            }
            return web.Response(status=302, headers=headers)
        tag = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        return web.Response(body=content, headers={"ETag": f'"{tag}"'})

    async def large(self, request: web.Request) -> web.StreamResponse:
        content = self.files[request.match_info["file"]]
        start = request.http_range.start or 0
        self.ranges.append(request.headers.get("Range", ""))
        if start >= len(content):
            return web.Response(status=416)
        response = web.StreamResponse(status=206 if start else 200, headers={"ETag": '"of-the-store"'})
        response.content_length = len(content) - start
        await response.prepare(request)
        if self.breaks:
            await response.write(content[start : start + self.breaks.pop()])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(content[start:])
        return response


def kept(folder: Path, pattern: str = "model.onnx*") -> list[Path]:
    return sorted(folder.rglob(pattern))


@pytest.fixture
async def fake() -> AsyncIterator[FakeHub]:
    hub = FakeHub()
    await hub.server.start_server()
    yield hub
    await hub.server.close()


async def test_model_is_fetched_once_with_progress(fake: FakeHub, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub, progress=lambda *seen: told.append(seen))
    assert (folder / "onnx/model.onnx").read_bytes() == MODEL
    assert (folder / "tokenizer.json").read_bytes() == TOKENIZER
    assert ("onnx/model.onnx", len(MODEL), len(MODEL)) in told
    assert [there for _, there, _ in told] != []
    fake.asked.clear()
    assert await fetch_model("team/model", tmp_path, FILES, hub=fake.hub) == folder
    assert not fake.asked


async def test_model_that_is_whole_is_opened_when_the_hub_is_gone(fake: FakeHub, tmp_path: Path) -> None:
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    gone = Hub("http://127.0.0.1:1", silence_s=1, pause_s=0)
    assert await fetch_model("team/model", tmp_path, FILES, hub=gone) == folder


async def test_model_of_another_kind_comes_beside_the_first(fake: FakeHub, tmp_path: Path) -> None:
    fake.files |= {"model.safetensors": b"weights", "config.json": b"{}"}
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    assert await fetch_model("team/model", tmp_path, sentence_transformer.FILES, hub=fake.hub) == folder
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (folder / "onnx/model.onnx").read_bytes() == MODEL


async def test_download_that_breaks_off_goes_on_where_it_was(fake: FakeHub, tmp_path: Path) -> None:
    fake.breaks = [100_000, 200_000]
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    assert (folder / "onnx/model.onnx").read_bytes() == MODEL
    assert fake.ranges[0] == ""
    assert all(asked.startswith("bytes=") for asked in fake.ranges[1:])


async def test_what_came_before_a_failure_is_kept_for_the_next_try(fake: FakeHub, tmp_path: Path) -> None:
    fake.breaks = [50_000] * 5
    with pytest.raises(ModelUnavailable, match="try again"):
        await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    (part,) = kept(tmp_path)
    assert part.name == "model.onnx.part"
    there = len(part.read_bytes())
    assert there > 0
    fake.ranges.clear()
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    assert (folder / "onnx/model.onnx").read_bytes() == MODEL
    assert fake.ranges == [f"bytes={there}-"]


async def test_file_with_a_wrong_checksum_is_deleted(fake: FakeHub, tmp_path: Path) -> None:
    fake.sha256 = "0" * 64
    with pytest.raises(ModelGarbled, match="checksum"):
        await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    assert kept(tmp_path) == []


async def test_part_that_is_longer_than_the_file_is_fetched_anew(fake: FakeHub, tmp_path: Path) -> None:
    part = tmp_path / "team--model" / "main" / "onnx" / "model.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * (len(MODEL) + 1))
    folder = await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    assert (folder / "onnx/model.onnx").read_bytes() == MODEL


async def test_model_without_onnx_or_without_a_name_is_refused(fake: FakeHub, tmp_path: Path) -> None:
    del fake.files["onnx/model.onnx"]
    with pytest.raises(Missing, match="no model of this kind"):
        await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)
    with pytest.raises(Missing, match=r"tokenizer\.json"):
        await fetch_model("team/other", tmp_path, FILES, hub=fake.hub)
    for name in ("", "..", "../x", "a/b/c", "/etc", "a//b", "a/..", "http://x"):
        with pytest.raises(UsageError, match="is no folder, and not the name of a model"):
            await fetch_model(name, tmp_path, FILES, hub=fake.hub)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_hub_that_cannot_serve_is_said_to_be_unavailable(fake: FakeHub, tmp_path: Path, status: int) -> None:
    fake.status = status
    with pytest.raises(ModelUnavailable, match="could not be fetched"):
        await fetch_model("team/model", tmp_path, FILES, hub=fake.hub)


async def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="check the network"):
        await fetch_model("team/model", tmp_path, FILES, hub=Hub("http://127.0.0.1:1", silence_s=1, pause_s=0))
