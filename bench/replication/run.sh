#!/usr/bin/env bash
# The study of radii (docs/results/flatness.md): every run that has no line in docs/results/flatness.jsonl yet, then its tables. Stopped (Ctrl-C, or killed) it goes on
# from the run's newest checkpoint when it is started again, on another machine from the lines.
#   bench/replication/run.sh [PART...] [--methods NAME,NAME] [--most N] [--device DEVICE]     parts: search mrpc tenth flip-20 flip-40 mrpc-10-epochs sst-2 rte query-value
#   taskset -c 1 bench/replication/run.sh search                                              on one core, which trains at more than half the speed of two
#   BIN=folder bench/replication/run.sh                                                       a built Engine.Bench, so that a build beside it disturbs nothing
# All of it, from nothing: move docs/results/flatness.jsonl and runs/study away.
set -euo pipefail
cd "$(dirname "$0")/../.."
results=docs/results/flatness.jsonl
if [ -z "${BIN:-}" ]; then
  dotnet build -c Release bench/Engine.Bench > /dev/null
  BIN=bench/Engine.Bench/bin/Release/net10.0
fi
dotnet "$BIN/Engine.Bench.dll" study runs/study "$results" "$@" || code=$?
dotnet "$BIN/Engine.Bench.dll" study-tables "$results"
exit "${code:-0}"
