#!/usr/bin/env bash
# Writes scripts/requirements*.txt, what is installed with versions and hashes, from requirements*.in, what is wanted.
# Needs uv (scripts/requirements-uv.txt).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
compile() {
  local name=$1
  shift
  uv pip compile --quiet --generate-hashes --no-annotate --upgrade "$@" \
    --custom-compile-command scripts/pin_requirements.sh "$name.in" --output-file "$name.txt"
}
compile requirements --universal --python-version 3.10
compile requirements-uv --universal --python-version 3.10
compile requirements-interop --universal --python-version 3.11
compile requirements-templates --universal --python-version 3.11 --no-deps
compile requirements-fixtures --python-platform x86_64-unknown-linux-gnu --python-version 3.11
compile requirements-llama --python-platform x86_64-unknown-linux-gnu --python-version 3.11 --only-binary :all:
compile requirements-records --universal --python-version 3.11
