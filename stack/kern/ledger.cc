// The ledger's names and sums.

#include "stack/kern/ledger.h"

namespace splnet {

const char* CopyKindName(CopyKind kind) {
  static constexpr const char* kNames[kCopyKinds] = {
      "copyin",     "copyout",    "dma_tx",     "dma_rx",
      "m_copydata", "m_copyback", "m_copym",    "m_pullup",
      "m_split",    "m_cat",      "m_defrag",   "m_makewritable",
      "sbcompress", "tcp_output", "ip_fragment"};
  return kNames[static_cast<size_t>(kind)];
}

uint64_t Ledger::CpuBytes() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kCopyKinds; ++i) sum += copies[i].bytes;
  return sum - bytes(CopyKind::kDmaTx) - bytes(CopyKind::kDmaRx);
}

}  // namespace splnet
