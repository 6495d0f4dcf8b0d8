#!/usr/bin/env bash
# All that reads the sources without running them: ./dev lint.
#
#   lint.sh BUILD_DIR     a build by clang, whose compile_commands.json tidy
#                         reads and where the generated headers are
#
# Runs every part, and fails if one did.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly BUILD_DIR=$1

# The files under version control that match the patterns, one a line.
tracked() { git -c safe.directory="$PWD" ls-files -- "$@"; }

format() {
  tracked '*.cc' '*.h' |
    xargs -r -d '\n' clang-format-19 --dry-run -Werror
}

# Product sources only: the tests include so much that tidy takes minutes, and
# the sanitizers run them anyway.
tidy() {
  tracked 'stack/*.cc' 'drivers/*.cc' 'sockets/*.cc' 'traces/*.cc' \
    'tools/*.cc' |
    xargs -r -d '\n' -n 1 -P "$(nproc)" tests/lint/tidy.sh "$BUILD_DIR"
}

scripts() {
  tracked dev .ci/run '*.sh' | xargs -r -d '\n' shellcheck
}

check() { python3 -B "tests/lint/$1.py" .; }

failed=()
part() {
  local start=$SECONDS
  printf 'lint: %s ... ' "$*"
  if "$@" >"$BUILD_DIR/lint.log" 2>&1; then
    printf 'ok (%d s)\n' $((SECONDS - start))
  else
    printf 'FAILED\n'
    cat "$BUILD_DIR/lint.log"
    failed+=("$*")
  fi
}

part check include_direction
part check co_await_braces
part check leftovers
part scripts
part format
part tidy

if ((${#failed[@]})); then
  (IFS=,; printf 'lint: failed: %s\n' "${failed[*]}")
  exit 1
fi
echo "lint: every part passed"
