#!/usr/bin/env bash
# What run.sh starts on the machine with the card, in the folder that it packed. Results are written as they come, so that a run that is cut off leaves some.
# 0 where every test of every device passed; the timings decide nothing.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_ROOT=$PWD/dotnet ENGINE_CACHE=$PWD/programs
patience=${PATIENCE:-1}
end=$((SECONDS + (600 * patience)))
mkdir -p results
: > results/gpu-tests.jsonl
: > results/gpu-timings.jsonl

dotnet/dotnet exec engine/suite/engine.dll devices

# Runs a command for so many seconds, or what is left of the ten minutes.
within() {
  local seconds=$(($1 * patience)) left=$((end - SECONDS))
  shift
  [ "$left" -gt 0 ] || { echo "the time is up" >&2; return 124; }
  timeout $((seconds < left ? seconds : left)) "$@"
}

status=0
timings=${TIMINGS-matmul attention lora-step qwen-step decode-step methods step-model}
for device in ${DEVICES:-cuda opencl}; do
  # Seconds for each suite: the kernels' tests have the most variants to compile.
  for suite in "device 40" "operator 90" "golden 25" "trajectory 30"; do
    read -r name seconds <<< "$suite"
    seconds=$((seconds * patience))
    timeout $((seconds + 30)) dotnet/dotnet exec engine/suite/Engine.GpuSuite.dll "$device" "$name" "$seconds" results/gpu-tests.jsonl > /dev/null || {
      code=$?
      status=1
      echo "$device $name: not passed (exit code $code)" >&2
      [ "$code" -ne 2 ] || continue 2 # the device is not there
    }
  done

  # Timings of the first device that is there; on cuda with Engine's products beside cublasLt's, where the machine has it.
  libraries=own
  [ "$device" != cuda ] || libraries="own vendor"
  for timing in $timings; do
    extra=
    [ "$timing" != methods ] || extra="--methods flat-lora"
    for library in $libraries; do
      within 60 dotnet/dotnet exec engine/bench/Engine.Bench.dll "$timing" $extra --device "$device" --dtype bfloat16 --products "$library" >> results/gpu-timings.jsonl ||
        echo "$device $timing, products: $library: cut off or failed (exit code $?)" >&2
    done
  done
  timings=
done

# The same work in PyTorch on the same card, where Python has it.
if [ -s results/gpu-timings.jsonl ]; then
  within 90 python3 gpu.py results/gpu-timings.jsonl > results/with-peers || echo "no timings of PyTorch" >&2
  [ ! -s results/with-peers ] || mv results/with-peers results/gpu-timings.jsonl
  rm -f results/with-peers
fi
exit "$status"
