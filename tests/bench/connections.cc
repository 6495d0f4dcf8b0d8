// Opens connections at socket level.

#include "tests/bench/connections.h"

#include <chrono>
#include <utility>

#include "sockets/uipc_socket.h"
#include "stack/kern/check.h"
#include "stack/netinet/tcp_var.h"

namespace splnet {
namespace {

constexpr uint32_t kClientAddress = 0x0a010001;  // the first of several
constexpr uint32_t kServerAddress = 0x0a000001;
constexpr uint16_t kServerPort = 80;
// A client's address serves as many connections as this.
constexpr size_t kPortsAnAddress = 32768;
constexpr size_t kAddresses = 8;
constexpr uint16_t kFirstPort = 10000;

Task<int> Never(Process&) { co_return 0; }

Process& HolderOn(Host& host) {
  host.ns.settings.maxfiles = int64_t{1} << 20;
  SpawnOptions options;
  options.name = "holder";
  options.delay = std::chrono::hours(24 * 365);
  return host.procs.Spawn(std::move(options), Never);
}

SocketPtr NewSocket(Host& host, const Sockaddr& local) {
  Result<SocketPtr> so =
      socreate(host.ns, Family::kInet, SocketType::kStream, 0);
  CHECK(so.ok());
  CHECK(sobind(*so.value, local) == kOk);
  return std::move(so.value);
}

}  // namespace

Connections::Connections()
    : sim_(1),
      client_host_(sim_.AddHost("client")),
      server_host_(sim_.AddHost("server")),
      client_(HolderOn(client_host_)),
      server_(HolderOn(server_host_)) {
  PairLink& link =
      sim_.AddLink({client_host_, "10.1.0.1/8"}, {server_host_, "10.0.0.1/8"});
  for (uint32_t i = 1; i < kAddresses; ++i) {
    CHECK(if_addaddr(link.a(), InAddr::V4(kClientAddress + i), 8) == kOk);
  }
  sim_.AddNeighbours(link);
  const Sockaddr at(InAddr::V4(kServerAddress), kServerPort);
  listener_ = NewSocket(server_host_, at);
  CHECK(solisten(*listener_, 1) == kOk);
}

Connections::~Connections() { CHECK(soclose(*listener_) == kOk); }

Socket& Connections::Of(Process& holder, size_t i) {
  File* const file = holder.files().Get(static_cast<int>(i));
  CHECK(file != nullptr);
  return *file->so;
}

void Connections::RunNow() { CHECK(sim_.RunFor(Nanoseconds(0))); }

void Connections::Open(size_t count) {
  CHECK(count_ + count <= kAddresses * kPortsAnAddress);
  for (; count > 0; --count) OpenOne();
}

void Connections::OpenOne() {
  const auto address =
      kClientAddress + static_cast<uint32_t>(count_ / kPortsAnAddress);
  const auto port =
      static_cast<uint16_t>(kFirstPort + count_ % kPortsAnAddress);
  SocketPtr so = NewSocket(client_host_, Sockaddr(InAddr::V4(address), port));
  const Sockaddr to(InAddr::V4(kServerAddress), kServerPort);
  CHECK(soconnect(*so, to) == kOk);
  RunNow();
  CHECK(so->is(kSsIsConnected));
  CHECK(client_.Install(std::move(so)).ok());

  CHECK(listener_->listen->q.size() == 1);
  SocketPtr accepted = soqremque(*listener_->listen->q.front());
  Sockaddr peer;
  CHECK(soaccept(*accepted, &peer) == kOk);
  CHECK(server_.Install(std::move(accepted)).ok());
  ++count_;
}

}  // namespace splnet
