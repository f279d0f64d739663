"""A BERT-style encoder with LoRA on query and value in plain PyTorch: the peer our training step is timed against."""
import json
import math
import struct

import torch
from torch import nn
from torch.nn import functional as F


class LoraLinear(nn.Linear):
    def __init__(self, columns, rows, rank, scale):
        super().__init__(columns, rows)
        self.scale = scale
        self.lora_a = nn.Parameter(torch.empty(rank, columns).uniform_(-1 / math.sqrt(columns), 1 / math.sqrt(columns)))
        self.lora_b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return super().forward(x) + self.scale * F.linear(F.linear(x, self.lora_a), self.lora_b)


class Layer(nn.Module):
    def __init__(self, hidden, heads, inner, rank, scale, dropout, eps):
        super().__init__()
        self.heads, self.size, self.dropout = heads, hidden // heads, dropout
        self.query = LoraLinear(hidden, hidden, rank, scale)
        self.key = nn.Linear(hidden, hidden)
        self.value = LoraLinear(hidden, hidden, rank, scale)
        self.projection = nn.Linear(hidden, hidden)
        self.norm1 = nn.LayerNorm(hidden, eps)
        self.inner = nn.Linear(hidden, inner)
        self.outer = nn.Linear(inner, hidden)
        self.norm2 = nn.LayerNorm(hidden, eps)

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, self.size).transpose(1, 2)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.size) + mask
        weights = F.dropout(torch.softmax(scores, -1), self.dropout, self.training)
        context = torch.matmul(weights, v).transpose(1, 2).reshape(x.shape)
        x = self.norm1(F.dropout(self.projection(context), self.dropout, self.training) + x)
        return self.norm2(F.dropout(self.outer(F.gelu(self.inner(x))), self.dropout, self.training) + x)


class Classifier(nn.Module):
    def __init__(self, vocabulary, positions, hidden, layers, heads, inner, classes, rank=8, alpha=16, dropout=0.1, eps=1e-12):
        super().__init__()
        self.words = nn.Embedding(vocabulary, hidden)
        self.positions = nn.Embedding(positions, hidden)
        self.types = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps)
        self.dropout = dropout
        self.layers = nn.ModuleList(Layer(hidden, heads, inner, rank, alpha / rank, dropout, eps) for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, classes)
        for name, parameter in self.named_parameters():
            parameter.requires_grad = "lora_" in name or name.startswith("classifier")

    def forward(self, ids, mask, types):
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1])) + self.types(types)
        x = F.dropout(self.norm(x), self.dropout, self.training)
        bias = (1 - mask[:, None, None, :].float()) * -1e9
        for layer in self.layers:
            x = layer(x, bias)
        return self.classifier(F.dropout(torch.tanh(self.pooler(x[:, 0])), self.dropout, self.training))


def step(model, optimizer, ids, mask, types, labels):
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(ids, mask, types), labels)
    loss.backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    return loss.item()


def adamw(model):
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.0)


def read_safetensors(path):
    """int32 and float32 tensors of a safetensors file (the package is not in Debian)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    types = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] in types:
            start, end = entry["data_offsets"]
            tensors[name] = torch.frombuffer(data[start:end], dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors
