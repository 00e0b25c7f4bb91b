#!/usr/bin/env bash
# Tests graft as a part of another project (add_subdirectory): that one gets the library, and none of graft's tests,
# programs, install rules, compiler caches and errors for warnings.
#
#   tests/install/subproject.sh [--build MODEL DATA]     --build compiles and runs the project too, which takes minutes
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
folder=$(mktemp -d "${TMPDIR:-/tmp}/graft-subproject.XXXXXX")
trap 'rm -rf "$folder"' EXIT

fail() {
  printf 'subproject: %s\n' "$*" >&2
  exit 1
}

cmake -S "$here/subproject" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGRAFT_SOURCE="$root" \
  >"$folder/log" 2>&1 || { tail -n 30 "$folder/log" >&2 && fail "it does not configure"; }
commands=$folder/build/compile_commands.json
grep -q 'graft/engine/runtime.cpp' "$commands" || fail "the library is not built"
for unwanted in -Werror ccache -fpch-preprocess tests/support cli/main.cpp gtest; do
  if grep -qF -e "$unwanted" "$commands"; then fail "$unwanted is among the compiler's commands"; fi
done
tests=$(ctest --test-dir "$folder/build" -N 2>/dev/null | grep -c 'Test *#' || true)
[[ $tests == 0 ]] || fail "it has $tests of graft's tests"
if grep -rqF include/graft "$folder/build" --include=cmake_install.cmake; then fail "it installs graft's headers"; fi

said="configures, with nothing of graft's own"
if [[ ${1:-} == --build ]]; then
  cmake --build "$folder/build" --target consumer >>"$folder/log" 2>&1 ||
    { tail -n 30 "$folder/log" >&2 && fail "it does not build"; }
  "$folder/build/consumer" "$2" "$3" "$folder/adapter.npz" "the cat" >"$folder/said" || fail "the consumer failed"
  grep -qF "Saved adapter weights" "$folder/said" || fail "the consumer said: $(cat "$folder/said")"
  said+=", builds, trains and generates"
fi
echo "subproject: $said"
