"""Signatures of releases and verdicts: who may say that something was built or decided here.

An installation signs with a key of its own, made at its first signature, or with the one that the environment gives it.
What it is signed for goes into the signature: one of a verdict is none of a release.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shipmate.disk import disk_faults, make_once
from shipmate.errors import Damaged, Untrusted, UsageError
from shipmate.messages import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["KEY", "KEY_ENV", "TRUSTED", "Signature", "Signer", "open_signer", "own_key", "trusted_keys", "verify"]

# In the state folder; only its owner may read it.
KEY = "signing.key"
# The key itself in its place, for a machine that keeps no state, such as a build runner.
KEY_ENV = "SHIPMATE_SIGNING_KEY"
# In the assistant's folder, under version control: whose signatures count besides one's own.
TRUSTED = "trusted_keys"
SECRET_FORM = re.compile(r"ed25519-secret:([0-9a-f]{64})")
PUBLIC_FORM = re.compile(r"ed25519:([0-9a-f]{64})")
TRUSTED_BYTES = 1 << 20


class Signature(Record, frozen=True, kw_only=True):
    """What stands beside something signed."""

    # The public key, as `shipmate key` prints it.
    key: str
    signature: bytes


class Signer:
    """Signs with one key."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = f"ed25519:{key.public_key().public_bytes_raw().hex()}"

    def sign(self, content: bytes, *, purpose: str) -> Signature:
        """Sign some content for a purpose, such as "release"."""
        return Signature(key=self.public, signature=self._key.sign(_signed(content, purpose)))


def open_signer(state: Path) -> Signer:
    """Return what signs on this installation; its key is made at the first call, in a state folder that is there.

    Raises `UsageError` for a key in the environment that is none, `Damaged` for a file that holds none, `StorageError`.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - takes its time

    if given := os.environ.get(KEY_ENV, "").strip():
        seed = SECRET_FORM.fullmatch(given)
        if seed is None:
            do = f"give it the line that {KEY} holds, or unset it"
            raise UsageError(f"the environment variable {KEY_ENV} holds no signing key", do=do)
    else:
        path = state / KEY
        with disk_faults(path):
            if not path.exists():
                fresh = Ed25519PrivateKey.generate().private_bytes_raw()
                make_once(path, f"ed25519-secret:{fresh.hex()}\n".encode())
            seed = SECRET_FORM.fullmatch(path.read_text(encoding="ascii", errors="replace").strip())
        if seed is None:
            do = "put a backup's in its place; without one, delete it: what was signed before is then no more trusted"
            raise Damaged(f"{path} holds no signing key", do=do)
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed[1])))


def own_key(state: Path) -> str:
    """Return the public key of what was signed on this installation; nothing where it has no key, and then none is made.

    Raises what `open_signer` raises.
    """
    has_key = (state / KEY).exists() or os.environ.get(KEY_ENV, "").strip()
    return open_signer(state).public if has_key else ""


def trusted_keys(folder: Path) -> dict[str, str]:
    """Return whose signatures a folder's `trusted_keys` lets count, as name by key: a key and a name on each line.

    Raises `UsageError` for a line that is neither that nor a comment.
    """
    path = folder / TRUSTED
    keys: dict[str, str] = {}
    if not path.exists():
        return keys
    with disk_faults(path), path.open(encoding="utf-8", errors="replace") as file:
        lines = file.read(TRUSTED_BYTES).splitlines()
    for number, line in enumerate(lines, 1):
        key, _, name = line.strip().partition(" ")
        if PUBLIC_FORM.fullmatch(key):
            keys[key] = name.strip()
        elif key and not key.startswith("#"):
            do = "write what `shipmate key` prints, and behind it whose key it is"
            raise UsageError(f"{path}:{number} is no public key", do=do)
    return keys


def verify(content: bytes, signature: Signature, *, purpose: str, trusted: Collection[str]) -> None:
    """Raise `Untrusted` when nobody trusted has signed, `Damaged` when this is not what was signed."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - takes its time
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - takes its time

    found = PUBLIC_FORM.fullmatch(signature.key)
    if found is None or signature.key not in trusted:
        do = f"if you trust whoever has this key, add the line `{signature.key} NAME` to {TRUSTED}"
        raise Untrusted(f"the {purpose} is signed with a key that is not trusted here: {signature.key[:80]}", do=do)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(found[1])).verify(
            signature.signature, _signed(content, purpose)
        )
    except InvalidSignature as error:
        what = f"the {purpose} is not what {signature.key} has signed, or its signature was changed"
        raise Damaged(what, do="take it anew from where it was made") from error


def _signed(content: bytes, purpose: str) -> bytes:
    return msgspec.json.encode(["shipmate", purpose]) + b"\n" + content
