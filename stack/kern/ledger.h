// The ledger: every byte moved, switch, wakeup and system call of one host.

#ifndef SPLNET_STACK_KERN_LEDGER_H_
#define SPLNET_STACK_KERN_LEDGER_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace splnet {

// Why bytes were moved.  DMA is counted beside the copies of the CPU.
enum class CopyKind : uint8_t {
  kCopyin,        // program to kernel, uiomove
  kCopyout,       // kernel to program, uiomove
  kDmaTx,         // the NIC gathers a chain
  kDmaRx,         // the NIC fills a cluster
  kCopydata,      // m_copydata
  kCopyback,      // m_copyback
  kCopym,         // m_copym of data inside an mbuf
  kPullup,        // m_pullup
  kSplit,         // m_split of data inside an mbuf
  kCat,           // m_cat
  kDefrag,        // m_defrag, m_dup_pkt
  kMakewritable,  // m_makewritable
  kSbcompress,    // sbcompress merges a small mbuf into its predecessor
  kTcpSegment,    // tcp_output copies a segment that fits its header mbuf
  kIpFragment,    // ip_fragment and icmp quotes: headers copied
};
inline constexpr size_t kCopyKinds = 15;
const char* CopyKindName(CopyKind kind);

struct Ledger {
  struct Entry {
    uint64_t bytes = 0;
    uint64_t calls = 0;
  };
  std::array<Entry, kCopyKinds> copies{};
  uint64_t context_switches = 0;  // a process was given the CPU
  uint64_t wakeups = 0;           // a sleeper was made runnable
  uint64_t system_calls = 0;
  uint64_t interrupts = 0;       // hardware interrupts served
  uint64_t soft_interrupts = 0;  // soft interrupts served

  void Copy(CopyKind kind, size_t bytes) {
    Entry& e = copies[static_cast<size_t>(kind)];
    e.bytes += bytes;
    ++e.calls;
  }
  uint64_t bytes(CopyKind kind) const {
    return copies[static_cast<size_t>(kind)].bytes;
  }
  // All that the CPU copied: every kind but the two of DMA.
  uint64_t CpuBytes() const;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_LEDGER_H_
