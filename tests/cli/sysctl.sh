#!/usr/bin/env bash
# `splnet sysctl` lists every setting once, in the unit of the personality.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SPLNET=${SPLNET:-build/splnet}
failed=0

complain() {
  echo "FAILED: $*"
  failed=1
}

# says WORDS ARGUMENTS...: a line of the list has WORDS.
says() {
  local words=$1 list
  shift
  list=$("$SPLNET" sysctl "$@")
  grep -qF -- "$words" <<<"$list" || complain "sysctl $*: no '$words'"
}

says "net.inet.tcp.recvspace=16384"
says "net.inet.tcp.recvspace=65536" --personality freebsd
says "1 to 255 hops" net.inet.ip.ttl
says "net.inet.ip.ttl=7" --set net.inet.ip.ttl=7 net.inet.ip.ttl
says "net.inet.tcp.keepidle=7200 " net.inet.tcp
says "net.inet.tcp.keepidle=7200000 " --personality freebsd net.inet.tcp
says "kern.ipc.maxsockbuf" kern
says "# no effect: timers are exact" kern

[[ -z $("$SPLNET" sysctl | cut -d' ' -f1 | cut -d= -f1 | sort | uniq -d) ]] ||
  complain "a name is listed twice"
[[ $("$SPLNET" sysctl net.inet.ip.ttl | wc -l) == 1 ]] ||
  complain "one name lists more than one"

for wrong in net.inet.nothing "" net.inet.tc; do
  status=0
  "$SPLNET" sysctl "$wrong" >/dev/null 2>&1 || status=$?
  ((status == 2)) || complain "sysctl '$wrong': status $status"
done

exit $failed
