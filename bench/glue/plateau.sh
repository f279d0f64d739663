#!/usr/bin/env bash
# How a start of STS-B leaves the plateau of the mean score is a matter of chance: first epochs with the settings of bench/glue/STS-B.yaml by Engine, and by PyTorch alone,
# with its own weights, order and dropout. One JSON line for each start, with the step from which the losses lay below the plateau's.
#   bench/glue/plateau.sh [STARTS [FIRST_SEED]]
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
dotnet build -c Release bench/Engine.Bench > /dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
starts=${1:-10} first=${2:-0} steps=360
for ((seed = first; seed < first + starts; seed++)); do
  # The schedule is that of three epochs, so the run is stopped from outside once the first is over.
  dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll train bench/glue/STS-B.yaml --set seed="$seed" --set eval_strategy=no --set save_strategy=no --set output="$work/$seed" >&2 &
  while kill -0 $! 2> /dev/null && { [ ! -f "$work/$seed/metrics.jsonl" ] || [ "$(wc -l < "$work/$seed/metrics.jsonl")" -lt "$steps" ]; }; do sleep 0.3; done
  kill $! 2> /dev/null || true
  wait $! || true
  /usr/bin/python3 bench/peers/plateau.py --metrics "$work/$seed/metrics.jsonl" "$seed" "$steps"
done
dotnet bench/Engine.Bench/bin/Release/net10.0/Engine.Bench.dll export-batches bench/glue/STS-B.yaml "$work/batches.safetensors" >&2
/usr/bin/python3 bench/peers/plateau.py ../shared/data/models/all-MiniLM-L6-v2/model.safetensors "$work/batches.safetensors" "$first" "$starts"
