#!/usr/bin/env bash
# Sets up all that is needed on a fresh machine, builds, and runs every test.
#
#   scripts/test.sh [--arm]
#
#   --arm   only the tests of the kernels and of what they use, built for 64-bit ARM and run by QEMU, so that
#           NEON is tested on any processor. Needs Debian or Ubuntu; scripts/setup.sh arm is part of it
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $* in
  '') sections="packages venv model build interop" ;;
  --arm) sections=arm ;;
  *) printf 'usage: scripts/test.sh [--arm]\n' >&2 && exit 2 ;;
esac
# shellcheck disable=SC2086
scripts/setup.sh $sections || exit 1

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

# Whether the sources are as clang-format writes them.
formatted() {
  find graft cli tests bench -name '*.cpp' -o -name '*.h' |
    xargs .venv-interop/bin/clang-format --dry-run -Werror
}

# Whether every benchmark finds its results right; its timings are nobody's here.
benches() {
  local bench log=build/bench.log
  for bench in build/bench/*_bench; do
    "$bench" --benchmark_min_time=0.001 >"$log" 2>&1 || { tail -n 20 "$log" && return 1; }
    if grep -F 'ERROR' "$log"; then return 1; fi
    grep -qE ' (ns|us|ms) ' "$log" || { echo "$bench timed nothing" && return 1; }
  done
}

# With the preset $1, builds the tests of the other arguments' layers and runs them. Left out is one that sends whole
# texts through all of SmolLM2: minutes where the kernels are slow, for code that the others run too.
layers_of_preset() {
  local preset=$1 log=build-$1.log layers=("${@:2}")
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" --target "${layers[@]/%/_tests}"; } \
    >"$log" 2>&1; then
    tail -n 40 "$log"
    return 1
  fi
  rm "$log"
  ctest --preset "$preset" -j2 -R "^($(IFS='|' && echo "${layers[*]}"))\\." -E '^generation\.SmolLM2Loss\.'
}

# Says how the stages went; fails if one of them did.
summary() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [[ $failed == 0 ]]
}

if [[ $sections == arm ]]; then
  stage 'kernels on 64-bit ARM' layers_of_preset arm base kernels
  summary
  exit
fi

stage 'formatting' formatted
stage 'unit tests' ctest --preset release -j2
stage 'unit tests on AVX2' env GRAFT_CPU_ISA=avx2 \
  ctest --preset release -j2 -R '^(ops|lora|models|training|generation|cli)\.'
stage 'benchmarks' benches
stage 'installed package' tests/install/run.sh build

python=.venv-interop/bin/python
gguf=models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
stage 'npz against NumPy and MLX' "$python" tests/interop/npz_parity.py build/tests/npz_driver
stage 'GGUF against gguf' "$python" tests/interop/gguf_parity.py build/graft build/tests/logits_driver
stage 'conversion against mlx-lm' "$python" tests/interop/convert_parity.py build/graft --model "$gguf"
stage 'models and adapters against mlx-lm' "$python" tests/interop/model_parity.py \
  build/graft build/tests/logits_driver --model "$gguf"
stage 'SmolLM2 for tokenizer and data sets' build/graft convert --hf-path "$gguf" --mlx-path build/smollm2
stage 'downloads against huggingface_hub' "$python" tests/interop/hub_downloads.py build/graft --model build/smollm2
stage 'uploads against huggingface_hub' "$python" tests/interop/hub_uploads.py build/graft --model "$gguf"
stage 'chat templates against transformers' "$python" tests/interop/chat_template_parity.py \
  build/tests/chat_template_driver
stage 'tokenizers against Hugging Face' "$python" tests/interop/tokenizer_parity.py \
  build/tests/tokenize_driver build/smollm2 \
  tests/fixtures/tokenizer/{flags,gpt2,llama2,llama3,metaspace,qwen2,smollm,steps,unigram,unigram_bytes} \
  --texts data/train.jsonl
stage 'tokenizers of well-known models' "$python" tests/interop/real_tokenizers.py \
  build/tests/tokenize_driver build/tokenizers

# Everything but the program under the sanitizers; the whole job with MLX's own operations.
stage 'sanitizers' layers_of_preset asan base unicode io hub convert data lora jinja regex tokenizer fuzz \
  kernels ops models training generation
stage 'portable' layers_of_preset portable ops models training cli

summary
