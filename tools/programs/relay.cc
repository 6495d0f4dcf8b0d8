// relay: one select loop for the two directions of a connection.

#include "tools/programs/relay.h"

#include <algorithm>
#include <vector>

namespace splnet {
namespace {

// One direction: what was read from `from` and not yet written to `to`.
struct Direction {
  int from;
  int to;
  std::vector<std::byte> buffer;
  size_t begin = 0;  // bytes [begin, end) of the buffer
  size_t end = 0;
  bool eof = false;   // read
  bool done = false;  // and passed on
  uint64_t bytes = 0;

  bool empty() const { return begin == end; }
};

Task<Errno> ReadSome(Process& p, Direction& d) {
  const Result<size_t> n =
      co_await p.recv(d.from, std::span(d.buffer), kMsgDontWait);
  if (n.error == kEWOULDBLOCK) co_return kOk;
  if (!n.ok()) co_return n.error;
  d.begin = 0;
  d.end = n.value;
  d.eof = n.value == 0;
  co_return kOk;
}

Task<Errno> WriteSome(Process& p, Direction& d) {
  const std::span<const std::byte> left =
      std::span(d.buffer).subspan(d.begin, d.end - d.begin);
  const Result<size_t> n = co_await p.send(d.to, left, kMsgDontWait);
  if (n.error == kEWOULDBLOCK) co_return kOk;
  if (!n.ok()) co_return n.error;
  d.begin += n.value;
  d.bytes += n.value;
  co_return kOk;
}

// What can be done now for `d`, which select() found ready.
Task<Errno> Serve(Process& p, Direction& d, bool readable, bool writable) {
  Errno error = kOk;
  if (d.empty() && readable) error = co_await ReadSome(p, d);
  if (error == kOk && !d.empty() && writable) error = co_await WriteSome(p, d);
  if (error == kOk && d.empty() && d.eof) {
    error = co_await p.shutdown(d.to, Shut::kWrite);
    d.done = true;
  }
  co_return error;
}

Task<Errno> RelayBoth(Process& p, std::array<Direction, 2>& directions) {
  while (!directions[0].done || !directions[1].done) {
    FdSet read;
    FdSet write;
    int most = 0;
    for (const Direction& d : directions) {
      if (d.done) continue;
      if (d.empty()) {
        read.Set(d.from);
      } else {
        write.Set(d.to);
      }
      most = std::max({most, d.from, d.to});
    }
    const Result<int> n =
        co_await p.select(most + 1, &read, &write, nullptr, std::nullopt);
    if (!n.ok()) co_return n.error;
    for (Direction& d : directions) {
      if (d.done) continue;
      // What has just been read may well fit.
      const bool readable = read.Test(d.from);
      const bool writable = d.empty() || write.Test(d.to);
      const Errno error = co_await Serve(p, d, readable, writable);
      if (error != kOk) co_return error;
    }
  }
  co_return kOk;
}

}  // namespace

Task<int> RelayPair(Process& p, int client, int server, size_t buffer_size,
                    RelayResult* result) {
  RelayResult unwanted;
  RelayResult& r = result != nullptr ? *result : unwanted;
  const Errno set = co_await p.signal(kSIGPIPE, SignalAction::kIgnore);
  r.error.Check(set, "signal");
  const size_t size = std::max<size_t>(buffer_size, 1);
  std::array<Direction, 2> directions = {
      Direction{client, server, std::vector<std::byte>(size)},
      Direction{server, client, std::vector<std::byte>(size)}};
  const Errno error = co_await RelayBoth(p, directions);
  for (size_t i = 0; i < 2; ++i) r.bytes[i] += directions[i].bytes;
  if (!r.error.Check(error, "relay")) ++r.failed;
  ++r.connections;
  for (const int fd : {client, server}) {
    const Errno closed = co_await p.close(fd);
    r.error.Check(closed, "close");
  }
  co_return error == kOk ? 0 : 1;
}

// Connects to the server and leaves the rest to a child.  Its pid.
static Task<Result<int>> StartChild(Process& p, const RelayArgs& args,
                                    int client, RelayResult& r) {
  const StreamEnds ends = StreamEnds::Connect(args.server);
  const Result<int> server = co_await OpenStream(p, ends, &r.error);
  if (!server.ok()) co_return server.error;
  SpawnOptions options;
  options.name = p.name() + "-child";
  options.parent = &p;
  options.inherit = {client, server.value};
  // The child may outlive this process, and so what is on its frame.
  const int pid = p.table()
                      .Spawn(std::move(options), RelayPair, client,
                             server.value, args.buffer_size, args.result)
                      .pid();
  const Errno closed = co_await p.close(server.value);
  r.error.Check(closed, "close");
  co_return pid;
}

Task<int> Relay(Process& p, RelayArgs args) {
  RelayResult unwanted;
  RelayResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> listener = co_await ListenOn(p, args.local, 5, &r.error);
  if (!listener.ok()) co_return 1;
  // Without end, what has ended must be forgotten.
  const bool endless = args.connections == 0;
  const Errno set = co_await p.signal(
      kSIGCHLD, endless ? SignalAction::kIgnore : SignalAction::kDefault);
  r.error.Check(set, "signal");
  std::vector<int> children;
  for (uint64_t i = 0; endless || i < args.connections; ++i) {
    const Result<int> client = co_await p.accept(listener.value);
    if (client.error == kECONNABORTED) continue;
    if (!r.error.Check(client.error, "accept")) co_return 1;
    const Result<int> pid = co_await StartChild(p, args, client.value, r);
    if (!pid.ok()) ++r.failed;
    if (pid.ok() && !endless) children.push_back(pid.value);
    const Errno closed = co_await p.close(client.value);
    r.error.Check(closed, "close");
  }
  for (const int pid : children) {
    const Result<ExitStatus> status = co_await p.waitpid(pid);
    r.error.Check(status.error, "waitpid");
  }
  co_return r.error.error == kOk ? 0 : 1;
}

}  // namespace splnet
