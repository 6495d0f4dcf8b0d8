// A pcap filter over captured packets: libpcap compiles it, once per link
// type and byte order, and its interpreter runs it.

#ifndef SPLNET_TRACES_CAPTURE_FILTER_H_
#define SPLNET_TRACES_CAPTURE_FILTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/capture.h"

namespace splnet {

class CaptureFilter {
 public:
  // Checks `expression` ("tcp port 80"; empty matches everything).  An error
  // (kInvalidArgument) quotes it with what libpcap says: the expression is
  // valid for no link type that we know of.
  static absl::StatusOr<CaptureFilter> Compile(std::string expression);

  CaptureFilter(CaptureFilter&&) noexcept;
  CaptureFilter& operator=(CaptureFilter&&) noexcept;
  ~CaptureFilter();

  // Whether `packet`, which `reader` delivered, matches.  One filter serves
  // one reader (a Rewind() is no matter).  An error (kInvalidArgument) says
  // that the expression makes no sense for the packet's link type; it comes
  // with the first packet of such an interface.
  absl::StatusOr<bool> Matches(const CaptureReader& reader,
                               const CapturePacket& packet);

  const std::string& expression() const { return expression_; }

 private:
  struct Program;

  explicit CaptureFilter(std::string expression);
  absl::StatusOr<const Program*> ProgramFor(const CaptureInterface& interface);

  std::string expression_;
  // The distinct programs, and for each interface that had a packet its own.
  std::vector<std::unique_ptr<Program>> programs_;
  std::vector<const Program*> by_interface_;
};

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_FILTER_H_
