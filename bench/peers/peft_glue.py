"""LoRA fine-tuning of a BERT on a GLUE task by Transformers and PEFT, with the settings of shared/goldens/real/peft-glue.jsonl: one line of JSON for each seed.
   peft_glue.py MODEL_FOLDER GLUE_FOLDER TASK FIRST_SEED SEEDS [DEVICE]
TASK is STS-B, MRPC or SST-2. Of STS-B a line also says at which step of the first epoch the run left the plateau of the mean score."""
import json
import math
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from stsb_plateau import left_plateau
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TASKS = {"STS-B": (["sentence1", "sentence2"], "score"), "MRPC": (["#1 String", "#2 String"], "Quality"), "SST-2": (["sentence"], "label")}
LIMIT = {"SST-2": 8000}  # training rows, the first
BATCH, EPOCHS, PEAK, WARMUP, LONGEST = 16, 3, 1e-3, 0.06, 128
folder, glue, task, first, count = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
device = sys.argv[6] if len(sys.argv) > 6 else "cuda"
regression = task == "STS-B"
tokenizer = AutoTokenizer.from_pretrained(folder)


def read(part):
    texts, label = TASKS[task]
    lines = open(f"{glue}/{task}/{part}.tsv", encoding="utf-8-sig").read().split("\n")
    names = lines[0].rstrip("\r").split("\t")
    rows = [dict(zip(names, line.rstrip("\r").split("\t"))) for line in lines[1:] if line][: LIMIT.get(task) if part == "train" else None]
    encoded = tokenizer(*([row[text] for row in rows] for text in texts), truncation=True, max_length=LONGEST)
    labels = [float(row[label]) if regression else int(row[label]) for row in rows]
    return [(torch.tensor(ids), torch.tensor(types), label) for ids, types, label in zip(encoded["input_ids"], encoded["token_type_ids"], labels)]


def batch(rows):
    ids, types, labels = zip(*rows)
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
    tensors = dict(input_ids=nn.utils.rnn.pad_sequence(ids, batch_first=True), token_type_ids=nn.utils.rnn.pad_sequence(types, batch_first=True),
                   attention_mask=mask, labels=torch.tensor(labels, dtype=torch.float if regression else torch.long))
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def pearson(x, y):
    return torch.corrcoef(torch.stack([x.double(), y.double()]))[0, 1].item()


def evaluate(model, rows):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(**batch(rows[at : at + 32])).logits.cpu() for at in range(0, len(rows), 32)])
    labels = torch.tensor([row[2] for row in rows])
    return {"pearson": pearson(logits[:, 0], labels)} if regression else {"accuracy": (logits.argmax(-1) == labels).double().mean().item()}


train, dev = read("train"), read("dev")
total = math.ceil(len(train) / BATCH) * EPOCHS
warmup = math.ceil(WARMUP * total)
for seed in range(first, first + count):
    torch.manual_seed(seed)
    begin = time.perf_counter()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1 if regression else 2, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, lora_dropout=0.0, target_modules=["query", "value"])).to(device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)
    losses, history = [], []
    for epoch in range(EPOCHS):
        model.train()
        epoch_losses = []
        for chosen in torch.randperm(len(train)).split(BATCH):
            step = len(losses) + len(epoch_losses)
            optimizer.param_groups[0]["lr"] = PEAK * min(step / warmup, (total - step) / (total - warmup))
            loss = model(**batch([train[row] for row in chosen])).loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            epoch_losses.append(loss.detach())
        losses += torch.stack(epoch_losses).tolist()
        history.append({"epoch": epoch + 1, "loss": sum(losses[-len(epoch_losses) :]) / len(epoch_losses), **evaluate(model, dev)})
    line = {"task": task, "seed": seed, "history": history, "trained": sum(parameter.numel() for parameter in trained), "seconds": time.perf_counter() - begin, "rows": len(train)}
    if regression:
        line["left_plateau"] = left_plateau(losses[: total // EPOCHS])
    print(json.dumps(line | {"torch": torch.__version__, "device": torch.cuda.get_device_name() if device == "cuda" else device}), flush=True)
