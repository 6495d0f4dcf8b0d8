#!/usr/bin/env bash
# Replays every committed capture in every mode and compares report, JSON,
# paths and written capture with the golden files: byte for byte the same on
# every build type and compiler, and the second time too.
#
#   tests/cli/replay_golden.sh            checks
#   tests/cli/replay_golden.sh --update   makes the golden files anew: say in
#                                         the commit why they changed
#
# Reports are kept as text, so that a change can be read; of the rest
# traces/golden/replay.sha256 has the digests.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SPLNET=${SPLNET:-build/splnet}
readonly GOLDEN=traces/golden
readonly MODES=(server client observe no-pin)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The flags of mode $1.
flags_of() {
  case $1 in
    server) ;;
    client) echo "--as client" ;;
    observe) echo "--observe" ;;
    no-pin) echo "--no-pin" ;;
  esac
}

# Everything that there is to say about capture $1 in mode $2, into folder $3.
replay() {
  local capture=$1 mode=$2 folder=$3 name
  local -a flags
  read -ra flags <<<"$(flags_of "$mode")"
  name=$folder/$(basename "$capture" .pcapng).$mode
  "$SPLNET" replay ${flags[@]+"${flags[@]}"} --json "$name.json" \
    --write "$name.pcapng" "$capture" >"$name.txt" || {
    echo "replay --$mode of $capture ended with status $?:"
    cat "$name.txt"
    return 1
  }
  "$SPLNET" replay ${flags[@]+"${flags[@]}"} --path "$capture" >"$name.path"
}

failed=0
mkdir "$out/first" "$out/second"
for capture in traces/pcap/*.pcapng; do
  for mode in "${MODES[@]}"; do
    replay "$capture" "$mode" "$out/first" || failed=1
    replay "$capture" "$mode" "$out/second" >/dev/null || failed=1
  done
done
((failed == 0)) || exit 1

if ! diff -rq "$out/first" "$out/second"; then
  echo "the same command gave two results"
  exit 1
fi

(cd "$out/first" && LC_ALL=C sha256sum ./*.json ./*.path ./*.pcapng) \
  >"$out/replay.sha256"

if [[ ${1:-} == --update ]]; then
  mkdir -p "$GOLDEN"
  rm -f "$GOLDEN"/*.txt
  cp "$out"/first/*.txt "$out/replay.sha256" "$GOLDEN/"
  echo "wrote $(find "$GOLDEN" -type f | wc -l) files to $GOLDEN"
  exit 0
fi

for text in "$out"/first/*.txt; do
  diff -u "$GOLDEN/$(basename "$text")" "$text" || failed=1
done
diff -u "$GOLDEN/replay.sha256" "$out/replay.sha256" || failed=1
if ((failed)); then
  echo "the output differs from $GOLDEN: if it should, run" \
    "tests/cli/replay_golden.sh --update and say why in the commit"
  exit 1
fi
