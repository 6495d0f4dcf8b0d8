#!/usr/bin/env bash
# What `replay --write` writes opens in tshark: no malformed packet, every
# checksum right, one interface for each link, as many packets as crossed it.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SPLNET=${SPLNET:-build/splnet}

if ! command -v tshark >/dev/null; then
  echo "tshark is not installed: apt-get install tshark"
  exit 77
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# Prints the packets of file $1 that match the display filter $2.
packets() {
  tshark -n -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
    -o udp.check_checksum:TRUE -Y "$2" 2>"$tmp/all"
  # Who runs it is no concern of ours.
  grep -v '^Running as user' "$tmp/all" >"$tmp/err" || true
}

readonly BAD='_ws.malformed || ip.checksum.status == "Bad" ||
  tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" ||
  icmp.checksum.status == "Bad" || tcp.analysis.lost_segment ||
  tcp.analysis.ack_lost_segment'

for capture in traces/pcap/*.pcapng; do
  for as in server client; do
    written=$tmp/$(basename "$capture" .pcapng).$as.pcapng
    "$SPLNET" replay --as $as --write "$written" "$capture" >/dev/null
    bad=$(packets "$written" "$BAD")
    if [[ -n $bad || -s $tmp/err ]]; then
      echo "FAILED: $capture as $as: $bad $(cat "$tmp/err")"
      failed=1
    fi
    # Every byte of payload that the capture has crossed the wire here, too.
    want=$(packets "$capture" "tcp.len > 0 || udp || icmp" | wc -l)
    got=$(packets "$written" "tcp.len > 0 || udp || icmp" | wc -l)
    if ((got < want)); then
      echo "FAILED: $capture as $as: $got packets with data, not $want"
      failed=1
    fi
  done
done
exit $failed
