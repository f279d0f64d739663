"""The losses of a BERT regression run with LoRA, by plain PyTorch with the dropout masks Engine draws (Philox4x32-10), beside those of Engine: one line of JSON.
   dropout_masks.py MODEL.safetensors BATCHES.safetensors ADAPTER.safetensors METRICS.jsonl
The run's seed is 0 and its batches' shapes are as BATCHES holds them; ADAPTER is what it started from."""
import json
import math
import sys

import numpy as np
import torch
from torch import nn

from torch_minilm import HEADS, RATE, Dropout, batch_of, optimize, read_safetensors

LONGEST = 512
FIRST_STREAM = 0x8000_0000


def philox(block, stream, step):
    """Four 32-bit words of each block; key 0 is seed 0."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = block & mask, block >> half, np.full_like(block, stream), np.full_like(block, step)
    k0 = k1 = 0
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ np.uint64(k0), p1 & mask, (p0 >> half) ^ c3 ^ np.uint64(k1), p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], -1)


def bucket(tokens):
    """Engine's token buckets: an attention weight's number counts in rows of the bucket's length."""
    size = 32
    while size < tokens:
        size = max(size + 32, (size + size // 8) // 32 * 32)
    return size


class Masks(Dropout):
    """The dropout factors of one step; every place has the next stream."""

    def __init__(self, step):
        self.step, self.stream = step, FIRST_STREAM

    def factors(self, elements):
        rate = float(np.float32(RATE))
        blocks, inverse = np.unique(elements // 4, return_inverse=True)
        words = philox(blocks.astype(np.uint64), self.stream, self.step)[inverse.reshape(-1), (elements % 4).reshape(-1)].reshape(elements.shape)
        self.stream += 1
        return torch.from_numpy(np.where(words >= math.ceil(rate * 2**32), np.float32(1 / (1 - rate)), np.float32(0)))

    def drop(self, x):
        return x * self.factors(np.arange(x.numel()).reshape(x.shape))

    def attend(self, weights, tokens, starts):
        rows, _, queries, keys = weights.shape
        first = np.arange(rows) if queries == 1 else starts.numpy()
        query = first[:, None] + np.arange(queries)
        element = (query[:, None, :, None] * HEADS + np.arange(HEADS)[None, :, None, None]) * min(LONGEST, bucket(tokens)) + np.arange(keys)
        return weights * self.factors(element)


base, batches = read_safetensors(sys.argv[1]), read_safetensors(sys.argv[2])
prefix = "base_model.model."
adapter = {
    name[len(prefix):].replace("bert.", "").replace(".lora_A.weight", ".lora_A").replace(".lora_B.weight", ".lora_B"): nn.Parameter(tensor.clone())
    for name, tensor in read_safetensors(sys.argv[3]).items()
}
lines = [json.loads(line) for line in open(sys.argv[4])]
optimizer = torch.optim.AdamW(adapter.values(), lr=0.0, weight_decay=0.0)
peer = [optimize(base, adapter, optimizer, line["learning_rate"], batch_of(batches, step), Masks(step)) for step, line in enumerate(lines)]
worst = max(abs(loss / line["loss"] - 1) for loss, line in zip(peer, lines))
print(json.dumps({"benchmark": "dropout-masks", "peer": "PyTorch " + torch.__version__, "steps": len(lines), "first_loss": peer[0], "last_loss": peer[-1], "worst_relative_difference": worst}))
