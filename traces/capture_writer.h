// Writes pcapng: one section, one interface per tap, enhanced packet blocks
// with directions and comments.
//
// The bytes depend on nothing but what is written: little-endian on every
// machine, and no date, host or program name.
//
// draft-ietf-opsawg-pcapng.

#ifndef SPLNET_TRACES_CAPTURE_WRITER_H_
#define SPLNET_TRACES_CAPTURE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/capture.h"

namespace splnet {

// The units of an interface's timestamps.
enum class CaptureUnit : uint8_t { kMicroseconds = 6, kNanoseconds = 9 };

// What a written interface is; texts are cut to 65535 bytes.
struct CaptureTap {
  std::string name;         // "wire0"; empty: none
  std::string description;  // empty: none
  uint16_t link_type = kLinkTypeEthernet;
  uint32_t snaplen = 0;  // bytes kept of each packet at most; 0: all
  CaptureUnit unit = CaptureUnit::kNanoseconds;
};

class CaptureWriter {
 public:
  // Creates or overwrites `path`; "-" is standard output.  Refuses a file that
  // a CaptureReader has open, with kFailedPrecondition: overwriting the input
  // would pull it from under the reader.  Other errors: kNotFound (no such
  // directory), kPermissionDenied, kUnavailable.
  static absl::StatusOr<std::unique_ptr<CaptureWriter>> Create(
      const std::string& path);

  // Writes to `*out`, which the caller keeps alive and reads after Close().
  static std::unique_ptr<CaptureWriter> ToMemory(std::vector<std::byte>* out);

  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;
  // Closes as Close() does; an error is then lost.
  ~CaptureWriter();

  // Describes one more interface; returns its number, from 0.
  uint32_t AddInterface(const CaptureTap& tap);

  // Appends one packet.  Of `packet` these count: time_ns (not negative),
  // interface (as AddInterface() gave it), len, data, comment, direction.
  // At most the tap's snaplen of `data` is kept, and as much of the comment
  // as an option holds (65535 bytes).
  //
  // Errors: kInvalidArgument for a packet that the format cannot hold;
  // otherwise writing failed (full disk), and every later call repeats it.
  absl::Status Write(const CapturePacket& packet);

  // The same for a packet that lies in several pieces, such as an mbuf chain;
  // `packet.data` is not looked at.
  absl::Status Write(const CapturePacket& packet,
                     std::span<const std::span<const std::byte>> pieces);

  // Writes what is buffered and closes the file.  Call it: only then is known
  // that everything was written.  A second call changes nothing.
  absl::Status Close();

 private:
  CaptureWriter(int fd, std::string name, std::vector<std::byte>* memory);
  void WriteSection();
  void WriteEnhanced(const CapturePacket& packet,
                     std::span<const std::span<const std::byte>> pieces,
                     uint32_t caplen);
  void Flush();

  // Room for a block of `size` bytes at the buffer's end.
  std::byte* Claim(size_t size);

  int fd_;  // -1: memory, or closed
  std::string name_;
  std::vector<std::byte>* memory_;
  std::vector<std::byte> buffer_;
  size_t used_ = 0;  // bytes of it that wait to be written
  struct Interface {
    uint32_t snaplen;
    int64_t ns_per_tick;
  };
  std::vector<Interface> interfaces_;
  absl::Status status_;
};

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_WRITER_H_
