#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA card can tell of the CUDA path, in less than eight minutes:
#
#     tests/benchmarks/on_gpu.sh [FOLDER]
#
# It installs nothing: nst with its extra cuda12 or cuda13, and pytest, have to be there; PyTorch and compute-sanitizer
# are used where they are. Weights are random where $NST_WEIGHTS has no VGG-19. Into FOLDER (default: gpu-results) go a log
# of each step, the measurements as JSON, and results.md and results.json: all steps, the whole step of style transfer
# against PyTorch's with TF32 allowed and not, and 500 iterations at 512 pixels. Both are written anew after each step, so
# that they are there when it is stopped. FOLDER/kernels has what was compiled, for a second run.
set -uo pipefail
out=$(realpath -m "${1:-gpu-results}")
cd "$(dirname "$0")/../.." || exit 1
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
exec "${PYTHON:-python3}" -m tests.benchmarks.on_gpu "$out"
