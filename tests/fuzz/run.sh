#!/usr/bin/env bash
# Runs one fuzzer: run.sh SECONDS FUZZER.  ./dev fuzz calls it.
#
# Starts from the seeds in tests/fuzz/corpus/NAME and from what earlier runs
# learned, which stays in the build directory beside what they found.  Prints
# one line, after the report when there is a finding, and then exits 1.

set -euo pipefail
readonly SECONDS_TO_RUN=$1 FUZZER=$2

name=$(basename "$FUZZER")
work=$(dirname "$FUZZER")/../runs/$name
seeds=$(dirname "${BASH_SOURCE[0]}")/corpus/$name
mkdir -p "$work/corpus"
work=$(realpath --relative-base=. "$work")
corpora=("$work/corpus")
if [[ -d $seeds ]]; then corpora+=("$seeds"); fi

export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19
export UBSAN_OPTIONS=print_stacktrace=1
if "$FUZZER" -max_total_time="$SECONDS_TO_RUN" -timeout=10 \
  -rss_limit_mb=2048 -artifact_prefix="$work/" "${corpora[@]}" \
  >"$work/log" 2>&1; then
  printf '%s: no finding, %s\n' "$name" "$(grep -a '^Done ' "$work/log")"
else
  # From the first line of the report: before it are statistics.
  sed -n '/ERROR: \|runtime error: /,$p' "$work/log" | head -n 60
  printf '%s: FINDING, its input is in %s\n' "$name" "$work"
  exit 1
fi
