// source: fill a buffer with the pattern, write it, and so on.

#include "tools/programs/source.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tools/programs/pattern.h"

namespace splnet {
namespace {

Task<Errno> SendPattern(Process& p, int fd, const SourceArgs& args,
                        SourceResult& r) {
  std::vector<std::byte> buffer(
      std::min<uint64_t>(std::max<size_t>(args.write_size, 1), args.bytes));
  StreamDigest digest;
  while (r.bytes < args.bytes) {
    const auto n = std::min<uint64_t>(buffer.size(), args.bytes - r.bytes);
    const std::span<std::byte> chunk = std::span(buffer).first(n);
    FillPattern(args.seed, r.bytes, chunk);
    const Errno error = co_await WriteAll(p, fd, chunk);
    if (error != kOk) co_return error;
    digest.Add(chunk);
    r.bytes += n;
    r.digest = digest.value();
  }
  co_return kOk;
}

// Reads until the peer ends, too.
Task<Errno> Drain(Process& p, int fd, SourceResult& r) {
  std::array<std::byte, 2048> buffer;
  for (;;) {
    const Result<size_t> n = co_await p.read(fd, buffer);
    if (!n.ok()) co_return n.error;
    if (n.value == 0) co_return kOk;
    r.unexpected += n.value;
  }
}

}  // namespace

Task<int> Source(Process& p, SourceArgs args) {
  SourceResult unwanted;
  SourceResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> fd = co_await OpenStream(p, args.ends, &r.error);
  if (!fd.ok()) co_return 1;
  r.started = p.now();
  const Errno sent = co_await SendPattern(p, fd.value, args, r);
  if (!r.error.Check(sent, "write")) co_return 1;
  const Errno shut = co_await p.shutdown(fd.value, Shut::kWrite);
  if (!r.error.Check(shut, "shutdown")) co_return 1;
  const Errno drained = co_await Drain(p, fd.value, r);
  if (!r.error.Check(drained, "read")) co_return 1;
  const Errno closed = co_await p.close(fd.value);
  r.error.Check(closed, "close");
  r.ended = p.now();
  r.finished = r.error.error == kOk;
  co_return r.finished&& r.unexpected == 0 ? 0 : 1;
}

}  // namespace splnet
