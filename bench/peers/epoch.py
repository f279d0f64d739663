"""Seconds of one epoch over prebatched data (padded to each batch's longest row) with a MiniLM-sized encoder: one line of JSON."""
import json
import sys
import time

import torch

from torch_encoder import Classifier, adamw, read_safetensors, step

torch.set_num_threads(2)
torch.manual_seed(0)
tensors = read_safetensors(sys.argv[1])
model = Classifier(30522, 512, 384, 6, 12, 1536, 2)
optimizer = adamw(model)
count = sum(name.startswith("input_ids.") for name in tensors)
limit = min(count, int(sys.argv[2])) if len(sys.argv) > 2 else count
start = time.perf_counter()
for batch in range(limit):
    ids = tensors[f"input_ids.{batch}"].long()
    mask = tensors[f"attention_mask.{batch}"].long()
    types = tensors.get(f"token_type_ids.{batch}", torch.zeros_like(mask)).long()
    step(model, optimizer, ids, mask, types, tensors[f"labels.{batch}"].long())
print(json.dumps({"benchmark": "epoch", "peer": "PyTorch " + torch.__version__, "batches": limit, "seconds": time.perf_counter() - start}))
