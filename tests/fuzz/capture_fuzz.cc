// Fuzzes the capture reader: any bytes are read to the end without a crash, a
// hang or a view outside the file; a second pass finds the same; and what was
// read survives being written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "traces/capture.h"
#include "traces/capture_writer.h"

namespace splnet {
namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

// Stands for everything that a packet says, its bytes included.
uint64_t Digest(const CapturePacket& packet) {
  uint64_t digest = 14695981039346656037u;  // FNV-1a
  const auto add = [&digest](uint64_t value) {
    digest = (digest ^ value) * 1099511628211u;
  };
  add(packet.number);
  add(static_cast<uint64_t>(packet.time_ns));
  add(packet.interface);
  add(packet.len);
  add(static_cast<uint64_t>(packet.direction));
  for (const std::byte b : packet.data) add(static_cast<uint8_t>(b));
  for (const char c : packet.comment) add(static_cast<uint8_t>(c));
  return digest;
}

std::vector<uint64_t> ReadToTheEnd(CaptureReader& reader,
                                   std::span<const std::byte> bytes) {
  std::vector<uint64_t> digests;
  CapturePacket packet;
  uint64_t end = 0;  // of the packet before, in the file
  while (reader.Next(packet)) {
    Check(packet.number == digests.size() + 1);
    Check(packet.interface < reader.interfaces().size());
    Check(packet.offset >= end && packet.offset < bytes.size());
    const auto at = static_cast<uint64_t>(packet.data.data() - bytes.data());
    Check(at > packet.offset && packet.data.size() <= bytes.size() - at);
    end = at + packet.data.size();
    digests.push_back(Digest(packet));
  }
  Check(!reader.Next(packet));
  Check(reader.counters().packets == digests.size());
  Check(reader.bytes_read() <= bytes.size());
  Check(reader.cut_short().has_value() == !reader.cut_text().empty());
  if (reader.status().ok() && !reader.cut_short()) {
    Check(reader.bytes_read() == bytes.size());
  }
  return digests;
}

// Times are not compared: the writer knows two units and none before 1970.
void ExpectRoundTrip(CaptureReader& reader) {
  std::vector<std::byte> bytes;
  const auto writer = CaptureWriter::ToMemory(&bytes);
  std::vector<uint64_t> written;
  uint32_t described = 0;
  CapturePacket packet;
  while (reader.Next(packet)) {
    for (; described < reader.interfaces().size(); ++described) {
      const CaptureInterface& interface = reader.interfaces()[described];
      writer->AddInterface(
          {.name = interface.name, .link_type = interface.link_type});
    }
    packet.time_ns &= INT64_MAX;
    packet.comment = packet.comment.substr(0, 65535);
    Check(writer->Write(packet).ok());
    written.push_back(Digest(packet));
  }
  Check(writer->Close().ok());
  const auto again = CaptureReader::FromBytes(bytes, "again");
  Check(again.ok());
  Check(ReadToTheEnd(**again, bytes) == written);
  Check((*again)->status().ok() && !(*again)->cut_short());
}

}  // namespace
}  // namespace splnet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const auto reader = splnet::CaptureReader::FromBytes(bytes, "fuzz");
  if (!reader.ok()) return 0;
  const std::vector<uint64_t> first = splnet::ReadToTheEnd(**reader, bytes);
  (*reader)->Rewind();
  splnet::Check(splnet::ReadToTheEnd(**reader, bytes) == first);
  (*reader)->Rewind();
  splnet::ExpectRoundTrip(**reader);
  return 0;
}
