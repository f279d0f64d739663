"""Seconds of one LoRA step of a RoBERTa-base-sized encoder (random weights, batch 8 x 128): one line of JSON, the best of ROUNDS."""
import json
import sys
import time

import torch

from torch_encoder import Classifier, adamw, step

torch.set_num_threads(2)
torch.manual_seed(0)
model = Classifier(50265, 514, 768, 12, 12, 3072, 2, dropout=float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
optimizer = adamw(model)
ids = torch.randint(5, 50000, (8, 128))
mask, types, labels = torch.ones_like(ids), torch.zeros_like(ids), torch.randint(0, 2, (8,))
times = []
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 4):
    start = time.perf_counter()
    step(model, optimizer, ids, mask, types, labels)
    times.append(time.perf_counter() - start)
print(json.dumps({"benchmark": "lora-step", "peer": "PyTorch " + torch.__version__, "seconds": min(times), "all": times}))
