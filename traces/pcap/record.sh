#!/bin/bash
#
# Records the captures of this directory: real programs over the real kernel.
#
# A client and a server, network namespaces both, hang on a switch by a veth
# pair each; programs run in them, and tcpdump records at the server.  The
# offloads are off, so that a capture holds the segments and checksums that a
# wire would carry.  The machine's own network is not touched, and nothing
# stays behind.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly ALL=(http-download http-download-small dns-lookup ping)

# RFC 5737 addresses and locally administered MACs: no two recordings differ
# in them, and none of them belongs to anybody.
readonly SERVER_ADDR=192.0.2.1 SERVER_MAC=02:00:00:00:00:01
readonly CLIENT_ADDR=192.0.2.2 CLIENT_MAC=02:00:00:00:00:02
readonly CLIENT_NS=splnet-client-$$ SERVER_NS=splnet-server-$$
readonly SWITCH_NS=splnet-switch-$$

# Each program and the Debian package that has it.
readonly CHECKING=(tshark:tshark capinfos:wireshark-common)
readonly RECORDING=(
  nginx:nginx-light curl:curl unbound:unbound dig:bind9-dnsutils
  ping:iputils-ping tcpdump:tcpdump ip:iproute2 tc:iproute2 ss:iproute2
  ethtool:ethtool editcap:wireshark-common "${CHECKING[@]}"
)

usage() {
  cat <<END
usage: record.sh [--out DIR] [NAME...]   record these captures (default: all)
       record.sh --check [--out DIR] [NAME...]   only check recorded captures
       record.sh --install               install the Debian packages it needs

Captures: ${ALL[*]}
Recording and installing need root.  DIR is where the captures are, or go; it
is this script's directory by default.

Example: sudo traces/pcap/record.sh --out /tmp ping
END
}

say() { printf 'record.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
bad_usage() { say "$@"; usage >&2; exit 2; }

# Prints the packages whose programs are missing, one per line; each argument
# is a program and its package, program:package.
missing_packages() {
  local entry
  for entry in "$@"; do
    command -v "${entry%%:*}" >/dev/null ||
      echo "${entry#*:}"
  done | sort -u
}

need_root() {
  [[ $EUID -eq 0 ]] || die "$1 needs root; run it with sudo"
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages "${RECORDING[@]}")
  if [[ ${#packages[@]} -eq 0 ]]; then
    say "everything needed is installed"
    return
  fi
  need_root "--install"
  say "installing ${packages[*]}" \
    "(Debian starts the nginx and unbound services when it installs them)"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${packages[@]}"
}

# ---- the network ----------------------------------------------------------

in_client() { ip netns exec "$CLIENT_NS" "$@"; }
in_server() { ip netns exec "$SERVER_NS" "$@"; }

# Starts a daemon in the server's namespace, its output in `log`; `daemons`
# gets its process.  (A function in the background would be a shell between,
# which the signals would reach in the daemon's stead.)
start_daemon() {
  local log=$1
  shift
  ip netns exec "$SERVER_NS" "$@" >"$log" 2>&1 &
  daemons+=($!)
}

# Ends what runs in the namespaces and removes them; safe to call at any time.
remove_network() {
  local pid
  for pid in "${daemons[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  daemons=()
  local ns
  for ns in "$CLIENT_NS" "$SERVER_NS" "$SWITCH_NS"; do
    ip netns del "$ns" 2>/dev/null || true
  done
}

# IPv4 and ARP only.  Must come before a namespace gets its interfaces.
disable_ipv6() {
  # shellcheck disable=SC2016  # the inner shell expands it
  ip netns exec "$1" sh -ec '
    for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do
      [ ! -e "$f" ] || echo 1 >"$f"
    done'
}

# Settings that machines differ in and that show on the wire, at the kernel's
# usual defaults: these buffers make the window scale 7.  Reno, because it is
# the one congestion control that every kernel has and lets a namespace choose.
set_tcp() {
  ip netns exec "$1" sh -ec '
    cd /proc/sys/net/ipv4
    echo "4096 131072 6291456" >tcp_rmem
    echo "4096 16384 4194304" >tcp_wmem
    echo reno >tcp_congestion_control'
}

# Makes the host `dev` in `ns`, its port of the same name on the switch, and
# the wire between them: MTU 1500, no offloads.
make_host() {
  local ns=$1 dev=$2 mac=$3 addr=$4 at
  ip netns add "$ns"
  disable_ipv6 "$ns"
  set_tcp "$ns"
  ip -n "$SWITCH_NS" link add "$dev" mtu 1500 type veth \
    peer name "$dev" netns "$ns" address "$mac" mtu 1500
  for at in "$ns" "$SWITCH_NS"; do
    ip netns exec "$at" ethtool -K "$dev" \
      tso off gso off gro off sg off tx off rx off >/dev/null
  done
  ip -n "$ns" address add "$addr/24" dev "$dev"
  ip -n "$SWITCH_NS" link set "$dev" master switch up
  ip -n "$ns" link set "$dev" up
}

# Without this a round trip takes microseconds and no more than a segment or
# two is ever on its way.  The slow port is the switch's to the client, beyond
# the tap, which therefore sees when the server sent.  netem adds 4 ms of
# delay; a kernel without it gets the rate alone, whose queue is the delay.
slow_down_port() {
  if tc -n "$SWITCH_NS" qdisc add dev client root \
    netem delay 4ms rate 20mbit limit 1000 2>/dev/null; then
    say "to the client: 20 Mbit/s and 4 ms (netem)"
  elif tc -n "$SWITCH_NS" qdisc add dev client root \
    tbf rate 20mbit burst 1600 limit 200000 2>/dev/null; then
    say "to the client: 20 Mbit/s (tbf; this kernel has no netem)"
  else
    say "to the client: as fast as it goes (this kernel has no netem, no tbf)"
  fi
}

make_network() {
  ip netns add "$SWITCH_NS"
  disable_ipv6 "$SWITCH_NS"
  ip -n "$SWITCH_NS" link add switch type bridge mcast_snooping 0
  ip -n "$SWITCH_NS" link set switch up
  make_host "$CLIENT_NS" client "$CLIENT_MAC" "$CLIENT_ADDR"
  make_host "$SERVER_NS" server "$SERVER_MAC" "$SERVER_ADDR"
  slow_down_port
}

# ---- servers and the recording --------------------------------------------

# Waits up to 5 s for a command to succeed; `what` names it in the error.
wait_for() {
  local what=$1 i
  shift
  for ((i = 0; i < 100; i++)); do
    if "$@"; then return; fi
    sleep 0.05
  done
  cat "$work"/*.log >&2 2>/dev/null || true
  die "$what did not start within 5 s"
}

# True once a socket is bound to the server's address; sends nothing.
bound() {
  local kind=$1 port=$2
  [[ -n $(in_server ss -Hn"$kind"l "src $SERVER_ADDR and sport = $port") ]]
}

start_nginx() {
  cat >"$work/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $work/nginx.pid;
events {}
http {
  types { text/plain txt; }
  access_log off;
  server {
    listen $SERVER_ADDR:80;
    root $work/www;
  }
}
END
  start_daemon "$work/nginx.log" nginx -e stderr -c "$work/nginx.conf"
  wait_for nginx bound t 80
}

start_unbound() {
  cat >"$work/unbound.conf" <<END
server:
  interface: $SERVER_ADDR
  access-control: 192.0.2.0/24 allow
  num-threads: 1
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: "$work/unbound.pid"
  module-config: "iterator"
  local-zone: "example.test." static
  local-data: "example.test. 3600 IN SOA ns.example.test. admin.example.test. \
1 7200 900 604800 300"
  local-data: "example.test. 3600 IN NS ns.example.test."
  local-data: "ns.example.test. 3600 IN A $SERVER_ADDR"
  local-data: "www.example.test. 300 IN A 192.0.2.80"
  local-data: "www.example.test. 300 IN A 192.0.2.81"
  local-data: 'example.test. 300 IN TXT "a local zone for a recording"'
remote-control:
  control-enable: no
END
  start_daemon "$work/unbound.log" unbound -d -c "$work/unbound.conf"
  wait_for unbound bound u 53
}

# Records the server's end from here to stop_recording.
start_recording() {
  start_daemon "$work/tcpdump.log" tcpdump -i server -n -s 0 -Z root \
    --immediate-mode -U --time-stamp-precision=nano -w "$work/raw.pcap"
  wait_for tcpdump grep -qs 'listening on' "$work/tcpdump.log"
}

stop_recording() {
  sleep 0.3  # what the kernel still sends for the programs that ended
  local recorder=${daemons[-1]}  # started after every server
  kill "$recorder"
  wait "$recorder" || die "tcpdump failed: $(<"$work/tcpdump.log")"
  unset 'daemons[-1]'
  grep -q '^0 packets dropped by kernel' "$work/tcpdump.log" ||
    die "tcpdump lost packets: $(tr '\n' ';' <"$work/tcpdump.log")"
  editcap -F pcapng "$work/raw.pcap" "$work/capture.pcapng"
}

# A text file of `count` lines of 25 bytes, the same on every machine; its
# date is fixed because nginx sends it.
make_file() {
  local path=$1 count=$2
  awk -v n="$count" 'BEGIN {
    for (i = 1; i <= n; ++i) printf "line %04d of %04d in all\n", i, n
  }' >"$path"
  touch -d 2024-01-01T00:00:00Z "$path"
}

# ---- one function per capture ---------------------------------------------

# curl downloads a file of `lines` * 25 bytes from nginx.
http() {
  local lines=$1
  mkdir "$work/www"
  make_file "$work/www/lines.txt" "$lines"
  start_nginx
  start_recording
  in_client curl -q --noproxy '*' -sS --max-time 30 -o "$work/got.txt" \
    "http://$SERVER_ADDR/lines.txt"
  stop_recording
  cmp "$work/www/lines.txt" "$work/got.txt"
}

record_http_download() { http 4000; }
record_http_download_small() { http 12; }

# Each dig is one query from a port of its own: two addresses, text, a type
# that the name lacks, a name that does not exist, and one without EDNS.
record_dns_lookup() {
  start_unbound
  start_recording
  local query
  for query in 'www.example.test A' 'example.test TXT' \
    'www.example.test AAAA' 'nowhere.example.test A' \
    '+noedns ns.example.test A'; do
    # shellcheck disable=SC2086  # a query is several words
    in_client dig -r "@$SERVER_ADDR" +tries=1 $query >>"$work/dig.txt"
  done
  stop_recording
}

record_ping() {
  start_recording
  in_client ping -n -c 4 "$SERVER_ADDR" >"$work/ping.txt"
  stop_recording
}

# ---- checks ---------------------------------------------------------------

# Prints how many packets of `file` a display filter selects, all checksums
# verified.
count() {
  local file=$1 filter=$2
  tshark -n -r "$file" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
    -o udp.check_checksum:TRUE -Y "$filter" 2>/dev/null | wc -l ||
    die "$file: tshark cannot read it; record it again"
}

# Fails unless `filter` selects at least `least` and at most `most` packets.
expect() {
  local file=$1 least=$2 most=$3 filter=$4 n
  n=$(count "$file" "$filter")
  ((n >= least && n <= most)) ||
    die "${file##*/}: $n packets are '$filter', not $least to $most"
}

readonly MANY=1000000

check_http() {
  local file=$1 from_server="ip.src==$SERVER_ADDR" \
    from_client="ip.src==$CLIENT_ADDR"
  expect "$file" 2 2 'tcp.flags.syn==1'
  expect "$file" 1 1 "tcp.flags.fin==1 && $from_server"
  expect "$file" 1 1 "tcp.flags.fin==1 && $from_client"
  expect "$file" 0 0 'tcp.flags.reset==1 || tcp.analysis.retransmission ||
    tcp.analysis.lost_segment || tcp.analysis.out_of_order'
  expect "$file" 1 1 'http.request.method=="GET"'
  expect "$file" 1 1 'http.response.code==200'
}
check_http_download() {
  check_http "$1"
  expect "$1" 1 1 'http.content_length==100000'
}
check_http_download_small() {
  check_http "$1"
  expect "$1" 1 1 'http.content_length==300'
}
check_dns_lookup() {
  expect "$1" 5 5 'dns.flags.response==0'
  expect "$1" 5 5 'dns.flags.response==1'
  expect "$1" 1 1 'dns.flags.rcode==3'
}
check_ping() {
  expect "$1" 4 4 'icmp.type==8'
  expect "$1" 4 4 'icmp.type==0'
}

# Fails if a capture is not what it should be; says its size otherwise.
check() {
  local name=$1 file=$2
  [[ -r $file ]] || die "$file: cannot be read; record it first"
  local info
  info=$(capinfos -I "$file" 2>&1) ||
    die "$file: damaged or cut short; record it again"
  [[ $info == *'Time precision = nanoseconds'* ]] ||
    die "$file: not a capture in nanoseconds; record it again"
  expect "$file" 2 "$MANY" 'arp'
  expect "$file" 0 0 '!ip && !arp'
  expect "$file" 0 0 '_ws.malformed || frame.len>1514 ||
    frame.cap_len<frame.len'
  expect "$file" 0 0 'ip.checksum.status!=1 || tcp.checksum.status!=1 ||
    udp.checksum.status!=1 || icmp.checksum.status!=1'
  "check_${name//-/_}" "$file"
  say "$name: $(count "$file" frame) packets, $(wc -c <"$file") bytes"
}

# ---- main -----------------------------------------------------------------

# Records one capture in a new network; it is put in place if it is good.
record() {
  local name=$1
  work=$(mktemp -d)
  chmod 755 "$work"  # nginx's worker is not root
  make_network
  "record_${name//-/_}"
  remove_network
  check "$name" "$work/capture.pcapng"
  install -m 644 "$work/capture.pcapng" "$out/$name.pcapng"
  rm -rf "$work"
}

clean_up() {
  remove_network
  if [[ -n $work ]]; then rm -rf "$work"; fi
}

main() {
  local mode=record names=() name packages
  while (($# > 0)); do
    case $1 in
      --help | -h) usage; exit 0 ;;
      --install) install_packages; exit 0 ;;
      --check) mode=check ;;
      --out)
        (($# > 1)) || bad_usage "--out needs a directory"
        out=$2
        shift
        ;;
      -*) bad_usage "unknown option '$1'" ;;
      *)
        [[ " ${ALL[*]} " == *" $1 "* ]] || bad_usage "no capture named '$1'"
        names+=("$1")
        ;;
    esac
    shift
  done
  [[ -d $out ]] || bad_usage "--out $out: not a directory"
  ((${#names[@]} > 0)) || names=("${ALL[@]}")

  local needed=("${RECORDING[@]}")
  if [[ $mode == check ]]; then needed=("${CHECKING[@]}"); fi
  mapfile -t packages < <(missing_packages "${needed[@]}")
  ((${#packages[@]} == 0)) ||
    die "missing packages: ${packages[*]}; record.sh --install installs them"
  if [[ $mode == check ]]; then
    for name in "${names[@]}"; do check "$name" "$out/$name.pcapng"; done
    return
  fi
  need_root recording
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  for name in "${names[@]}"; do record "$name"; done
}

PATH=$PATH:/usr/sbin:/sbin
daemons=()
work=
out=$HERE
main "$@"
