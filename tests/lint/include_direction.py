#!/usr/bin/env python3
"""Includes point one way; this reads the #include lines and says where not.

    kern <- net <- { netinet, netinet6 } <- netstack
         <- { drivers, sockets, traces } <- tools <- tests

netinet and netinet6 may include each other; drivers, sockets and traces do not
know one another; a .cc under stack/ may include stack/netstack.h.  A host's
network headers stay out of stack/ and sockets/, whose names their macros take.
libpcap stays in traces/capture*, protobuf in traces/ and tools/, the verbs'
option parser in tools/; tests may use all of them as a reference.
"""

import re

import checks

STACK = ("kern", "net", "netinet", "netinet6", "netstack")

# What each layer may include of the project.
ALLOWED = {
    "kern": {"kern"},
    "net": {"kern", "net"},
    "netinet": {"kern", "net", "netinet", "netinet6"},
    "netinet6": {"kern", "net", "netinet", "netinet6"},
    "netstack": set(STACK),
    "drivers": {*STACK, "drivers"},
    "sockets": {*STACK, "sockets"},
    "traces": {*STACK, "traces"},
    "tools": {*STACK, "drivers", "sockets", "traces", "tools"},
    "tests": {*STACK, "drivers", "sockets", "traces", "tools", "tests"},
}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]*)[>"]')

# Headers of libraries whose names a quoted include may start with.
LIBRARIES = ("absl/", "google/protobuf/", "CLI/", "gtest/", "gmock/",
             "benchmark/")

HOST_NETWORK = re.compile(
    r"(net|netinet|netinet6|arpa|netpacket|linux)/"
    r"|sys/(socket|un|select|poll|event|mbuf|socketvar)\.h$"
    r"|(poll|netdb|ifaddrs|resolv)\.h$")


def layer_of(path):
    """The layer of a path from the root; None for what is outside them."""
    parts = path.split("/")
    if parts[0] == "stack":
        if len(parts) == 2:
            return "netstack"
        return parts[1] if parts[1] in STACK[:-1] else None
    return parts[0] if len(parts) > 1 and parts[0] in ALLOWED else None


def library_violation(path, layer, header):
    """Why the file at `path` must not include a library's `header`, or None."""
    tests = layer == "tests"
    if HOST_NETWORK.match(header) and (layer in STACK or layer == "sockets"):
        return f"<{header}>: its macros take our names; use stack/'s own header"
    if re.match(r"pcap(\.h$|/)", header) and not (
            tests or path.startswith("traces/capture")):
        return f"<{header}>: libpcap stays in traces/capture*"
    if header.startswith("google/protobuf/") and layer not in ("traces",
                                                               "tools",
                                                               "tests"):
        return f"<{header}>: protobuf stays in traces/ and tools/"
    if header.startswith("CLI/") and layer not in ("tools", "tests"):
        return f"<{header}>: the option parser stays in tools/"
    if re.match(r"(gtest|gmock|benchmark)/", header) and not tests:
        return f"<{header}>: product code does not know its tests"
    return None


def project_violation(root, path, layer, header):
    """Why the file at `path` must not include the project's `header`."""
    target = layer_of(header)
    if target is None:
        return f'"{header}" is not written from the root, or in no known layer'
    proto = re.sub(r"\.pb\.h$", ".proto", header)
    if not (root / proto).is_file():
        return f'"{header}" does not exist'
    if proto != header and layer not in ("traces", "tools", "tests"):
        return f'"{header}": protobuf stays in traces/ and tools/'
    if (header == "stack/netstack.h" and path.startswith("stack/") and
            path.endswith(".cc")):
        return None
    if target not in ALLOWED[layer]:
        return f'"{header}": {layer} must not include {target}'
    return None


def check(root):
    findings = []
    for file in checks.cpp_files(root):
        path = file.relative_to(root).as_posix()
        layer = layer_of(path)
        if path.startswith("cmake/"):
            continue
        if layer is None:
            findings.append(checks.Finding(path, 1, "in no known layer"))
            continue
        for number, line in enumerate(
                file.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, header = match.groups()
            if quote == "<" or header.startswith(LIBRARIES):
                why = library_violation(path, layer, header)
            else:
                why = project_violation(root, path, layer, header)
            if why:
                findings.append(checks.Finding(path, number, why))
    return findings


def include(*headers):
    return "".join(f"#include {header}\n" for header in headers)


def tree(path, *headers):
    """A tree in which `path` includes `headers`, and all of ours exist."""
    ours = {h.strip('"'): "" for h in headers if h.startswith('"')}
    ours = {re.sub(r"\.pb\.h$", ".proto", h): text for h, text in ours.items()}
    return {**ours, path: include(*headers)}


def good(name, path, *headers):
    return checks.Case(name, tree(path, *headers), [])


def bad(name, path, *headers):
    """Every one of `headers` is a violation."""
    lines = [f"{path}:{n}" for n in range(1, len(headers) + 1)]
    return checks.Case(name, tree(path, *headers), lines)


CASES = [
    good("a layer includes itself and below", "stack/net/if.cc",
         '"stack/net/if.h"', '"stack/kern/mbuf.h"', "<vector>",
         '"absl/status/status.h"'),
    bad("kern does not know net", "stack/kern/mbuf.cc", '"stack/net/if.h"'),
    bad("net does not know netinet", "stack/net/if_ethersubr.h",
        '"stack/netinet/ip.h"', '"stack/netinet6/ip6.h"'),
    good("netinet and netinet6 know each other", "stack/netinet/in_pcb.h",
         '"stack/netinet6/ip6.h"'),
    good("netinet6 knows netinet", "stack/netinet6/icmp6.h",
         '"stack/netinet/ip.h"'),
    good("a source under stack may include netstack.h", "stack/kern/cpu.cc",
         '"stack/netstack.h"'),
    bad("a header under stack may not", "stack/kern/cpu.h",
        '"stack/netstack.h"'),
    bad("the exception is for that header only", "stack/kern/cpu.cc",
        '"stack/netstack_tables.h"'),
    good("netstack knows all of stack", "stack/netstack.h",
         '"stack/kern/mbuf.h"', '"stack/netinet/tcp_var.h"'),
    bad("stack knows nothing above", "stack/netstack.cc",
        '"drivers/if_loop.h"', '"sockets/proc.h"', '"traces/capture.h"',
        '"tools/simulation.h"', '"tests/testing/host.h"'),
    good("drivers know stack", "drivers/if_pair.cc", '"stack/netstack.h"'),
    bad("drivers know no other top layer", "drivers/if_pcap.cc",
        '"traces/capture.h"', '"sockets/proc.h"', '"tools/simulation.h"'),
    bad("sockets know no other top layer", "sockets/proc.cc",
        '"traces/capture.h"', '"drivers/if_loop.h"'),
    bad("traces know no other top layer", "traces/recorder.cc",
        '"drivers/if_loop.h"', '"sockets/proc.h"'),
    good("tools know everything but tests", "tools/replay/flows.cc",
         '"drivers/if_loop.h"', '"sockets/proc.h"', '"traces/report.pb.h"',
         "<CLI/CLI.hpp>", "<google/protobuf/message.h>"),
    bad("tools do not know tests", "tools/splnet_main.cc",
        '"tests/testing/host.h"', "<gtest/gtest.h>"),
    good("tests know everything", "tests/tools/replay_test.cc",
         '"tools/simulation.h"', '"tests/testing/host.h"', "<gtest/gtest.h>",
         "<pcap/pcap.h>", '"gmock/gmock.h"'),
    bad("a host's network headers stay out of stack",
        "stack/netinet/ip_input.cc", "<netinet/in.h>", "<sys/socket.h>",
        "<arpa/inet.h>", "<net/if.h>", "<poll.h>"),
    bad("and out of sockets", "sockets/uipc_syscalls.cc", "<sys/socket.h>"),
    good("tools may ask the host", "tools/calibrate.cc", "<sys/socket.h>"),
    good("libpcap in the capture library", "traces/capture_filter.cc",
         "<pcap.h>"),
    bad("libpcap elsewhere", "tools/replay.cc", "<pcap/pcap.h>", "<pcap.h>"),
    bad("protobuf below", "stack/kern/tracer.cc", '"traces/trace.pb.h"',
        "<google/protobuf/message.h>"),
    bad("protobuf in drivers", "drivers/fault.cc",
        '"google/protobuf/message.h"'),
    bad("includes start at the root", "stack/kern/mbuf.cc", '"mbuf.h"'),
    checks.Case("a header that is not there",
                {"tools/a.cc": include('"tools/a.h"')}, ["tools/a.cc:1"]),
    checks.Case("a file in no layer", {"stack/crypto/sha.h": ""},
                ["stack/crypto/sha.h:1"]),
    checks.Case("spaces do not hide it",
                {"stack/kern/a.cc": "\n  #  include  <net/if.h>\n"},
                ["stack/kern/a.cc:2"]),
]
if __name__ == "__main__":
    checks.main(check, CASES)
