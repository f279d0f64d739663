#!/usr/bin/env bash
# Fine-tunes the small Llama of shared/data/models/tinystory-llama on word problems of gsm8k with LoRA and Flat-LoRA, three seeds each (or SEEDS="0 1"), and prints one
# JSON line per run: loss and perplexity of the held-out answers before and after each epoch, seconds of training, tokens per second.
#   bench/decoder/run.sh [METHOD...] > docs/results/decoder.jsonl
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
engine=(dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll)
[ "$#" -gt 0 ] || set -- lora flat-lora
mkdir -p runs/decoder

# The shorter problems, question and answer under the names that engine reads, a line break between them.
problems() {
  awk -v longest=480 -v count="$2" 'length($0) <= longest && n++ < count' "../shared/data/gsm8k/$1.jsonl" |
    sed -e 's/^{"question": "/{"prompt": "/' -e 's/", "answer": "/\\n", "completion": "/'
}
problems train 1000 > runs/decoder/train.jsonl
problems test 200 > runs/decoder/dev.jsonl

for method in "$@"; do
  for seed in ${SEEDS:-0 1 2}; do
    output="runs/decoder/$method-$seed"
    rm -rf "$output"
    "${engine[@]}" train "bench/decoder/$method.yaml" --set seed="$seed" --set output="$PWD/$output" >&2
    summary=$(grep -E '"(seconds|tokens_per_second|tokens)":' "$output/summary.json" | tr -d ' \n' | sed 's/,$//')
    history=$(paste -sd, "$output/evaluations.jsonl")
    printf '{"method":"%s","seed":%s,%s,"history":[%s]}\n' "$method" "$seed" "$summary" "$history"
  done
done
