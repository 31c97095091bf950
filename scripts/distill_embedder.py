"""Make the weights of the default embedder: all-MiniLM-L6-v2, distilled into a table that needs no model to run.

    python scripts/distill_embedder.py --sources FOLDER --model FOLDER --cache FOLDER

What it does: the teacher reads each piece of its vocabulary, which is a first table, and then each of the texts that
distill_texts.py gathers. The table is trained until the sum of a text's pieces points where the teacher's vector does
(1 - cosine), and until texts stand to each other as they do for the teacher (divergence of the likeness of each text
to half of its batch). Frequent words that the teacher knows in pieces get rows of their own. At last the table is
turned, which changes no likeness and spreads what the first axes hold, and each row is rounded to bytes.

It is deterministic on one kind of processor: what the teacher says differs in its last bits from one to another. Its
vectors are kept in the cache, so that a stopped run goes on. It needs `onnxruntime`, `tokenizers` and `scipy`, and about
an hour of one core, nearly all of it for the teacher: a folder with an ONNX file (inputs: ids, mask; output: unit
vectors) and `tokenizer.json`.
"""

import argparse
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime
from distill_texts import texts
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer

from shipmate.adapters.static_embedder import WEIGHTS, WordPieces
from shipmate.text import fold

Matrix: TypeAlias = NDArray[np.float32]

DIMENSIONS = 256
# So many texts are read: more of them no longer change what is found.
TEXTS = 229_376
CHUNK = 8192
LONGEST = 160
BATCH_TOKENS = 1024
WORD = re.compile(r"[a-z0-9]+")
PIECE = re.compile(r"(##)?([a-z0-9]+|[α-ω])")
OWN_WORDS = 2200
SHORTEST_OWN = 4
EPOCHS, BATCH, RATE = 8, 2048, 0.003
# How much standing to each other counts beside pointing, and how sharply likeness is told apart.
LIKENESS, SHARPNESS = 0.3, 0.05


class Teacher:
    """The model whose vectors are the aim."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        (model,) = folder.glob("*.onnx")
        self._model = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._names = [named.name for named in self._model.get_inputs()]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)

    @property
    def pieces(self) -> list[str]:
        """Return the pieces of words in ASCII and Greek, in the order of the model's vocabulary."""
        vocabulary = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        return [piece for piece, _ in vocabulary if PIECE.fullmatch(piece)]

    def vectors(self, read: list[str]) -> Matrix:
        """Return a unit vector for each text."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(read)]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True)
        found = np.zeros((len(read), 384), np.float32)
        while order:
            size = max(1, BATCH_TOKENS // len(ids[order[0]]))
            batch, order = order[:size], order[size:]
            shape = (len(batch), len(ids[batch[0]]))
            tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
            for row, place in enumerate(batch):
                tokens[row, : len(ids[place])] = ids[place]
                mask[row, : len(ids[place])] = 1
            (found[batch],) = self._model.run(None, dict(zip(self._names, (tokens, mask), strict=True)))
        return found

    def kept_vectors(self, read: list[str], cache: Path) -> Matrix:
        """Return the vectors of many texts, from the cache as far as it goes."""
        chunks = []
        for start in range(0, len(read), CHUNK):
            chunk = read[start : start + CHUNK]
            file = cache / f"{hashlib.sha256(json.dumps(chunk).encode()).hexdigest()[:16]}.npy"
            if not file.exists():
                np.save(file, self.vectors(chunk).astype(np.float16))
            chunks.append(np.load(file).astype(np.float32))
        return np.concatenate(chunks)


def counted(read: list[str], pieces: WordPieces) -> csr_matrix:
    """Return how often each text holds each piece."""
    found: list[int] = []
    ends = [0]
    for text in read:
        found.extend(pieces.places(text))
        ends.append(len(found))
    counts = csr_matrix((np.ones(len(found), np.float32), found, ends), shape=(len(read), len(pieces)))
    counts.sum_duplicates()
    return counts


def own_words(read: list[str], pieces: WordPieces) -> list[str]:
    """Return the most frequent words that the teacher knows in pieces only."""
    said = Counter(word for text in read for word in WORD.findall(fold(text)))
    ranked = sorted(said.items(), key=lambda item: (-item[1], item[0]))
    parted = (w for w, _ in ranked if len(w) >= SHORTEST_OWN and not w.isdigit() and len(pieces.places(w)) > 1)
    return [word for word, _ in zip(parted, range(OWN_WORDS), strict=False)]


def first_table(teacher: Teacher, pieces: list[str], axes: Matrix, counts: csr_matrix) -> Matrix:
    """Return what the teacher makes of each piece alone, by how rare it is."""
    alone = teacher.vectors([piece.removeprefix("##") for piece in pieces]) @ axes
    holding = np.bincount(counts.indices, minlength=len(pieces))
    return (alone * np.log(1 + counts.shape[0] / (holding + 5))[:, None] / 8).astype(np.float32)


def unit(vectors: Matrix) -> tuple[Matrix, Matrix]:
    """Return vectors of length 1, and how long they were."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return vectors / lengths, lengths


def softmax(likeness: Matrix) -> Matrix:
    """Return each row as shares of 1."""
    shares = np.exp(likeness - likeness.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def slope(counts: csr_matrix, aims: Matrix, table: Matrix, mixed: NDArray[np.int64]) -> Matrix:
    """Return how the loss of a batch changes with each entry of the table."""
    made, lengths = unit(counts @ table)
    change = -aims / len(aims)
    half, other = np.array_split(mixed, 2)
    unlike = softmax(made[half] @ made[other].T / SHARPNESS) - softmax(aims[half] @ aims[other].T / SHARPNESS)
    unlike *= LIKENESS / (SHARPNESS * len(half))
    change[half] += unlike @ made[other]
    change[other] += unlike.T @ made[half]
    # What only makes a vector longer changes nothing.
    change = (change - made * (made * change).sum(1, keepdims=True)) / lengths
    return counts.T @ change


def trained(counts: csr_matrix, aims: Matrix, table: Matrix) -> Matrix:
    """Return the table after Adam has gone over the texts `EPOCHS` times, ever more slowly."""
    random = np.random.default_rng(0)
    mean, spread = np.zeros_like(table), np.zeros_like(table)
    steps = EPOCHS * (len(aims) // BATCH)
    for step in range(steps):
        if step % (len(aims) // BATCH) == 0:
            order = random.permutation(len(aims))
        start = step % (len(aims) // BATCH) * BATCH
        batch = np.sort(order[start : start + BATCH])
        change = slope(counts[batch], aims[batch], table, random.permutation(BATCH))
        mean += 0.1 * (change - mean)
        spread += 0.001 * (change**2 - spread)
        rate = RATE * (1 - step / steps)
        table -= rate * (mean / (1 - 0.9 ** (step + 1))) / (np.sqrt(spread / (1 - 0.999 ** (step + 1))) + 1e-8)
    return table


def turned(table: Matrix) -> Matrix:
    """Return the table after a turn that is random and always the same."""
    axes, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((DIMENSIONS, DIMENSIONS)))
    return table @ axes.astype(np.float32)


def write(folder: Path, pieces: list[str], table: Matrix) -> None:
    """Round each row to bytes and write the files, under a name that changes with them."""
    units = np.maximum(np.abs(table).max(1), 1e-9) / 127
    rows = np.rint(table / units[:, None]).astype(np.int8)
    folder.mkdir(exist_ok=True)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "units.npy", units.astype(np.float32))
    (folder / "pieces.txt").write_text("\n".join(pieces), "utf-8")
    digest = hashlib.sha256(rows.tobytes() + units.tobytes() + "\n".join(pieces).encode()).hexdigest()[:8]
    (folder / "name.txt").write_text(f"static-minilm-l6-{DIMENSIONS}-{digest}\n", "utf-8")


def main() -> None:
    """Distil, and write the weights to where the package keeps them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="the folder of unpacked packages")
    parser.add_argument("--model", type=Path, required=True, help="the teacher: an ONNX file and tokenizer.json")
    parser.add_argument("--cache", type=Path, required=True, help="where the teacher's vectors are kept")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(options.model)
    read = texts(options.sources)[:TEXTS]
    seen = teacher.kept_vectors(read, options.cache)
    _, axes = np.linalg.eigh(seen.T @ seen)
    axes = axes[:, ::-1][:, :DIMENSIONS].astype(np.float32)
    aims, _ = unit(seen @ axes)
    known = teacher.pieces
    parted = WordPieces(known)
    table = first_table(teacher, known, axes, counted(read, parted))
    own = own_words(read, parted)
    table = np.concatenate([table, counted(own, parted) @ table])
    pieces = [*known, *own]
    write(options.out, pieces, turned(trained(counted(read, WordPieces(pieces)), aims, table)))


if __name__ == "__main__":
    main()
