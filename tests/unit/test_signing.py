import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Damaged, Missing, Untrusted, UsageError
from shipmate.signing import KEY, KEY_ENV, TRUSTED, Signature, Signer, open_signer, trusted_keys, verify

CONTENT = b"what was decided"


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_ENV, raising=False)


def test_what_was_signed_here_verifies_and_the_key_stays(tmp_path: Path) -> None:
    signer = open_signer(tmp_path)
    verify(CONTENT, signer.sign(CONTENT, purpose="release"), purpose="release", trusted=[signer.public])
    assert open_signer(tmp_path).public == signer.public


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    open_signer(tmp_path)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600


def test_no_key_is_made_where_git_could_take_it(tmp_path: Path) -> None:
    """The state folder, which keeps git away, has to be there first."""
    with pytest.raises(Missing):
        open_signer(tmp_path / "state")


def test_many_who_come_first_at_once_get_one_key(tmp_path: Path) -> None:
    public: list[str] = []
    threads = [threading.Thread(target=lambda: public.append(open_signer(tmp_path).public)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(public) == 8
    assert len(set(public)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_key_from_the_environment_signs_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    signer = open_signer(elsewhere)
    monkeypatch.setenv(KEY_ENV, (elsewhere / KEY).read_text())
    assert open_signer(tmp_path).public == signer.public
    assert not (tmp_path / KEY).exists()


def test_no_key_in_the_environment_is_said_without_showing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, "ed25519-secret:5ecret")
    with pytest.raises(UsageError, match=KEY_ENV) as raised:
        open_signer(tmp_path)
    assert "5ecret" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"ed25519-secret:00"])
def test_a_key_file_without_a_key_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY).write_bytes(content)
    with pytest.raises(Damaged, match=KEY):
        open_signer(tmp_path)


def test_a_strangers_signature_does_not_count_until_the_key_is_trusted(tmp_path: Path) -> None:
    stranger = open_signer(tmp_path)
    signature = stranger.sign(CONTENT, purpose="release")
    with pytest.raises(Untrusted, match=stranger.public):
        verify(CONTENT, signature, purpose="release", trusted=trusted_keys(tmp_path))
    (tmp_path / TRUSTED).write_text(f"# who builds\n\n{stranger.public} the build runner\n")
    assert trusted_keys(tmp_path) == {stranger.public: "the build runner"}
    verify(CONTENT, signature, purpose="release", trusted=trusted_keys(tmp_path))


def test_a_line_that_is_no_key_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / TRUSTED).write_text("# ours\ned25519:abc somebody\n")
    with pytest.raises(UsageError, match=f"{TRUSTED}:2"):
        trusted_keys(tmp_path)


def test_a_signature_of_a_verdict_is_none_of_a_release(tmp_path: Path) -> None:
    signer = open_signer(tmp_path)
    with pytest.raises(Damaged):
        verify(CONTENT, signer.sign(CONTENT, purpose="verdict"), purpose="release", trusted=[signer.public])


@given(content=st.binary(max_size=64), where=st.integers(min_value=0), bit=st.integers(0, 7), data=st.data())
def test_any_flipped_bit_of_content_or_signature_is_found(
    content: bytes, where: int, bit: int, data: st.DataObject
) -> None:
    signature = SIGNER.sign(content, purpose="release")
    if content and data.draw(st.booleans()):
        content = _flipped(content, where, bit)
    else:
        signature = Signature(key=signature.key, signature=_flipped(signature.signature, where, bit))
    with pytest.raises(Damaged):
        verify(content, signature, purpose="release", trusted=[SIGNER.public])


def test_a_signature_goes_through_json_unchanged() -> None:
    signature = SIGNER.sign(CONTENT, purpose="release")
    assert msgspec.json.decode(msgspec.json.encode(signature), type=Signature) == signature


def _flipped(content: bytes, where: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[where % len(content)] ^= 1 << bit
    return bytes(changed)


def _signer() -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


SIGNER = _signer()
