// sink: read, check, count, until the end of file.

#include "tools/programs/sink.h"

#include <algorithm>
#include <vector>

#include "tools/programs/pattern.h"

namespace splnet {

static Task<Errno> ReadToEnd(Process& p, int fd, const SinkArgs& args,
                             SinkResult& r) {
  std::vector<std::byte> buffer(std::max<size_t>(args.read_size, 1));
  StreamDigest digest;
  for (;;) {
    const Result<size_t> n = co_await p.read(fd, buffer);
    if (!n.ok()) co_return n.error;
    if (n.value == 0) co_return kOk;
    const std::span<const std::byte> got = std::span(buffer).first(n.value);
    if (args.seed && !r.mismatch) {
      r.mismatch = FindMismatch(*args.seed, r.bytes, got);
    }
    digest.Add(got);
    r.bytes += n.value;
    r.digest = digest.value();
    if (args.pause > Nanoseconds(0)) {
      const Errno slept = co_await p.nanosleep(args.pause);
      if (slept != kOk) co_return slept;
    }
  }
}

Task<int> Sink(Process& p, SinkArgs args) {
  SinkResult unwanted;
  SinkResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> fd = co_await OpenStream(p, args.ends, &r.error);
  if (!fd.ok()) co_return 1;
  r.started = p.now();
  const Errno ended = co_await ReadToEnd(p, fd.value, args, r);
  if (!r.error.Check(ended, "read")) co_return 1;
  r.finished = true;
  const Errno closed = co_await p.close(fd.value);
  r.error.Check(closed, "close");
  r.ended = p.now();
  co_return r.error.error == kOk && !r.mismatch ? 0 : 1;
}

}  // namespace splnet
