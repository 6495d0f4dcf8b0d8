#!/usr/bin/env bash
# A wrong file, flag or filter gets one clear line on standard error, nothing
# on standard output, and exit status 2 (bad usage) or 3 (unusable input).

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SPLNET=${SPLNET:-build/splnet}
readonly CAPTURE=traces/pcap/http-download-small.pcapng

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
  echo "FAILED: $*"
  failed=1
}

# expect STATUS WORDS COMMAND...: COMMAND ends with STATUS and says one line
# with WORDS in it.
expect() {
  local status=$1 words=$2 got=0
  shift 2
  "$SPLNET" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
  ((got == status)) || complain "splnet $*: status $got, not $status"
  grep -qF -- "$words" "$tmp/err" ||
    complain "splnet $*: no '$words' in: $(cat "$tmp/err")"
  [[ $(wc -l <"$tmp/err") == 1 ]] ||
    complain "splnet $*: not one line: $(cat "$tmp/err")"
  [[ ! -s $tmp/out ]] || complain "splnet $*: wrote to standard output"
}

# Flags and verbs.
expect 2 "--help"
expect 2 "nonsense" nonsense
expect 2 "--help" replay
expect 2 "--nonsense" replay --nonsense "$CAPTURE"
for seed in many 1x "" 99999999999999999999999 +1; do
  expect 2 "--seed '$seed': give a whole number from 0 to 18446744073709551615" \
    replay --seed "$seed" "$CAPTURE"
done
expect 2 "--seed '-1': give a whole number" replay --seed=-1 "$CAPTURE"
expect 2 "--seed" replay --seed -1 "$CAPTURE"
expect 2 "'nobody'" replay --as nobody "$CAPTURE"
expect 2 "'300.1.2.3'" replay --as 300.1.2.3 "$CAPTURE"
expect 2 "combined" replay --as server --as 192.0.2.1 "$CAPTURE"
expect 2 "--as" replay --observe --as client "$CAPTURE"
expect 2 "--personality 'linux': give openbsd or freebsd" \
  replay --personality linux "$CAPTURE"
expect 2 "'net.inet.ip.ttl': give a setting as name=value" \
  replay --set net.inet.ip.ttl "$CAPTURE"
expect 2 "'net.inet.ip.nothing=1': there is no setting net.inet.ip.nothing" \
  replay --set net.inet.ip.nothing=1 "$CAPTURE"
expect 2 "'net.inet.ip.ttl=0': give net.inet.ip.ttl 1 to 255 hops" \
  replay --set net.inet.ip.ttl=0 "$CAPTURE"

# Filters.
expect 2 "tcp porrt 80" replay "$CAPTURE" tcp porrt 80
expect 3 "none of its 12 packets matches" replay "$CAPTURE" udp
expect 3 "none of its 12 packets matches" replay --observe "$CAPTURE" udp

# Captures.
expect 3 "$tmp/missing.pcap: No such file or directory: name a capture" \
  replay "$tmp/missing.pcap"
expect 3 "directory" replay traces/pcap
expect 3 "README.md" replay README.md
expect 3 "as 198.51.100.1: name" replay --as 198.51.100.1 "$CAPTURE"
expect 2 "standard input" replay ""
: >"$tmp/nothing.pcap"
expect 3 "empty" replay "$tmp/nothing.pcap"
# A header without a packet.
printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00' \
  >"$tmp/empty.pcap"
printf '\xff\xff\x00\x00\x01\x00\x00\x00' >>"$tmp/empty.pcap"
expect 3 "no packets" replay "$tmp/empty.pcap"
expect 3 "no packets" replay --observe "$tmp/empty.pcap"
# The same with one packet of IEEE 802.11, which cannot be replayed.
printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00' \
  >"$tmp/wifi.pcap"
printf '\xff\xff\x00\x00\x69\x00\x00\x00' >>"$tmp/wifi.pcap"
printf '\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00abcd' \
  >>"$tmp/wifi.pcap"
expect 3 "link type" replay "$tmp/wifi.pcap"
# A link type without a name is called so once.
{ head -c 20 "$tmp/wifi.pcap"; printf '\x01\xff\x00\x00'; \
  tail -c +25 "$tmp/wifi.pcap"; } >"$tmp/odd.pcap"
expect 3 "packet 1: link type 65281 cannot" replay "$tmp/odd.pcap"
expect 3 "packet 1: link type 65281 cannot" replay --observe "$tmp/odd.pcap"
expect 3 "link type" replay --observe "$tmp/wifi.pcap"

# Places to write to.
expect 2 "$tmp/none/out.pcapng" replay --write "$tmp/none/out.pcapng" "$CAPTURE"
cp "$CAPTURE" "$tmp/copy.pcapng"
expect 2 "copy.pcapng" replay --write "$tmp/copy.pcapng" "$tmp/copy.pcapng"
expect 2 "overwrite the capture" replay --json "$tmp/./copy.pcapng" \
  "$tmp/copy.pcapng"
ln "$tmp/copy.pcapng" "$tmp/link.pcapng"
ln -s copy.pcapng "$tmp/symlink.pcapng"
for name in link symlink; do
  for flag in --json --write; do
    expect 2 "overwrite the capture" replay "$flag" "$tmp/$name.pcapng" \
      "$tmp/copy.pcapng"
  done
done
cmp -s "$CAPTURE" "$tmp/copy.pcapng" || complain "the capture was overwritten"
expect 2 "two files" replay --json "$tmp/same" --write "$tmp/./same" "$CAPTURE"
[[ ! -e $tmp/same ]] || complain "a refused run left a file"
for flag in --json --write; do
  expect 2 "names no file" replay "$flag" "" "$CAPTURE"
  expect 2 "/dev/full: cannot write: No space left on device: give $flag" \
    replay "$flag" /dev/full "$CAPTURE"
  expect 2 "give $flag another place" replay "$flag" "$tmp/none/out" "$CAPTURE"
  expect 2 "--path" replay --path "$flag" - "$CAPTURE"
done
expect 2 "standard output" replay --json - --write - "$CAPTURE"

# What goes to standard output goes there alone.
for flag in --json --write; do
  "$SPLNET" replay "$flag" - "$CAPTURE" >"$tmp/out" 2>"$tmp/err" ||
    complain "$flag -: status $?"
  "$SPLNET" replay "$flag" "$tmp/file" "$CAPTURE" >"$tmp/report"
  cmp -s "$tmp/out" "$tmp/file" || complain "$flag -: other bytes than a file"
  cmp -s "$tmp/err" "$tmp/report" || complain "$flag -: the report is elsewhere"
done

# A capture that is cut short is replayed as far as it goes, with a warning.
head -c 700 "$CAPTURE" >"$tmp/short.pcapng"
"$SPLNET" replay "$tmp/short.pcapng" >"$tmp/out" ||
  complain "a capture that is cut short: status $?"
grep -q "warning:.*cut short" "$tmp/out" || complain "no warning: cut short"

# Standard input.
"$SPLNET" replay - <"$CAPTURE" >"$tmp/out" || complain "standard input"
grep -q "12 packets" "$tmp/out" || complain "standard input: no report"

# Help is no error.
for words in --help "replay --help"; do
  read -ra flags <<<"$words"
  "$SPLNET" "${flags[@]}" >"$tmp/out" || complain "$words: status $?"
  [[ -s $tmp/out ]] || complain "$words says nothing"
done
grep -q "Example" "$tmp/out" || complain "replay --help has no example"

exit $failed
