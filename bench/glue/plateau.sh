#!/usr/bin/env bash
# How a start of STS-B leaves the plateau of the mean score is a matter of chance: first epochs with the settings of bench/glue/STS-B.yaml by PyTorch alone, with its own
# weights, order and dropout. One JSON line for each start, with the step from which the losses lay below the plateau's.
#   bench/glue/plateau.sh [STARTS [FIRST_SEED]]
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet build -c Release bench/Engine.Bench > /dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet bench/Engine.Bench/bin/Release/net10.0/Engine.Bench.dll export-batches bench/glue/STS-B.yaml "$work/batches.safetensors" >&2
/usr/bin/python3 bench/peers/plateau.py ../shared/data/models/all-MiniLM-L6-v2/model.safetensors "$work/batches.safetensors" "${2:-0}" "${1:-10}"
