#!/usr/bin/env bash
# clang-tidy over one source: tidy.sh BUILD_DIR SOURCE.
#
# Silent when there is nothing to say; otherwise all of a source's warnings in
# one piece, so that parallel runs do not mix theirs.

set -uo pipefail

if ! output=$(clang-tidy-19 -p "$1" --quiet "$2" 2>&1); then
  printf '%s\n' "$output"
  exit 1
fi
