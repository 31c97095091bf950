"""The command line serves a real folder: every door gives the same answer, and it ends as it should."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]
QUESTION = "What does a berth cost?"
DOCUMENT = """# Mooring in the harbour

Visitors report to the harbour office on arrival.

## Prices

A berth costs 24 euros a night, and water is included. Electricity is metered and paid on departure.
"""


def shipmate(*arguments: str) -> "subprocess.Popen[str]":
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "shipmate", *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harbour")
    (folder / "knowledge").mkdir()
    (folder / "knowledge" / "mooring.md").write_text(DOCUMENT)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with shipmate("serve", str(folder), "--port", "0") as server:
        try:
            assert server.stdout
            line = server.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http://"))
        finally:
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=20)
    assert server.returncode == 0
    assert "Traceback" not in errors


def post(address: str, path: str, record: object, accept: str = "application/json") -> Any:
    headers = {"Content-Type": "application/json", "Accept": accept}
    request = urllib.request.Request(address + path, json.dumps(record).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read()


def get(address: str, path: str) -> Any:
    with urllib.request.urlopen(address + path, timeout=20) as response:
        return json.load(response)


def test_every_door_gives_the_same_answer(address: str) -> None:
    reply = json.loads(post(address, "/chat", {"message": QUESTION}))
    assert "24 euros" in reply["text"]
    assert reply["citations"][0]["quote"] in DOCUMENT

    stream = post(address, "/chat", {"message": QUESTION}, "text/event-stream").decode()
    tokens = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith('data: {"type":"token"')]
    assert "".join(token["text"] for token in tokens) == reply["text"]

    with connect(f"{address.replace('http', 'ws')}/ws", proxy=None) as socket:
        socket.send(json.dumps({"message": QUESTION}))
        heard = [json.loads(socket.recv(timeout=20))]
        while heard[-1]["type"] != "finished":
            heard.append(json.loads(socket.recv(timeout=20)))
    assert heard[-1]["reply"]["text"] == reply["text"]

    with openai.OpenAI(base_url=f"{address}/v1", api_key="not needed") as client:
        completion = client.chat.completions.create(model="any", messages=[{"role": "user", "content": QUESTION}])
    assert completion.choices[0].message.content == reply["text"]


def test_a_reply_leads_to_its_trace_and_its_passage(address: str) -> None:
    reply = json.loads(post(address, "/chat", {"message": QUESTION}))
    citation = reply["citations"][0]
    assert DOCUMENT[citation["start"] : citation["end"]] == citation["quote"]
    assert get(address, f"/turns/{reply['turn_id']}")["reply"]["text"] == reply["text"]
    query = f"source={citation['source']}&start={citation['start']}&end={citation['end']}"
    assert any(citation["quote"] in passage["text"] for passage in get(address, f"/passages?{query}"))


def test_a_second_server_on_the_folder_is_refused(address: str, folder: Path) -> None:
    assert address
    second = shipmate("serve", str(folder), "--port", "0")
    _, errors = second.communicate(timeout=20)
    assert second.returncode == 4
    assert "is in use" in errors


def test_a_taken_port_and_an_unsafe_address_end_with_their_codes(address: str, tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "mooring.md").write_text(DOCUMENT)
    taken = shipmate("serve", str(tmp_path), "--port", address.rpartition(":")[2])
    _, errors = taken.communicate(timeout=20)
    assert (taken.returncode, "--port" in errors) == (4, True)
    unsafe = shipmate("serve", str(tmp_path), "--host", "0.0.0.0", "--port", "0")
    _, errors = unsafe.communicate(timeout=20)
    assert (unsafe.returncode, "SHIPMATE_API_KEYS" in errors) == (2, True)
