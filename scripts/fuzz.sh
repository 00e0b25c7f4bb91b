#!/usr/bin/env bash
# Runs the fuzzers of the readers of others' files under libFuzzer, with the address and undefined-behaviour
# sanitizers. Needs clang.
#
#   scripts/fuzz.sh [SECONDS [READER...]]    readers: gguf, jinja, tokenizer_json, ... (default: all, 60 s each)
#
# What is found beyond the seeds stays in build-fuzz/corpus/READER; an input that crashes is written to
# build-fuzz/crashes and makes the script fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
shift $(($# > 0))
readers=("$@")
if [[ ${#readers[@]} == 0 ]]; then
  for source in tests/fuzz/*_fuzz.cpp; do readers+=("$(basename "$source" _fuzz.cpp)"); done
fi
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz.sh: $seconds is no number of seconds" >&2; exit 2; }
for reader in "${readers[@]}"; do
  [[ -f tests/fuzz/${reader}_fuzz.cpp ]] || { echo "fuzz.sh: no fuzzer of $reader in tests/fuzz" >&2; exit 2; }
done
command -v clang++ > /dev/null || { echo "fuzz.sh: needs clang++ (Debian: clang)" >&2; exit 1; }
mkdir -p build-fuzz/crashes
cmake -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGRAFT_CPU_KERNELS=OFF \
  -DGRAFT_FUZZ=ON > build-fuzz/configure.log || { cat build-fuzz/configure.log >&2; exit 1; }
cmake --build build-fuzz --target "${readers[@]/%/_fuzz}"
for reader in "${readers[@]}"; do
  mkdir -p "build-fuzz/corpus/$reader"
  echo "== $reader"
  "build-fuzz/tests/fuzz/${reader}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=20000 \
    -artifact_prefix="build-fuzz/crashes/$reader-" -print_final_stats=1 "build-fuzz/corpus/$reader" \
    "tests/fuzz/seeds/$reader" 2>&1 | grep -E "^stat::number_of_executed_units|ERROR|SUMMARY|Test unit|#[0-9]+ .*DONE" || true
done
if [[ -n $(ls build-fuzz/crashes) ]]; then
  echo "fuzz.sh: inputs that crash are in build-fuzz/crashes" >&2
  exit 1
fi
