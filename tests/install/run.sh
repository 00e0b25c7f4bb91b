#!/usr/bin/env bash
# Tests the installed graft: installs it, moves the folder, hides the build tree and .venv, and builds
# and runs a small project against it.
#
#   tests/install/run.sh [BUILD]     BUILD is a build folder (build)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/graft-install.XXXXXX")
trap 'rm -rf "$folder"' EXIT
prefix=$folder/elsewhere/graft

cmake --install "$build" --prefix "$folder/first" >"$folder/log" 2>&1 || fail "cmake --install failed"
mkdir "$folder/elsewhere"
mv "$folder/first" "$prefix"
cp -r "$here" "$folder/consumer"

# Nothing that is read at build or run time names this tree.
if grep -rlF -e "$root" -e "$(readlink -f "$root/.venv")" "$prefix/lib/cmake" "$prefix/bin"; then
  fail "these installed files name $root"
fi

cat >"$folder/use.sh" <<USE
set -eu
test "\$($prefix/bin/graft --version)" = "\$(cat $folder/version)"
cmake -S "$folder/consumer" -B "$folder/consumer/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$folder/consumer/build"
"$folder/consumer/build/consumer" | tee "$folder/said"
USE
"$build/graft" --version >"$folder/version"

if [[ $(uname -s) == Linux ]]; then
  ldd "$prefix/bin/graft" >"$folder/libraries"
  if grep -F 'not found' "$folder/libraries"; then fail "bin/graft lacks these libraries"; fi
  for library in libmlx libblas- liblapack- libgfortran-; do
    grep -F "$library" "$folder/libraries" | grep -qF "=> $folder/elsewhere/" ||
      fail "bin/graft does not take $library from the installed folder"
  done
fi

# In a mount namespace of its own, empty folders lie over the build tree and .venv.
hide="mount --bind '$folder/nothing' '$build' &&
  mount --bind '$folder/nothing' '$(readlink -f "$root/.venv")' && exec bash '$folder/use.sh'"
mkdir "$folder/nothing"
if unshare -m true 2>/dev/null; then
  unshare -m bash -c "$hide" >>"$folder/log" 2>&1 || { tail -n 30 "$folder/log"; fail "see above"; }
elif unshare -rm true 2>/dev/null; then
  unshare -rm bash -c "$hide" >>"$folder/log" 2>&1 || { tail -n 30 "$folder/log"; fail "see above"; }
else
  echo "install: no mount namespaces here: .venv is not hidden"
  bash "$folder/use.sh" >>"$folder/log" 2>&1 || { tail -n 30 "$folder/log"; fail "see above"; }
fi
grep -qF "$(cut -d' ' -f2 "$folder/version"): swiglu is right" "$folder/said" ||
  fail "the consumer said: $(cat "$folder/said")"
echo "install: $(cat "$folder/said")"
