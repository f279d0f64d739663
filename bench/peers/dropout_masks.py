"""The losses of a BERT regression run with LoRA, by plain PyTorch with the dropout masks Engine draws (Philox4x32-10), beside those of Engine: one line of JSON.
   dropout_masks.py MODEL.safetensors BATCHES.safetensors ADAPTER.safetensors METRICS.jsonl
The run's seed is 0 and its batches' shapes are as BATCHES holds them; ADAPTER is what it started from. Rate 0.1 for hidden states, attention weights and the head, as in all-MiniLM-L6-v2's config."""
import json
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from torch_encoder import read_safetensors

HIDDEN, HEADS, LAYERS, RATE, EPS, LONGEST = 384, 12, 6, 0.1, 1e-12, 512
FIRST_STREAM = 0x8000_0000
torch.set_num_threads(2)
torch.set_flush_denormal(True)


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


class Masks:
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


def bucket(tokens):
    """Engine's token buckets: an attention weight's number counts in rows of the bucket's length."""
    size = 32
    while size < tokens:
        size = max(size + 32, (size + size // 8) // 32 * 32)
    return size


def forward(base, adapter, ids, types, lengths, masks):
    rows, longest, tokens = len(lengths), max(lengths), sum(lengths)
    place = torch.cat([torch.arange(n) + row * longest for row, n in enumerate(lengths)])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    bias = torch.zeros(rows, 1, 1, longest)
    for row, n in enumerate(lengths):
        bias[row, ..., n:] = -1e9

    def linear(x, name):
        return F.linear(x, base[name + ".weight"], base[name + ".bias"])

    def norm(x, name):
        return F.layer_norm(x, (HIDDEN,), base[name + ".weight"], base[name + ".bias"], EPS)

    def heads(x, name):
        y = linear(x, name)
        if f"{name}.lora_A" in adapter:
            y = y + 2.0 * F.linear(F.linear(x, adapter[f"{name}.lora_A"]), adapter[f"{name}.lora_B"])
        padded = torch.zeros(rows * longest, HIDDEN).index_copy(0, place, y)
        return padded.view(rows, longest, HEADS, HIDDEN // HEADS).transpose(1, 2)

    positions = torch.cat([torch.arange(n) for n in lengths])
    x = base["embeddings.word_embeddings.weight"][ids] + base["embeddings.position_embeddings.weight"][positions] + base["embeddings.token_type_embeddings.weight"][types]
    x = masks.drop(norm(x, "embeddings.LayerNorm"))
    for layer in range(LAYERS):
        path, last = f"encoder.layer.{layer}.", layer == LAYERS - 1
        masks.stream += 1  # the place of LoRA's own dropout, which is off
        q, k, v = (heads(x, f"{path}attention.self.{name}") for name in ("query", "key", "value"))
        weights = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(HIDDEN // HEADS) + bias, -1)
        if last:
            weights = weights[:, :, :1]  # the head reads the first token alone: Engine computes no other
        query = np.arange(rows)[:, None] if last else starts[:, None] + np.arange(longest)[None, :]
        element = (query[:, None, :, None] * HEADS + np.arange(HEADS)[None, :, None, None]) * min(LONGEST, bucket(tokens)) + np.arange(longest)
        context = torch.matmul(weights * masks.factors(element), v).transpose(1, 2).reshape(-1, HIDDEN)
        x, context = (x[torch.from_numpy(starts)], context) if last else (x, context[place])
        x = norm(masks.drop(linear(context, path + "attention.output.dense")) + x, path + "attention.output.LayerNorm")
        x = norm(masks.drop(linear(F.gelu(linear(x, path + "intermediate.dense")), path + "output.dense")) + x, path + "output.LayerNorm")
    return F.linear(masks.drop(torch.tanh(linear(x, "pooler.dense"))), adapter["classifier.weight"], adapter["classifier.bias"]).squeeze(-1)


base, batches = read_safetensors(sys.argv[1]), read_safetensors(sys.argv[2])
prefix = "base_model.model."
adapter = {
    name[len(prefix):].replace("bert.", "").replace(".lora_A.weight", ".lora_A").replace(".lora_B.weight", ".lora_B"): nn.Parameter(tensor.clone())
    for name, tensor in read_safetensors(sys.argv[3]).items()
}
lines = [json.loads(line) for line in open(sys.argv[4])]
trained = list(adapter.values())
optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)
worst, peer = [], []
for step, line in enumerate(lines):
    optimizer.param_groups[0]["lr"] = line["learning_rate"]
    lengths = batches[f"attention_mask.{step}"].sum(1).tolist()
    ids, types = (torch.cat([row[:n] for row, n in zip(batches[f"{name}.{step}"].long(), lengths)]) for name in ("input_ids", "token_type_ids"))
    loss = F.mse_loss(forward(base, adapter, ids, types, lengths, Masks(step)), batches[f"labels.{step}"].float())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    peer.append(loss.item())
    worst.append(abs(loss.item() / line["loss"] - 1))
print(json.dumps({"benchmark": "dropout-masks", "peer": "PyTorch " + torch.__version__, "steps": len(lines), "first_loss": peer[0], "last_loss": peer[-1], "worst_relative_difference": max(worst)}))
