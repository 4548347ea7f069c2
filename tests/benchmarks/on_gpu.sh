#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA card can tell of the CUDA path, in less than eight minutes:
#
#     tests/benchmarks/on_gpu.sh [FOLDER]
#
# It installs nothing: nst with its extra cuda12 or cuda13, and pytest, have to be there; PyTorch and compute-sanitizer
# are used where they are. Weights are random where $NST_WEIGHTS has none. Into FOLDER (default: gpu-results) go a log of
# each step, the measurements as JSON, and results.md and results.json: all steps, and the whole step of style transfer
# against PyTorch's with TF32 allowed and not.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${1:-gpu-results}
mkdir -p "$out"
python=${PYTHON:-python3}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
: > "$out/steps.tsv"

# step NAME SECONDS COMMAND...: run it for so long at the most, with a log; note its exit status and its time.
step() {
    local name=$1 limit=$2 begun status
    shift 2
    begun=$(date +%s.%N)
    timeout --kill-after=5 "$limit" "$@" > "$out/$name.log" 2>&1
    status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" "$(echo "$(date +%s.%N) $begun" | awk '{printf "%.1f", $1 - $2}')" >> "$out/steps.tsv"
    echo "$name: exit status $status"
    return $status
}

step card 30 nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv
if ! step device 60 "$python" -c 'from nst import kernels; why = kernels.no_card(); print(why or kernels.card_name()); raise SystemExit(bool(why))'; then
    cat "$out/device.log"
    exit 1
fi

# Results, and gradients against the definition in float64.
step tests 150 "$python" -m pytest tests/cuda -W default -q -p no:cacheprovider
if command -v compute-sanitizer > /dev/null; then
    for tool in memcheck racecheck; do
        step "$tool" 50 compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all \
            "$python" -m pytest tests/cuda/test_products.py tests/cuda/test_kernels.py -W default -q -x -p no:cacheprovider
    done
fi

# A whole step; PyTorch may use TF32 wherever we use less than float32.
rival=()
"$python" -c 'import torch; raise SystemExit(not torch.cuda.is_available())' 2> /dev/null && rival=(--vs torch)
for precision in float32 tf32; do
    step "step-$precision" 80 "$python" -m nst.bench step --device cuda --precision "$precision" --size 512 --quick \
        "${rival[@]}" --json "$out/step-$precision.json"
done
step painting 45 "$python" -m nst.run --device cuda --size 512 --iterations 500 --print-every 100 -o "$out/painting.png"

"$python" -m tests.benchmarks.gpu_table "$out"
