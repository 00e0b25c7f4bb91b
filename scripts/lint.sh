#!/usr/bin/env bash
# clang-tidy over the sources of graft, with the checks of .clang-tidy: all of them, or the files named.
#
#   scripts/lint.sh [FILE...]
#
# Needs what scripts/setup.sh installs, and clang-tidy, which it adds on Debian and Ubuntu. All files
# take some ten minutes on two cores.
# Prints what it finds, and exits with 1 if that is anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

files=("$@")
if ((${#files[@]} == 0)); then
  mapfile -t files < <(find graft cli -name '*.cpp' | sort)
fi
scripts/setup.sh packages lint venv

# Clang cannot read GCC's precompiled headers.
cmake --preset release -B build-lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
# GCC's warning flags of the build are unknown to clang.
printf '%s\n' "${files[@]}" |
  xargs -P "$(nproc)" -n 1 clang-tidy -p build-lint --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null
