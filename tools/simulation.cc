// Hosts and links, built and run.

#include "tools/simulation.h"

#include <charconv>
#include <optional>
#include <string>

#include "drivers/if_loop.h"

namespace splnet {
namespace {

struct Prefix {
  InAddr addr;
  uint8_t length = 0;
};

// Reads "10.0.0.1/24".
std::optional<Prefix> ParsePrefix(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<InAddr> addr = ParseAddr(text.substr(0, slash));
  Prefix prefix;
  const char* const end = text.data() + text.size();
  const auto [last, error] =
      std::from_chars(text.data() + slash + 1, end, prefix.length);
  if (!addr || error != std::errc() || last != end || prefix.length > 32) {
    return std::nullopt;
  }
  prefix.addr = *addr;
  return prefix;
}

void AddAddress(Ifnet& ifp, std::string_view text) {
  const std::optional<Prefix> prefix = ParsePrefix(text);
  CHECK(prefix.has_value());
  CHECK(if_addaddr(ifp, prefix->addr, prefix->length) == kOk);
}

void AddNeighboursOf(PairNic& to, const PairNic& from) {
  for (const IfAddr& ifa : from.addrs) {
    to.ns.arp.AddStatic(to.index, ifa.addr, from.lladdr);
  }
}

}  // namespace

Host::Host(EventQueue& queue, uint32_t number, std::string_view name,
           uint64_t seed, const Settings& settings)
    : ns(queue, number, name, seed, settings), procs(ns) {
  loopattach(ns);
}

Simulation::~Simulation() { links_.clear(); }

Host& Simulation::AddHost(std::string_view name) {
  for (const auto& host : hosts_) CHECK(host->ns.name != name);
  const auto number = static_cast<uint32_t>(hosts_.size() + 1);
  hosts_.push_back(
      std::make_unique<Host>(queue_, number, name, seed_, settings_));
  return *hosts_.back();
}

PairLink& Simulation::AddLink(LinkEnd a, LinkEnd b, const LinkConfig& config) {
  const std::string name = "wire" + std::to_string(links_.size());
  links_.push_back(std::make_unique<PairLink>(queue_, seed_, name, a.host.ns,
                                              b.host.ns, config));
  PairLink& link = *links_.back();
  AddAddress(link.a(), a.address);
  AddAddress(link.b(), b.address);
  return link;
}

void Simulation::AddNeighbours(PairLink& link) {
  AddNeighboursOf(link.a(), link.b());
  AddNeighboursOf(link.b(), link.a());
}

void Simulation::AddRoute(Host& host, std::string_view prefix,
                          std::string_view gateway) {
  const std::optional<Prefix> to = ParsePrefix(prefix);
  const std::optional<InAddr> via = ParseAddr(gateway);
  CHECK(to.has_value() && via.has_value());
  const Rtentry* const connected = host.ns.routes.Lookup(*via);
  CHECK(connected != nullptr);
  Rtentry rt;
  rt.dst = to->addr;
  rt.prefixlen = to->length;
  rt.flags = kRtfUp | kRtfGateway;
  rt.gateway = *via;
  rt.ifidx = connected->ifidx;
  rt.ifa = connected->ifa;
  CHECK(host.ns.routes.Add(rt) == kOk);
}

bool Simulation::RunUntil(SimTime end, uint64_t budget) {
  return queue_.RunUntil(end, budget);
}

bool Simulation::RunFor(Nanoseconds time, uint64_t budget) {
  return queue_.RunUntil(queue_.now() + time, budget);
}

bool Simulation::RunUntilIdle(uint64_t budget) {
  for (; budget > 0; --budget) {
    if (!queue_.RunNext()) return true;
  }
  return queue_.pending() == 0;
}

bool Simulation::RunUntilExit(uint64_t budget) {
  for (; budget > 0; --budget) {
    if (running() == 0 || !queue_.RunNext()) return true;
  }
  return running() == 0 || queue_.pending() == 0;
}

size_t Simulation::running() const {
  size_t count = 0;
  for (const auto& host : hosts_) count += host->procs.running();
  return count;
}

std::vector<std::string> Simulation::Leftovers() const {
  std::vector<std::string> lines;
  const auto note = [&lines](const std::string& where, uint64_t count,
                             const char* what) {
    if (count == 0) return;
    lines.push_back(where + ": " + std::to_string(count) + " " + what);
  };
  for (const auto& host : hosts_) {
    const Netstack& ns = host->ns;
    for (const auto& [pid, process] : host->procs) {
      if (process->exited()) continue;
      lines.push_back(ns.name + ": process " + std::to_string(pid) + " (" +
                      process->name() + ")");
    }
    note(ns.name, ns.sockets_in_use, "sockets");
    note(ns.name, ns.tcbtable.count(), "TCP connections");
    note(ns.name, ns.udbtable.count(), "UDP endpoints");
    note(ns.name, ns.rawcbtable.count(), "raw endpoints");
    note(ns.name, ns.mbufs.stats().mbufs_in_use, "mbufs");
    note(ns.name, ns.mbufs.stats().clusters_in_use, "clusters");
  }
  for (const auto& link : links_) {
    note(link->name(), link->in_flight(), "frames in flight");
  }
  note("queue", queue_.pending(), "timers");
  return lines;
}

}  // namespace splnet
