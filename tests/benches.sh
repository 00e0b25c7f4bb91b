#!/usr/bin/env bash
# Whether every benchmark finds its results right; its timings are nobody's here.
#
#   tests/benches.sh BUILD     BUILD is a build folder
set -euo pipefail
for bench in "$1"/bench/*_bench; do
  said=$("$bench" --benchmark_min_time=0.001 2>&1) || { tail -n 20 <<<"$said" && exit 1; }
  if grep -F 'ERROR' <<<"$said"; then exit 1; fi
  grep -qE ' (ns|us|ms) ' <<<"$said" || { echo "$bench timed nothing" && exit 1; }
done
