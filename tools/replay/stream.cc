// Streams as ranges of a mapped file.

#include "tools/replay/stream.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace splnet {

void CapturedStream::Add(uint64_t begin, std::span<const std::byte> bytes) {
  const uint64_t last = begin + bytes.size();
  while (begin < last) {
    // The piece that holds `begin`, or the next one after it.
    auto next = begin >= end_ ? pieces_.end() : pieces_.upper_bound(begin);
    if (next != pieces_.begin()) {
      const auto before = std::prev(next);
      const uint64_t covered = before->first + before->second.size();
      if (covered > begin) {
        const uint64_t skip = std::min(covered, last) - begin;
        begin += skip;
        bytes = bytes.subspan(skip);
        continue;
      }
    }
    const uint64_t stop =
        next == pieces_.end() ? last : std::min(last, next->first);
    const auto fresh = bytes.first(stop - begin);
    pieces_.emplace_hint(next, begin, fresh);
    end_ = std::max(end_, stop);
    begin = stop;
    bytes = bytes.subspan(fresh.size());
  }
  // What now touches the contiguous part belongs to it.
  auto at = pieces_.upper_bound(contiguous_);
  if (at != pieces_.begin()) --at;
  for (; at != pieces_.end() && at->first <= contiguous_; ++at) {
    contiguous_ = std::max(contiguous_, at->first + at->second.size());
  }
}

std::span<const std::byte> CapturedStream::At(uint64_t offset,
                                              size_t limit) const {
  auto next = pieces_.upper_bound(offset);
  if (next == pieces_.begin()) return {};
  const auto& [begin, bytes] = *std::prev(next);
  if (offset >= begin + bytes.size()) return {};
  const auto rest = bytes.subspan(offset - begin);
  return rest.first(std::min(rest.size(), limit));
}

std::optional<uint64_t> CapturedStream::FirstDifference(
    uint64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const auto ours = At(offset, bytes.size());
    if (ours.empty()) return offset;
    if (std::memcmp(ours.data(), bytes.data(), ours.size()) != 0) {
      const auto at =
          std::mismatch(ours.begin(), ours.end(), bytes.begin()).first;
      return offset + static_cast<uint64_t>(at - ours.begin());
    }
    offset += ours.size();
    bytes = bytes.subspan(ours.size());
  }
  return std::nullopt;
}

void RangeSet::Add(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
  while (at != ranges_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    at = ranges_.erase(at);
  }
  ranges_.emplace_hint(at, begin, end);
}

bool RangeSet::Covers(uint64_t begin, uint64_t end) const {
  if (begin >= end) return true;
  auto at = ranges_.upper_bound(begin);
  return at != ranges_.begin() && std::prev(at)->second >= end;
}

uint64_t RangeSet::contiguous() const {
  const auto first = ranges_.begin();
  return first != ranges_.end() && first->first == 0 ? first->second : 0;
}

}  // namespace splnet
