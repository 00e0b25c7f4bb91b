#!/usr/bin/env bash
# Sets up all that is needed on a fresh machine, builds, and runs every test.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh packages venv model build interop || exit 1

passed=0
failed=0
stage() {
  local name=$1
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '== %s FAILED\n' "$name"
  fi
}

stage 'unit tests' ctest --preset release -j2
stage 'unit tests on AVX2' env ONEDNN_MAX_CPU_ISA=AVX2 GRAFT_CPU_ISA=avx2 \
  ctest --preset release -j2 -R '^(ops|models|training|cli)\.'
stage 'installed package' tests/install/run.sh build
python=.venv-interop/bin/python
stage 'npz against NumPy and MLX' "$python" tests/interop/npz_parity.py build/tests/npz_driver
stage 'GGUF against gguf' "$python" tests/interop/gguf_parity.py build/graft
stage 'conversion against mlx-lm' "$python" tests/interop/convert_parity.py build/graft

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[[ $failed == 0 ]]
