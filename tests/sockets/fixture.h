// A host with fake protocols, and programs written as functions without
// captures: what the tests of sockets/ start from.

#ifndef SPLNET_TESTS_SOCKETS_FIXTURE_H_
#define SPLNET_TESTS_SOCKETS_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "sockets/uipc_syscalls.h"
#include "tests/sockets/fake_protocol.h"

namespace splnet {

inline void PrintTo(Errno error, std::ostream* out) {
  *out << errno_name(error);
}

// In a program: gives up if `condition` does not hold.
#define CO_REQUIRE(condition)                 \
  do {                                        \
    if (!(condition)) {                       \
      ADD_FAILURE() << "not so: " #condition; \
      co_return 99;                           \
    }                                         \
  } while (false)

inline constexpr Nanoseconds kMillisecond{1'000'000};
// No memory, no events, no descriptors.
inline constexpr std::span<std::byte> kNoBytes;
inline constexpr std::span<Kevent> kNoEvents;
inline constexpr std::span<const Kevent> kNoChanges;
inline constexpr std::span<PollFd> kNoFds;

inline constexpr Nanoseconds kSecond{1'000'000'000};

inline std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class SocketsTest : public testing::Test {
 protected:
  SocketsTest() = default;
  ~SocketsTest() override {
    // A detached file closes first; see the order of members for the rest.
    held.clear();
  }

 public:
  using Program = Task<int> (*)(Process& p, SocketsTest& t);

  Process& Start(Program program, std::string name = "program") {
    return procs.Spawn(std::move(name), program, *this);
  }
  // Calls `fn` in soft-interrupt context, `delay` from now.
  void After(Nanoseconds delay, std::function<void()> fn);
  void Run() {
    while (queue.RunNext()) {
    }
  }
  // Runs `program` alone to its end.
  void RunProgram(Program program) {
    const Process& p = Start(program);
    Run();
    EXPECT_TRUE(p.exited()) << "the program did not end";
    EXPECT_EQ(p.exit_status().code, 0);
    EXPECT_EQ(p.exit_status().signal, 0);
  }
  // Two connected streams in `p`: descriptors of either end.
  std::array<int, 2> PairIn(Process& p);
  int64_t ms() const {
    return ToNanoseconds(queue.now()) / kMillisecond.count();
  }

 private:
  struct Later {
    Later(Cpu& cpu, std::function<void()> f);
    std::function<void()> fn;
    Timeout timer;
  };

 public:
  EventQueue queue;
  Netstack ns{queue, 1, "alpha", 1};
  FakeNet net{ns};
  std::vector<std::unique_ptr<Later>> laters;
  ProcessTable procs{ns};

  // For programs to talk to the test.
  std::vector<std::string> log;
  std::vector<SocketPtr> held;
  int fd = -1;
  int count = 0;
  Process* other = nullptr;
};

inline SocketsTest::Later::Later(Cpu& cpu, std::function<void()> f)
    : fn(std::move(f)),
      timer(cpu, [](void* arg) { static_cast<Later*>(arg)->fn(); }, this) {}

inline void SocketsTest::After(Nanoseconds delay, std::function<void()> fn) {
  laters.push_back(std::make_unique<Later>(ns.cpu, std::move(fn)));
  timeout_add(laters.back()->timer, delay);
}

inline std::array<int, 2> SocketsTest::PairIn(Process& p) {
  auto [a, b] = net.Pair();
  return {p.Install(std::move(a)).value, p.Install(std::move(b)).value};
}

}  // namespace splnet

#endif  // SPLNET_TESTS_SOCKETS_FIXTURE_H_
