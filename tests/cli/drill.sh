#!/usr/bin/env bash
# `splnet drill` as a user runs it: a right script passes, a broken one fails
# with its line and what differs, and the exit status says which it was.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

SPLNET=$(realpath "${SPLNET:-build/splnet}")
readonly SPLNET

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
  echo "FAILED: $*"
  failed=1
}

# run STATUS ARGUMENTS...: splnet drill, in the folder of the scripts.
run() {
  local status=$1 got=0
  shift
  (cd "$tmp" && "$SPLNET" drill "$@" >out 2>err </dev/null) || got=$?
  ((got == status)) ||
    complain "drill $*: status $got, not $status: $(cat "$tmp/out" "$tmp/err")"
}

# says WORDS: standard output of the last run has them.
says() {
  grep -qF -- "$1" "$tmp/out" || complain "no '$1' in: $(cat "$tmp/out")"
}

# counts PASSED FAILED: the last line of the last run.
counts() {
  [[ $(tail -n 1 "$tmp/out") == "$1 passed, $2 failed" ]] ||
    complain "not '$1 passed, $2 failed': $(tail -n 1 "$tmp/out")"
}

# broken SED WORDS: the script changed by SED fails and WORDS are said.
broken() {
  sed "$1" "$tmp/good.pkt" >"$tmp/broken.pkt"
  ! cmp -s "$tmp/good.pkt" "$tmp/broken.pkt" || complain "'$1' changes nothing"
  run 1 broken.pkt
  counts 0 1
  says "broken.pkt:"
  shift
  local words
  for words in "$@"; do says "$words"; done
}

cat >"$tmp/good.pkt" <<'END'
// RFC 9293 section 3.5: a listener opens a connection, and data is acknowledged.
--tolerance_usecs=0
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 0:0(0) win 32792 <mss 1460>
+0  > S. 0:0(0) ack 1 win 16384 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0  accept(3, ..., ...) = 4
+0  write(4, ..., 1000) = 1000
+0  > P. 1:1001(1000) ack 1
+.1 < . 1:1(0) ack 1001 win 32792
+0  close(4) = 0
+0  > F. 1001:1001(0) ack 1
END

# A script that holds.
run 0 good.pkt
counts 1 0
[[ $(wc -l <"$tmp/out") == 1 ]] || complain "more than one line: $(cat "$tmp/out")"
run 0 -v good.pkt
says "good.pkt: passed"
says "> P. 1:1001(1000) ack 1"
counts 1 0

# Packets that differ.
broken 's/win 16384/win 16385/' "broken.pkt:7: " \
  "script:   +0  > S. 0:0(0) ack 1 win 16385" \
  "differs:  win: expected 16385, seen 16384" "expected:" "actual:" \
  "0.000000  line 6    < S 0:0(0) win 32792 <mss 1460>"
broken 's/ack 1 win 16384/ack 2 win 16384/' "ack: expected 2, seen 1"
broken 's/<mss 1460>$/<mss 1460,nop,nop,sackOK>/;6s/,nop,nop,sackOK//' \
  "broken.pkt:7: " "expected <mss 1460,nop,nop,sackOK>, seen <mss 1460>"
broken 's/> P\. 1:1001(1000)/> . 1:1001(1000)/' "broken.pkt:11: " \
  "flags: expected ., seen P."
broken 's/> P\. 1:1001(1000)/> P. 1:1000(999)/' "broken.pkt:11: " \
  "length: expected 999, seen 1000"
# At another time.
broken 's/^+0  > P\./+.05  > P./' "broken.pkt:11: " "too early" "0.150000"
broken 's/^+0  close/+1  close/;s/^+0  > F/1.199~1.1999 > F/' \
  "broken.pkt:14: " "too late"
# One that is not sent, and one that is sent and not expected.
broken 's/^+.1 < . 1:1(0) ack 1 win/+.1 > . 1:1(0) ack 1 win/' \
  "broken.pkt:8: "
broken '14d' "> F. 1001:1001(0) ack 1" "no line expects"
run 0 --allow-extra broken.pkt
counts 1 0
broken '/> P\./d' "broken.pkt:" "P. 1:1001(1000)"

# Calls that return something else, and that do not return.
broken 's/write(4, ..., 1000) = 1000/write(4, ..., 1000) = 999/' \
  "broken.pkt:10: " "= 999" "= 1000"
broken 's/^+0  accept.*/+0 accept(3, ..., ...) = -1 EAGAIN/' "broken.pkt:9: "

# Failures that the script makes not fatal are told, and it passes.
sed '2s/.*/--non_fatal=packet,syscall/;s/= 1000$/= 999/;s/ack 1 win 16384/ack 2/' \
  "$tmp/good.pkt" >"$tmp/forgiven.pkt"
run 0 forgiven.pkt
says "forgiven.pkt:7: the packet differs in ack (not fatal)"
says "forgiven.pkt:10: the call returned something else (not fatal)"
counts 1 0
run 0 --tap forgiven.pkt
says "ok 1 - forgiven.pkt"
says "# forgiven.pkt:7: the packet differs in ack (not fatal)"
says "# forgiven.pkt:10: the call returned something else (not fatal)"

# Text that is no script.
broken 's/ack 1 win 16384/ack 1 wim 16384/' "broken.pkt:7:23: " "'wim'"
broken 's/listen(3, 1)/lisden(3, 1)/' "broken.pkt:5:5: " "'lisden'"
broken 's/--tolerance_usecs/--tolerance/' "broken.pkt:2:1: " "'--tolerance'"
broken 's/^+0  bind.*/+0 \x60reboot\x60/' "broken.pkt:4" "reboot"
: >"$tmp/empty.pkt"
run 1 empty.pkt
says "empty.pkt:1:1: "
counts 0 1

# Files that cannot be read are failures, and the others run.
run 3 good.pkt missing.pkt good.pkt
says "missing.pkt: No such file or directory"
counts 2 1
run 3 .
says ".: Is a directory"
counts 0 1

# Flags.
for words in "" "--personality linux good.pkt" "--nonsense good.pkt" \
  "--define 1x=1 good.pkt" "--jobs 0 good.pkt" "--seed x good.pkt" \
  "--set no.such=1 good.pkt"; do
  read -ra flags <<<"$words"
  run 2 "${flags[@]}"
  [[ ! -s $tmp/out ]] || complain "drill $words: wrote to standard output"
  [[ $(wc -l <"$tmp/err") == 1 ]] || complain "drill $words: $(cat "$tmp/err")"
done
run 0 --help
says "Example"

# Names for #ifdef.
cat >"$tmp/names.pkt" <<'END'
#ifdef OpenBSD
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
#endif
#ifdef FreeBSD
0 close(77) = -1 EBADF
#endif
#ifdef EXTRA
nonsense
#endif
END
run 0 names.pkt
run 0 --personality freebsd names.pkt
run 1 --define EXTRA=1 names.pkt good.pkt
counts 1 1
says "names.pkt:8:1: "

# TAP, in the order of the arguments, with any number of jobs the same.
run 1 --tap good.pkt empty.pkt names.pkt
cat >"$tmp/expected" <<'END'
TAP version 13
1..3
ok 1 - good.pkt
not ok 2 - empty.pkt
END
head -n 4 "$tmp/out" | cmp -s - "$tmp/expected" || complain "TAP: $(cat "$tmp/out")"
says "# empty.pkt:1:1: "
says "ok 3 - names.pkt"
counts 2 1
cp "$tmp/out" "$tmp/once"
for jobs in 1 2 7; do
  run 1 --tap --jobs "$jobs" good.pkt empty.pkt names.pkt
  cmp -s "$tmp/out" "$tmp/once" || complain "--jobs $jobs: other output"
done

# Files: results as JSON, packets as a capture with an interface a script.
run 1 --json results.json --write packets.pcapng good.pkt empty.pkt
for words in '"passed": 1' '"failed": 1' '"path": "good.pkt"' 'empty.pkt:1:1: '; do
  grep -qF -- "$words" "$tmp/results.json" || complain "JSON without $words"
done
packets=$(tshark -r "$tmp/packets.pcapng" -T fields -e frame.interface_name)
[[ $(sort -u <<<"$packets") == good.pkt ]] || complain "captured: $packets"
run 2 --json good.pkt good.pkt
run 2 --write no/such/folder.pcapng good.pkt
run 2 --json - good.pkt

exit $failed
