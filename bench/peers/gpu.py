"""Adds to timings of Engine.Bench what PyTorch and PEFT take for the same work on the same card: a line in, a line out, the ratio above 1 where we are faster.

    python3 gpu.py TIMINGS.jsonl [cuda]
"""
import json
import re
import sys
import time

import torch
from torch.nn import functional as F

DEVICE = sys.argv[2] if len(sys.argv) > 2 else "cuda"
ROBERTA = dict(vocab_size=50265, max_position_embeddings=514, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
               type_vocab_size=1, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
QWEN = dict(vocab_size=151936, hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864,
            max_position_embeddings=32768, rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True)


def seconds(work):
    """The best of at least ten runs, and of a second."""
    def wait():
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        work()
    wait()
    best, begin, runs = float("inf"), time.perf_counter(), 0
    while runs < 10 or time.perf_counter() - begin < 1:
        start = time.perf_counter()
        work()
        wait()
        best, runs = min(best, time.perf_counter() - start), runs + 1
    return best


def product(shape):
    m, n, k, layout = re.match(r"(\d+)x(\d+)x(\d+) (\w+)", shape).groups()
    m, n, k = int(m), int(n), int(k)
    times = {}
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        a = torch.randn(m, k, device=DEVICE, dtype=dtype)
        b = torch.randn(*((n, k) if layout == "NT" else (k, n)), device=DEVICE, dtype=dtype)
        times[name] = seconds(lambda: a @ (b.T if layout == "NT" else b))
    return times


def attention(shape):
    rows, length, heads, size, dropout = re.match(r"(\d+)x(\d+) tokens, (\d+) heads of (\d+), dropout ([\d.]+)", shape).groups()
    causal, backward, dtype = ", causal" in shape, "backward" in shape, "bfloat16" if ", BFloat16" in shape else "float32"
    q, k, v = (torch.randn(int(rows), int(heads), int(length), int(size), device=DEVICE, dtype=getattr(torch, dtype), requires_grad=backward) for _ in range(3))

    def work():
        output = F.scaled_dot_product_attention(q, k, v, dropout_p=float(dropout), is_causal=causal)
        if backward:
            output.backward(output)

    return {dtype: seconds(work)}


def lora_step(model, targets, task, inputs):
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type=task)).to(DEVICE).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def work():
        model(**inputs).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return seconds(work)


def roberta(_):
    from transformers import RobertaConfig, RobertaForSequenceClassification

    inputs = dict(input_ids=torch.randint(5, 50000, (8, 128), device=DEVICE), labels=torch.randint(0, 2, (8,), device=DEVICE))
    return {"float32": lora_step(RobertaForSequenceClassification(RobertaConfig(**ROBERTA)), ["query", "value"], "SEQ_CLS", inputs)}


def qwen(_):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    ids = torch.randint(0, 151936, (1, 512), device=DEVICE)
    model = Qwen2ForCausalLM(Qwen2Config(**QWEN)).to(torch.bfloat16)
    return {"bfloat16": lora_step(model, ["q_proj", "v_proj"], "CAUSAL_LM", dict(input_ids=ids, labels=ids))}


def token(shape):
    """A token more behind those in the cache, its logits on the host."""
    from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

    dtype, before = re.match(r"qwen2.5-0.5b (\w+) after (\d+) tokens", shape).groups()
    model = Qwen2ForCausalLM(Qwen2Config(**QWEN)).to(getattr(torch, dtype.lower())).to(DEVICE).eval()
    ids = torch.randint(0, 151936, (1, int(before) + 1), device=DEVICE)
    cache = DynamicCache()

    def run(tokens):
        with torch.inference_mode():
            return model(input_ids=tokens, past_key_values=cache, use_cache=True).logits[0, -1].float().cpu()

    def work():
        cache.crop(int(before))
        run(ids[:, -1:])

    run(ids[:, :-1])
    return {dtype.lower(): seconds(work)}


PEERS = {"matmul": product, "attention": attention, "lora-step": roberta, "qwen-step": qwen, "decode-step": token}
if DEVICE == "cuda" and not torch.cuda.is_available():
    sys.exit("PyTorch " + torch.__version__ + " sees no card")
known = {}
for line in open(sys.argv[1]):
    ours = json.loads(line)
    key = ours["benchmark"], ours.get("shape", "")
    if key not in known:
        try:
            known[key] = PEERS[key[0]](key[1]) if key[0] in PEERS else {}
        except Exception as problem:  # a package that is missing or another version of it: the other peers are still worth having
            print(f"{key[0]} {key[1]}: {problem!r}", file=sys.stderr)
            known[key] = {}
    for dtype, peer in known[key].items():
        # Engine.Bench times a product with bfloat16 weights beside one with float32 weights, which it calls the peer.
        own = ours["peer_seconds"] if key[0] == "matmul" and dtype == "float32" else ours["seconds"]
        ours[f"torch_{dtype}_seconds"], ours[f"torch_{dtype}_ratio"] = peer, round(peer / own, 3)
    ours["torch"] = torch.__version__ + " " + (torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE)
    print(json.dumps(ours), flush=True)
