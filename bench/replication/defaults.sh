#!/usr/bin/env bash
# The replication at default radii on real data (run.sh: the study that chooses them): all-MiniLM-L6-v2 on three GLUE tasks with the settings of bench/glue, by every method below with three seeds, on
#   full     all training rows (of SST-2 the first 8000), three epochs
#   tenth    a tenth of these rows, ten epochs
#   flipped  all rows, a fifth of the labels replaced by others, three epochs
# with the sharpness of every run on 32 validation rows (more cost more than the training), and merges what there is into docs/results/replication.jsonl. Stopped (Ctrl-C, or killed), it goes on where it was when it is started again. In parts:
#   bench/replication/defaults.sh [TASK/CONDITION...]        such as MRPC/tenth STS-B/tenth
#   taskset -c 0 bench/replication/defaults.sh MRPC/full     beside another part on core 1: one core trains at more than half the speed of two, and the results are the same
#   METHODS=lora,flat-lora SEEDS=1 SHARPNESS=expected ROWS=128 ARGUMENTS="--device opencl" bench/replication/defaults.sh MRPC/full
set -euo pipefail
cd "$(dirname "$0")/../.."
methods=${METHODS:-lora,lora-sam,nbar,flat-lora,fm-lora,efm-lora,bi-lora}
dotnet build -c Release src/Engine.Cli > /dev/null
dotnet build -c Release bench/Engine.Bench > /dev/null
engine=(dotnet src/Engine.Cli/bin/Release/net10.0/engine.dll)
bench=(dotnet bench/Engine.Bench/bin/Release/net10.0/Engine.Bench.dll)
data=../shared/data/glue
runs=$PWD/runs/replication
[ "$#" -gt 0 ] || set -- {MRPC,STS-B,SST-2}/{full,tenth,flipped}

failed=0
for part in "$@"; do
  task=${part%/*} condition=${part#*/}
  case $task in
    MRPC) label=Quality ;;
    STS-B) label=score ;;
    SST-2) label=label ;;
    *) echo "There is no task '$task'; the tasks are MRPC, STS-B and SST-2." >&2; exit 1 ;;
  esac
  limit=$([ "$task" = SST-2 ] && echo "--limit 8000" || true)
  file=$runs/data/$task-$condition.tsv
  case $condition in
    full) settings=() ;;
    tenth)
      [ -f "$file" ] || "${bench[@]}" degrade "$data/$task/train.tsv" "$file" --label "$label" $limit --keep 0.1 --seed 1
      settings=(--set data.train="$file" --set num_train_epochs=10 --set eval_strategy=steps --set eval_steps=100) ;;
    flipped)
      [ -f "$file" ] || "${bench[@]}" degrade "$data/$task/train.tsv" "$file" --label "$label" $limit --flip 0.2 --seed 1
      settings=(--set data.train="$file") ;;
    *) echo "There is no condition '$condition'; the conditions are full, tenth and flipped." >&2; exit 1 ;;
  esac
  # A part in which a run failed is reported at the end; the others do not depend on it. 130: stopped by Ctrl-C.
  "${engine[@]}" compare "bench/glue/$task.yaml" --methods "$methods" --seeds "${SEEDS:-3}" --sharpness "${SHARPNESS:-expected,worst-case}" --sharpness-rows "${ROWS:-32}" ${ARGUMENTS:-} \
    --set output="$runs/$part" --set save_steps=50 --set save_total_limit=1 --set logging_steps=100 ${settings[@]+"${settings[@]}"} || code=$?
  [ "${code:-0}" -ne 130 ] || exit 130
  failed=$((failed + ${code:-0})) code=0
done

"${bench[@]}" replication "$runs" > docs/results/replication.jsonl
exit $((failed > 0))
