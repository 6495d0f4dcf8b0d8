#!/usr/bin/env bash
# `splnet bulk` as a user runs it: wrong flags get one clear line and status 2,
# files have no clock in them, and two runs write the same.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SPLNET=${SPLNET:-build/splnet}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
  echo "FAILED: $*"
  failed=1
}

# refuse WORDS FLAG...: says one line with WORDS in it, and nothing else.
refuse() {
  local words=$1 got=0
  shift
  "$SPLNET" bulk "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
  ((got == 2)) || complain "bulk $*: status $got, not 2"
  grep -qF -- "$words" "$tmp/err" ||
    complain "bulk $*: no '$words' in: $(cat "$tmp/err")"
  [[ $(wc -l <"$tmp/err") == 1 ]] ||
    complain "bulk $*: not one line: $(cat "$tmp/err")"
  [[ ! -s $tmp/out ]] || complain "bulk $*: wrote to standard output"
}

refuse "--help" --nonsense
refuse "--bytes 'much': give a size" --bytes much
refuse "--bytes '0': give a size of at least 1" --bytes 0
refuse "--loss '101': give a percentage" --loss 101
refuse "--loss '': give a percentage" --loss ""
refuse "--rtt '50': give a time" --rtt 50
refuse "--rtt '2000min': give a time up to 60min" --rtt 2000min
refuse "--bandwidth '100': give a rate" --bandwidth 100
refuse "--bandwidth '0Mbit/s': give a rate" --bandwidth 0Mbit/s
refuse "--queue '0': give packets" --queue 0
refuse "--queue 'long': give packets" --queue long
refuse "--connections '-1': give a whole number" --connections=-1
refuse "--connections 0: give 1 to" --connections 0
refuse "--connections 60000: give 1 to" --connections 60000
refuse "--cc 'vegas': give newreno or cubic" --cc vegas
refuse "--mtu 100: give 296 to" --mtu 100
refuse "--mtu 0: give 296 to" --mtu 0
refuse "--mtu 70000: give 296 to" --mtu 70000
refuse "--buffer 4194304: more than kern.sb_max" --buffer 4MiB
refuse "--interval '0': give a time" --interval 0
refuse "--seed 'x': give a whole number" --seed x
refuse "--personality 'linux': give openbsd or freebsd" --personality linux
refuse "there is no setting net.inet.tcp.nothing" \
  --set net.inet.tcp.nothing=1
refuse "give net.inet.ip.ttl 1 to 255" --set net.inet.ip.ttl=0
refuse "--csv and --json both name -" --csv - --json -
refuse "--csv and --write both name $tmp/one" --csv "$tmp/one" \
  --write "$tmp/one"
refuse "$tmp/none/x.csv" --csv "$tmp/none/x.csv"

# A run with every output, twice.
readonly RUN=(bulk --bytes 300KB --loss 1 --both --connections 2
  --rtt 10ms --bandwidth 20Mbit/s --queue 64KB --seed 7)
for run in 1 2; do
  "$SPLNET" "${RUN[@]}" --csv "$tmp/$run.csv" --json "$tmp/$run.json" \
    --write "$tmp/$run.pcapng" >"$tmp/$run.out" ||
    complain "${RUN[*]}: status $?"
  grep -v "^real time: " "$tmp/$run.out" >"$tmp/$run.report" || true
done
for what in csv json pcapng report; do
  cmp "$tmp/1.$what" "$tmp/2.$what" || complain "two runs differ in $what"
done
[[ $(grep -c "^real time: " "$tmp/1.out") == 1 ]] ||
  complain "no real time in: $(cat "$tmp/1.out")"
! grep -qi "real" "$tmp/1.json" "$tmp/1.csv" || complain "a clock in a file"
grep -q "^ok: every byte arrived once and in order" "$tmp/1.out" ||
  complain "no check of the bytes in: $(cat "$tmp/1.out")"

# Standard output is the file's; the report goes beside it.
"$SPLNET" "${RUN[@]}" --json - >"$tmp/stdout.json" 2>"$tmp/stderr" ||
  complain "--json -: status $?"
cmp "$tmp/stdout.json" "$tmp/1.json" || complain "--json - writes another JSON"
grep -q "^goodput: " "$tmp/stderr" || complain "no report on standard error"

# Nothing gets through: the checks fail, and so does the command.
got=0
"$SPLNET" bulk --bytes 1KB --loss 100 >"$tmp/out" 2>&1 || got=$?
((got == 1)) || complain "all lost: status $got, not 1"
grep -q "^FAILED: every byte arrived" "$tmp/out" ||
  complain "no failure in: $(cat "$tmp/out")"

exit "$failed"
