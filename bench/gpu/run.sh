#!/usr/bin/env bash
# Runs the device, operator, golden and trajectory tests on a machine's CUDA card and on the same card's OpenCL, then timings beside PyTorch and PEFT, and leaves
# JSON lines in bench/results. The machine needs no .NET: the build is carried with its runtime. Under ten minutes, for the time limits of suite.sh.
#   bench/gpu/run.sh                 on this machine
#   bench/gpu/run.sh user@machine    on another, reached by ssh
#   bench/gpu/run.sh --pack FOLDER   only makes the folder to carry; FOLDER/suite.sh runs there and leaves FOLDER/results
#   bench/gpu/run.sh --fake          tries all this without a card, beside the driver of tests/Engine.Cuda.Tests, which runs nothing: 0 where every suite reports failures; no results
# DEVICES="cuda opencl" and TIMINGS="matmul attention lora-step qwen-step decode-step methods step-model" choose what runs (methods: Flat-LoRA);
# PATIENCE=15 gives everything fifteen times its seconds, for an OpenCL on a processor, where all four suites (679 tests) took a quarter of an hour beside other work.
set -euo pipefail
cd "$(dirname "$0")/../.."
pack=artifacts/gpu
if [ "${1:-}" = --pack ]; then
  pack=${2:?--pack needs a folder}
  if [ -e "$pack" ] && [ ! -f "$pack/suite.sh" ]; then
    echo "$pack is there and was not made by run.sh --pack; name a folder that can be made anew." >&2
    exit 1
  fi
fi

dotnet build bench/gpu/Engine.GpuSuite -c Release -v q --nologo >&2
dotnet build bench/Engine.Bench -c Release -v q --nologo >&2
rm -rf "$pack"
mkdir -p "$pack/engine" "$pack/shared/goldens" "$pack/dotnet/host" "$pack/dotnet/shared/Microsoft.NETCore.App"
read -r version folder < <(dotnet --list-runtimes | sed -n 's/^Microsoft\.NETCore\.App \(10\.[^ ]*\) \[\(.*\)\]$/\1 \2/p' | tail -1)
cp "$folder/../../dotnet" "$pack/dotnet/"
cp -r "$folder/../../host/fxr" "$pack/dotnet/host/"
cp -r "$folder/$version" "$pack/dotnet/shared/Microsoft.NETCore.App/"
cp -r bench/gpu/Engine.GpuSuite/bin/Release/net10.0 "$pack/engine/suite"
cp -r bench/Engine.Bench/bin/Release/net10.0 "$pack/engine/bench"
cp Engine.sln "$pack/engine/" # the tests find the goldens beside the folder that holds it
cp -r ../shared/goldens/{models,small,trajectories,related} "$pack/shared/goldens/"
mkdir "$pack/shared/goldens/objectives"
cp -r ../shared/goldens/objectives/tokens "$pack/shared/goldens/objectives/"
cp bench/gpu/suite.sh bench/peers/gpu.py "$pack/"
# Of libraries in machine code only those of the runtime that is carried, and no symbols.
case "$(uname -m)" in aarch64) machine=arm64 ;; *) machine=x64 ;; esac
find "$pack/engine" -path '*/runtimes/*' -prune ! -name "linux-$machine" ! -name linux ! -name unix -exec rm -rf {} +
find "$pack" \( -name '*.pdb' -o -name '*.dbg' \) -delete

status=0
case "${1:-}" in
  --pack)
    echo "$pack is ready: run its suite.sh on the machine, then copy its results folder to bench/results." >&2
    exit 0
    ;;
  --fake)
    compiler=$(command -v clang-19 || echo cc)
    "$compiler" -shared -fPIC -O1 -o "$pack/libfake_cuda.so" tests/Engine.Cuda.Tests/fake_cuda.c
    "$compiler" -shared -fPIC -O1 -o "$pack/libfake_cublaslt.so" tests/Engine.Cuda.Tests/fake_cublaslt.c "$pack/libfake_cuda.so" -lm -Wl,-rpath,'$ORIGIN'
    fake=$PWD/$pack/libfake_cuda.so
    ENGINE_CUDA=$fake ENGINE_CUBLAS=$PWD/$pack/libfake_cublaslt.so FAKE_CUDA=memory=8000000000 FAKE_CUDA_REPORT=$PWD/$pack/launches DEVICES=cuda "$pack/suite.sh" || status=$?
    for suite in device operator golden trajectory; do
      if ! grep -q '"device":"cuda:0 (Fake Card A)".*"suite":"'$suite'".*"failed":[1-9].*"not_run":0,.*"failures":\[{"test":' "$pack/results/gpu-tests.jsonl"; then
        echo "$suite: no line that reports failures and nothing that was not run" >&2
        status=0
      fi
    done
    if [ "$status" -ne 1 ] || [ "$(grep -c '^launches [1-9]' "$pack/launches")" -lt 4 ]; then
      echo "The suites did not report as failures what a driver gets wrong that runs nothing; see $pack/results and $pack/launches." >&2
      exit 1
    fi
    echo "Every suite started, launched kernels and reported its failures." >&2
    exit 0
    ;;
  "")
    "$pack/suite.sh" || status=$?
    mkdir -p bench/results
    cp "$pack"/results/*.jsonl bench/results/
    ;;
  *)
    tar czf - -C "$pack" . | ssh "$1" 'rm -rf engine-gpu && mkdir engine-gpu && tar xzf - -C engine-gpu'
    ssh "$1" "PATIENCE='${PATIENCE:-1}' DEVICES='${DEVICES:-cuda opencl}' ${TIMINGS+TIMINGS='$TIMINGS'} engine-gpu/suite.sh" || status=$?
    mkdir -p bench/results
    ssh "$1" 'tar cf - -C engine-gpu/results .' | tar xf - -C bench/results
    ;;
esac
exit "$status"
