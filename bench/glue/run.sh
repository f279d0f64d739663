#!/usr/bin/env bash
# Fine-tunes all-MiniLM-L6-v2 on three GLUE tasks with the settings of shared/goldens/real/peft-glue.jsonl, three seeds each,
# and prints one JSON line per run: the metrics after each epoch, seconds of training, tokens per second.
#   bench/glue/run.sh [TASK...] > docs/results/glue.jsonl
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
engine=(dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll)
[ "$#" -gt 0 ] || set -- MRPC STS-B SST-2
for task in "$@"; do
  for seed in 0 1 2; do
    output="runs/glue/$task-$seed"
    rm -rf "$output"
    "${engine[@]}" train "bench/glue/$task.yaml" --set seed="$seed" --set output="$PWD/$output" --set save_strategy=no >&2
    summary=$(grep -E '"(seconds|tokens_per_second|tokens)":' "$output/summary.json" | tr -d ' \n' | sed 's/,$//')
    history=$(paste -sd, "$output/evaluations.jsonl")
    printf '{"task":"%s","seed":%s,%s,"history":[%s]}\n' "$task" "$seed" "$summary" "$history"
  done
done
