#!/usr/bin/env bash
# Fine-tunes all-MiniLM-L6-v2 on three GLUE tasks with the settings of shared/goldens/real/peft-glue.jsonl, three seeds each,
# and prints one JSON line per run: the metrics after each epoch, the mean training loss of each epoch, seconds of training, tokens per second.
#   bench/glue/run.sh [TASK...] > docs/results/glue.jsonl
#   SEEDS="3 4 5" ARGUMENTS="--device cuda" bench/glue/run.sh STS-B
# PEFT's runs of more seeds, where Python has PEFT: bench/peers/peft_glue.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
engine=(dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll)
[ "$#" -gt 0 ] || set -- MRPC STS-B SST-2
for task in "$@"; do
  for seed in ${SEEDS:-0 1 2}; do
    output="runs/glue/$task-$seed"
    rm -rf "$output"
    "${engine[@]}" train "bench/glue/$task.yaml" --set seed="$seed" --set output="$PWD/$output" --set save_strategy=no ${ARGUMENTS:-} >&2
    summary=$(grep -oE '"(seconds|tokens_per_second|tokens|device)": [^,]*' "$output/summary.json" | sed 's/": /":/' | paste -sd,)
    history=$(paste -sd, "$output/evaluations.jsonl")
    losses=$(awk -F'"loss":' -v epochs=3 '
      { losses[NR] = $2 + 0 }
      END { for (e = 0; e < epochs; e++) {
              sum = 0; for (i = 1; i <= NR / epochs; i++) sum += losses[e * NR / epochs + i]
              printf "%s%.6f", e ? "," : "", sum / (NR / epochs) } }' "$output/metrics.jsonl")
    printf '{"task":"%s","seed":%s,%s,"train_loss":[%s],"history":[%s]}\n' "$task" "$seed" "$summary" "$losses" "$history"
  done
done
