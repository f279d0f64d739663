"""First epochs of STS-B by plain PyTorch alone, its own draws of weights, order and dropout: one line of JSON for each start, with the step at which it left the plateau of the mean score.
   plateau.py MODEL.safetensors BATCHES.safetensors FIRST_SEED STARTS
   plateau.py --metrics METRICS.jsonl SEED STEPS      the same line for the first steps of a run of Engine's
BATCHES holds the rows; the settings are those of bench/glue/STS-B.yaml."""
import json
import math
import sys

import torch
from torch import nn

from stsb_plateau import left_plateau
from torch_minilm import HIDDEN, LAYERS, Dropout, batch_of, optimize, read_safetensors

RANK, BATCH, EPOCHS, PEAK = 8, 16, 3, 1e-3


def start():
    adapter = {}
    for layer in range(LAYERS):
        for name in ("query", "value"):
            path = f"encoder.layer.{layer}.attention.self.{name}"
            adapter[path + ".lora_A"] = nn.init.kaiming_uniform_(torch.empty(RANK, HIDDEN), a=math.sqrt(5))
            adapter[path + ".lora_B"] = torch.zeros(HIDDEN, RANK)
    adapter["classifier.weight"] = torch.empty(1, HIDDEN).normal_(0, 0.02)
    adapter["classifier.bias"] = torch.zeros(1)
    return {name: nn.Parameter(tensor) for name, tensor in adapter.items()}


def report(peer, seed, losses):
    """One line of JSON about the losses of an epoch."""
    print(json.dumps({"peer": peer, "seed": seed, "left_plateau": left_plateau(losses), "steps": len(losses), "loss": sum(losses) / len(losses)}), flush=True)


if sys.argv[1] == "--metrics":
    report(None, int(sys.argv[3]), [json.loads(line)["loss"] for line in open(sys.argv[2])][: int(sys.argv[4])])
    sys.exit()

base, batches = read_safetensors(sys.argv[1]), read_safetensors(sys.argv[2])
rows = [row for number in range(sum(name.startswith("labels.") for name in batches)) for row in batch_of(batches, number)]
total = math.ceil(len(rows) / BATCH) * EPOCHS
warmup = math.ceil(0.06 * total)
for seed in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[4])):
    torch.manual_seed(seed)
    adapter = start()
    optimizer = torch.optim.AdamW(adapter.values(), lr=0.0, weight_decay=0.0)
    losses = []
    for step, chosen in enumerate(torch.randperm(len(rows)).split(BATCH)):
        learning_rate = PEAK * min(step / warmup, (total - step) / (total - warmup))
        losses.append(optimize(base, adapter, optimizer, learning_rate, [rows[row] for row in chosen], Dropout()))
    report("PyTorch " + torch.__version__, seed, losses)
