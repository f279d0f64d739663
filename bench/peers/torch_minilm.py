"""all-MiniLM-L6-v2 as a regression model with LoRA in plain PyTorch, over packed rows, with dropout given from outside."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from torch_encoder import read_safetensors

HIDDEN, HEADS, LAYERS, EPS = 384, 12, 6, 1e-12
RATE = 0.1  # of hidden states, attention weights and the head, as in the model's config
torch.set_flush_denormal(True)


class Dropout:
    """PyTorch's own; a subclass may draw otherwise."""

    def drop(self, x):
        return F.dropout(x, RATE)

    def attend(self, weights, tokens, starts):
        """The attention weights (rows, heads, queries, keys) after dropout; the batch has so many tokens, and a row starts at each of starts."""
        return F.dropout(weights, RATE)


def forward(base, adapter, ids, types, lengths, dropout):
    """Scores of the rows: ids and types of all tokens one after another, the rows' lengths; adapter holds PATH.lora_A and .lora_B (scale 2), classifier.weight and .bias."""
    rows, longest, tokens = len(lengths), max(lengths), sum(lengths)
    place = torch.cat([torch.arange(n) + row * longest for row, n in enumerate(lengths)])
    starts = torch.tensor([0, *lengths[:-1]]).cumsum(0)
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
    x = dropout.drop(norm(x, "embeddings.LayerNorm"))
    for layer in range(LAYERS):
        path, last = f"encoder.layer.{layer}.", layer == LAYERS - 1
        q, k, v = (heads(x, f"{path}attention.self.{name}") for name in ("query", "key", "value"))
        weights = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(HIDDEN // HEADS) + bias, -1)
        if last:
            weights = weights[:, :, :1]  # the head reads the first token alone: Engine computes no other
        context = torch.matmul(dropout.attend(weights, tokens, starts), v).transpose(1, 2).reshape(-1, HIDDEN)
        x, context = (x[starts], context) if last else (x, context[place])
        x = norm(dropout.drop(linear(context, path + "attention.output.dense")) + x, path + "attention.output.LayerNorm")
        x = norm(dropout.drop(linear(F.gelu(linear(x, path + "intermediate.dense")), path + "output.dense")) + x, path + "output.LayerNorm")
    return F.linear(dropout.drop(torch.tanh(linear(x, "pooler.dense"))), adapter["classifier.weight"], adapter["classifier.bias"]).squeeze(-1)


def batch_of(batches, number):
    """The rows' (ids, types, score) of batch NUMBER in a file of export-batches."""
    tensors = (batches[f"{name}.{number}"] for name in ("attention_mask", "input_ids", "token_type_ids", "labels"))
    return [(ids[: mask.sum()].long(), types[: mask.sum()].long(), score.float()) for mask, ids, types, score in zip(*tensors)]


def optimize(base, adapter, optimizer, learning_rate, rows, dropout):
    """One step; returns its loss."""
    ids, types, scores = zip(*rows)
    optimizer.param_groups[0]["lr"] = learning_rate
    loss = F.mse_loss(forward(base, adapter, torch.cat(ids), torch.cat(types), [len(row) for row in ids], dropout), torch.stack(scores))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(adapter.values(), 1.0)
    optimizer.step()
    return loss.item()
