#!/usr/bin/env bash
# Times the first STEPS batches (default: all) of an MRPC epoch of all-MiniLM-L6-v2 with LoRA beside a PyTorch loop over the same batches, padded
# to each one's longest row. Both sides take two turns; the best of each counts. One JSON line; above 1 is faster than the peer.
#   bench/glue/epoch.sh [STEPS]
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release src/Engine.Cli > /dev/null
dotnet build -c Release bench/Engine.Bench > /dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet bench/Engine.Bench/bin/Release/net10.0/Engine.Bench.dll export-batches bench/glue/MRPC.yaml "$work/batches.safetensors"
steps=${1:-230}
ours=inf
peer=inf
for turn in 1 2; do
  dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll train bench/glue/MRPC.yaml --set max_steps="$steps" --set eval_strategy=no \
    --set save_strategy=no --set output="$work/run" --overwrite >&2
  ours=$(awk -v best="$ours" -F'[:,]' '/"seconds":/ { v = $2 + 0; print (best == "inf" || v < best) ? v : best }' "$work/run/summary.json")
  peer=$(/usr/bin/python3 bench/peers/epoch.py "$work/batches.safetensors" "$steps" |
    awk -v best="$peer" '{ match($0, /"seconds": [0-9.]+/); v = substr($0, RSTART + 11, RLENGTH - 11) + 0; print (best == "inf" || v < best) ? v : best }')
done
awk -v ours="$ours" -v peer="$peer" -v steps="$steps" \
  'BEGIN { printf "{\"benchmark\":\"mrpc-epoch\",\"device\":\"cpu\",\"steps\":%d,\"seconds\":%.2f,\"peer\":\"PyTorch\",\"peer_seconds\":%.2f,\"ratio\":%.3f}\n", steps, ours, peer, peer / ours }'
