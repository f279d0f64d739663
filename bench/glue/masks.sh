#!/usr/bin/env bash
# Holds dropout against PyTorch on real data: the first STEPS (default 100) of STS-B by `engine train`, then the same batches from the same start in plain PyTorch, which is
# given the masks that Engine draws. Every loss must then agree. One JSON line with the worst relative difference.
#   bench/glue/masks.sh [STEPS]
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
dotnet build -c Release bench/Engine.Bench > /dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
train=(dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll train bench/glue/STS-B.yaml --set eval_strategy=no --set save_strategy=no)
dotnet bench/Engine.Bench/bin/Release/net10.0/Engine.Bench.dll export-batches bench/glue/STS-B.yaml "$work/batches.safetensors" >&2
# A first step of warm-up has the learning rate 0 and leaves the adapter as it was drawn.
"${train[@]}" --set max_steps=1 --set warmup_ratio=1 --set output="$work/start" >&2
"${train[@]}" --set max_steps="${1:-100}" --set output="$work/run" >&2
/usr/bin/python3 bench/peers/dropout_masks.py ../shared/data/models/all-MiniLM-L6-v2/model.safetensors "$work/batches.safetensors" \
  "$work/start/adapter/adapter_model.safetensors" "$work/run/metrics.jsonl"
