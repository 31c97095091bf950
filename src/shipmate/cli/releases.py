"""What the commands about releases print."""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shipmate.cli.screen import say

if TYPE_CHECKING:
    from shipmate.release.bundle import Manifest
    from shipmate.release.difference import ChangedDocument, Difference
    from shipmate.shipping.build import Built
    from shipmate.shipping.shelved import Inspected, Shelved

__all__ = ["show_built", "show_difference", "show_inspected", "show_releases"]

EXCERPT_CHARS = 120
# Of a document, so many passages are shown that are gone, and so many that are new; JSON has all.
SHOWN_PASSAGES = 3
MOST_LINES = 200


def show_built(built: "Built", folder: Path, output: Path | None) -> None:
    """Print what was built, and what comes next."""
    verb = " was built before, and is as it was" if built.was_there else " is built"
    say((built.release, "bold"), verb, f": {_size(built.manifest)}.")
    _warn_of_restricted(built.manifest)
    if output:
        say(f"Written to {output} ({output.stat().st_size:,} bytes).")
    say((f"  shipmate promote {built.release} {folder}", "dim"))


def show_inspected(inspected: "Inspected") -> None:
    """Print what a release says of itself."""
    manifest = inspected.manifest
    say((inspected.release, "bold"), f"  {manifest.name}", f"  ({inspected.role})" if inspected.role else "")
    say(f"Holds      {_size(manifest)}")
    _warn_of_restricted(manifest)
    say(f"Charter    {manifest.charter_sha or 'none'}")
    for name, layer in sorted(manifest.layers.items()):
        settings = ", ".join(f"{key}: {value}" for key, value in sorted(layer.settings.items()))
        say(f"{name.capitalize():10} {layer.adapter}", f" ({settings})" if settings else "")
    say(f"Built by   Shipmate {manifest.shipmate}, of the folder dev-{manifest.content[:12]}")
    evaluation = manifest.evaluation
    told = f"on the cases {evaluation.suite[:12]}, {evaluation.verdict or 'without the gate'}" if evaluation else "no"
    say(f"Evaluated  {told}")
    say(f"Signed by  {inspected.signed_by}  ", (inspected.trusted_as or "not trusted here", "dim"))
    for name, content in sorted(manifest.files.items()):
        say((f"  {content.sha256[:12]}  {content.size:>12,}  ", "dim"), name)


def show_releases(listed: "Sequence[Shelved]") -> None:
    """Print the releases, the newest first."""
    if not listed:
        say("No release was built yet: the folder as it is answers. Build one: `shipmate build`.")
    for one in listed:
        at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        about = one.fault or f"{one.documents:,} documents, {one.passages:,} passages, {one.bytes:,} bytes"
        say((one.release, "bold"), f"  {at}  ", (f"{one.role:9}", "green"), f" {about}")


def show_difference(difference: "Difference") -> None:
    """Print what is different, one file after the other and then the documents."""
    before, after = difference.before, difference.after
    if difference.is_empty:
        say(f"{before} and {after} are the same.")
        return
    file = ""
    for setting in difference.settings:
        if setting.file != file:
            file = setting.file
            say((file, "bold"))
        say(f"  {setting.key}: ", (_brief(setting.before), "red"), " → ", (_brief(setting.after), "green"))
    for text in difference.texts:
        say((text.file, "bold"))
        for line in text.lines[:MOST_LINES]:
            say((f"  {line}", {"+": "green", "-": "red"}.get(line[:1], "dim")))
        if len(text.lines) > MOST_LINES:
            say((f"  and {len(text.lines) - MOST_LINES} lines more; `--json` has all", "dim"))
    changed = difference.documents
    say((f"Documents: {len(changed)} different, {difference.same_documents} the same", "bold"))
    for document in changed:
        _show_document(document)


def _show_document(document: "ChangedDocument") -> None:
    say(f"  {document.document}: {document.what}")
    if document.seen_before or document.seen_after:
        say(f"    seen by: {document.seen_before} → {document.seen_after}")
    for sign, style, passages in (("-", "red", document.gone), ("+", "green", document.new)):
        for passage in passages[:SHOWN_PASSAGES]:
            say((f"    {sign} {_brief(passage)}", style))
        if len(passages) > SHOWN_PASSAGES:
            say((f"    {sign} and {len(passages) - SHOWN_PASSAGES} passages more", "dim"))


def _brief(text: str) -> str:
    return textwrap.shorten(text, EXCERPT_CHARS, placeholder=" ...") or "nothing"


def _size(manifest: "Manifest") -> str:
    documents = sum(own.documents for own in manifest.collections)
    passages = sum(own.passages for own in manifest.collections)
    return f"{documents:,} documents in {passages:,} passages, {len(manifest.files):,} files"


def _warn_of_restricted(manifest: "Manifest") -> None:
    restricted = sum(own.restricted for own in manifest.collections)
    if restricted:
        say(f"{restricted:,} of its passages are not for everyone: keep the release where only they may read it.")
