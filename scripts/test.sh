#!/usr/bin/env bash
# Sets up all that is needed on a fresh machine, builds, and runs the tests.
#
#   scripts/test.sh [--full | --long]
#
#   --full   and under sanitizers, as a portable build, on AVX2, and on 64-bit ARM by QEMU (Debian and Ubuntu alone)
#   --long   and what takes long by nature: hundreds of kills, long texts, fuzzing, each file compiled by itself
#
# At the end comes a table of stages and seconds. A stage that takes longer than it may has failed. What the stages
# are, and which of them to run alone, says scripts/stages.py --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh packages
exec python3 scripts/stages.py "$@"
