"""The graph laid out for reading: one array a file, mapped and not read when it is opened."""

import shutil
from pathlib import Path
from tokenize import TokenError

import numpy as np

from shipmate.errors import Damaged
from shipmate.knowledge.graph.network import Network

__all__ = ["is_saved", "load", "save", "sweep"]

PREFIX = "layout-"


def save(network: Network, folder: Path, number: int) -> None:
    """Write the network as the layout of this number; it is there as a whole or not at all."""
    target = folder / f"{PREFIX}{number}"
    unfinished = folder / f"{PREFIX}unfinished"
    for left_over in (target, unfinished):
        shutil.rmtree(left_over, ignore_errors=True)
    unfinished.mkdir()
    for name, values in network._asdict().items():
        np.save(unfinished / f"{name}.npy", values)
    unfinished.rename(target)


def load(folder: Path, number: int) -> Network:
    """Map the layout of this number; raise `Damaged` where it is not there or does not fit together."""
    layout = folder / f"{PREFIX}{number}"
    try:
        # Plain arrays over the mapped files: numpy takes ten times as long to cut a piece from a memmap.
        network = Network(
            *(np.load(layout / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in Network._fields)
        )
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:
        raise _damaged(layout) from error
    edges = len(network.entity_passage)
    fits = (
        len(network.audiences) == len(network.passages)
        and len(network.passage_starts) == len(network.passages) + 1
        and len(network.entity_starts) == len(network.entities) + 1
        and len(network.entity_kind) == len(network.passage_entity) == len(network.passage_kind) == edges
        and network.passage_starts[-1] == network.entity_starts[-1] == edges
    )
    if not fits:
        raise _damaged(layout)
    return network


def is_saved(folder: Path, number: int) -> bool:
    """Tell whether the layout of this number is there; a restored backup has none."""
    return (folder / f"{PREFIX}{number}").is_dir()


def sweep(folder: Path, number: int) -> None:
    """Delete all layouts but this; who reads another still can, until they close it."""
    for layout in folder.glob(f"{PREFIX}*"):
        if layout.name != f"{PREFIX}{number}":
            shutil.rmtree(layout, ignore_errors=True)


def _damaged(layout: Path) -> Damaged:
    return Damaged(f"The graph in {layout} does not open.", do="Run `shipmate ingest`: it is made from your documents.")
