#!/usr/bin/env bash
# Tests the installed graft: installs it, moves the folder, looks for the licence of everything in it, and
# builds a small project against it, which trains a model and generates with it. Meanwhile this tree, the build folder and .venv are hidden,
# where the system lets them be; and everywhere nothing may name them that is installed, that the build
# leaves behind, or that the loader opens.
#
#   tests/install/run.sh [BUILD]     BUILD is a build folder (build)
set -euo pipefail
shopt -s nullglob
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
build=$(cd "${1:-$root/build}" && pwd -P)
venv=$root/.venv
if [[ -d $venv ]]; then venv=$(cd "$venv" && pwd -P); fi

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

# Shows the end of the log, and fails.
fail_with_log() {
  tail -n 30 "$folder/log" >&2
  fail "$@"
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/graft-install.XXXXXX")
trap 'rm -rf "$folder"' EXIT
folder=$(cd "$folder" && pwd -P)
for place in "$root" "$build" "$venv"; do
  case $folder/ in
    "$place"/*) fail "the temporary folder lies in $place, which is to be hidden: set TMPDIR" ;;
  esac
done
prefix=$folder/elsewhere/graft

cmake --install "$build" --prefix "$folder/first" >"$folder/log" 2>&1 ||
  fail_with_log "cmake --install failed"
mkdir "$folder/elsewhere"
mv "$folder/first" "$prefix"
cp -r "$here/consumer" "$folder/consumer"
"$build/tests/tiny_model_driver" "$folder/model" "$folder/data"

# Of the headers those of graft/engine and what they include.
headers=$prefix/include/graft
[[ -f $headers/engine/engine.h && -f $headers/models/model.h ]] || fail "headers are missing in $headers"
for inner in kernels ops/cpu hub/http.h convert/plan.h tokenizer/bpe.h; do
  if [[ -e $headers/$inner ]]; then fail "$inner is installed, which is no part of the library's surface"; fi
done
# The documentation shows the project as it is.
for source in CMakeLists.txt main.cpp; do
  python3 - "$root/docs/library.md" "$here/consumer/$source" <<'PYTHON' || fail "docs/library.md shows another $source"
import sys
document, source = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
sys.exit(0 if source in document else 1)
PYTHON
done

# The licences: of graft, of MLX, and of every library that MLX brings along.
doc=$prefix/share/doc/graft
licensed() {
  grep -qsF -- "$3" "$doc/$2" || fail "the licence of $1 is not in share/doc/graft/$2"
}
cmp -s "$root/LICENSE" "$doc/LICENSE" || fail "graft's LICENSE is not in share/doc/graft"
infos=("$doc"/licenses/mlx*-[0-9]*)
if [[ -d $prefix/lib/graft/mlx && ${#infos[@]} == 0 ]]; then fail "MLX has no licence in $doc"; fi
for info in ${infos[@]+"${infos[@]}"}; do
  licensed MLX "licenses/$(basename "$info")/LICENSE" 'Apple Inc.'
done
if [[ -d $prefix/lib/graft/arrow ]]; then
  infos=("$doc"/licenses/pyarrow-[0-9]*)
  if [[ ${#infos[@]} == 0 ]]; then fail "Arrow has no licence in $doc"; fi
  for info in "${infos[@]}"; do
    licensed Arrow "licenses/$(basename "$info")/LICENSE.txt" 'Apache License'
  done
fi
bundled=("$prefix"/lib/graft/mlx*.libs/*)
for library in ${bundled[@]+"${bundled[@]}"}; do
  name=$(basename "$library")
  case $name in
    libblas-* | liblapack-*) licensed "$name" licenses/lapack/copyright 'The University of Tennessee' ;;
    libgfortran-*)
      licensed "$name" licenses/gcc/GPL-3 'Version 3, 29 June 2007'
      licensed "$name" licenses/gcc/copyright 'GCC RUNTIME LIBRARY EXCEPTION'
      ;;
    libquadmath-*)
      licensed "$name" licenses/gcc/LGPL-2.1 'Version 2.1, February 1999'
      licensed "$name" licenses/gcc/copyright 'libquadmath/*.[hc]:'
      ;;
    *) fail "MLX brings $name along, whose licence nobody looked up: see cmake/licenses/README.md" ;;
  esac
done
if [[ ${#bundled[@]} == 0 && -e $doc/licenses/README.md ]]; then
  fail "cmake/licenses is installed, but no library that it is about"
fi

# Lists the files that name a place to be hidden; succeeds if one does.
naming() {
  grep -rlF -e "$root" -e "$build" -e "$venv" "$@"
}
if naming "$prefix/lib/cmake" "$prefix/bin" "$prefix"/lib/graft/*graft_parquet*; then fail "these installed files name $root"; fi

if [[ $(uname -s) == Linux ]]; then
  ldd "$prefix/bin/graft" >"$folder/libraries"
  if grep -F 'not found' "$folder/libraries"; then fail "bin/graft lacks these libraries"; fi
  for library in "$prefix/lib/graft/mlx/lib/libmlx.so" ${bundled[@]+"${bundled[@]}"}; do
    grep -F "$(basename "$library") => " "$folder/libraries" | grep -qF "=> $folder/elsewhere/" ||
      fail "bin/graft does not take $(basename "$library") from the installed folder"
  done
fi

cat >"$folder/use.sh" <<USE
set -eu
cd "$folder"
test "\$("$prefix/bin/graft" --version)" = "\$(cat version)"
cmake -S consumer -B consumer/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
cmake --build consumer/build
consumer/build/consumer model data adapter.npz "the cat" | tee said
"$prefix/bin/graft" generate --model model --adapter-file adapter.npz -p "the cat" -m 20 >by_program
USE
"$build/graft" --version >"$folder/version"

# Runs its arguments where an empty folder lies over each place to be hidden. The tree comes last: it may
# hold the others.
mkdir "$folder/nothing"
cat >"$folder/hide.sh" <<HIDE
set -eu
for place in "$build" "$venv" "$root"; do
  if [ -d "\$place" ]; then mount --bind "$folder/nothing" "\$place"; fi
done
for place in "$build" "$venv" "$root"; do
  if [ -n "\$(ls -A "\$place" 2>/dev/null)" ]; then echo "\$place is not hidden" && exit 1; fi
done
exec "\$@"
HIDE
how="not hidden, for want of mount namespaces"
hide=()
for flags in -m -rm; do
  if unshare "$flags" bash "$folder/hide.sh" true >>"$folder/log" 2>&1; then
    how=hidden
    hide=(unshare "$flags" bash "$folder/hide.sh")
    break
  fi
done
${hide[@]+"${hide[@]}"} bash "$folder/use.sh" >>"$folder/log" 2>&1 || fail_with_log "see above"
grep -qF "Saved adapter weights to adapter.npz" "$folder/said" || fail "the consumer said: $(cat "$folder/said")"
cmp -s <(tail -n "$(wc -l <"$folder/by_program")" "$folder/said") "$folder/by_program" ||
  fail "with the consumer's adapter the program generates something else: $(cat "$folder/said" "$folder/by_program")"

# What was configured, compiled and linked stands in CMake's cache and in ninja's files, headers too; what
# was loaded, the loader says.
if naming "$folder/consumer/build"; then fail "building the consumer took something from $root"; fi
loads_its_own() {
  env LD_DEBUG=files DYLD_PRINT_LIBRARIES=1 "$@" >"$folder/loaded" 2>&1 || fail "$1 failed"
  grep -qE '/elsewhere/graft/(.*/)?lib/graft/mlx/lib/libmlx\.' "$folder/loaded" ||
    fail "the loader does not say that $1 takes MLX from the installed folder"
  if grep -F -e "$root" -e "$build" -e "$venv" "$folder/loaded"; then fail "$1 loads what $root holds"; fi
}
loads_its_own "$prefix/bin/graft" --version
if [[ -d $prefix/lib/graft/arrow ]]; then
  # By PATH the program does not know where it lies.
  loads_its_own env -C "$folder" PATH="$prefix/bin:$PATH" graft info
  grep -qE 'Data sets: +JSON, CSV and Parquet' "$folder/loaded" || fail "bin/graft does not find its reader of Parquet"
  grep -qF "$folder/elsewhere/graft/lib/graft/arrow/libarrow." "$folder/loaded" ||
    fail "the reader of Parquet does not take Arrow from the installed folder"
fi
loads_its_own env -C "$folder" consumer/build/consumer model data adapter.npz "the cat"
echo "install: the consumer trains, saves and generates; this tree was $how, and nothing names it"
