// Two hosts, a link and transfers between them.

#ifndef SPLNET_TOOLS_BULK_BULK_H_
#define SPLNET_TOOLS_BULK_BULK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/bulk/options.h"
#include "tools/bulk/watch.h"
#include "tools/output_file.h"
#include "tools/programs/duplex.h"
#include "tools/simulation.h"
#include "traces/capture_writer.h"

namespace splnet {

// Packets that may wait for the wire, at most.
inline constexpr uint32_t kMostQueuePackets = 1'000'000;

// The columns of a sample.  Windows and flight are bytes; goodput is that of
// the receiver since the sample before.
inline constexpr char kBulkCsvHeader[] =
    "time_s,connection,direction,cwnd,ssthresh,flight,srtt_s,"
    "goodput_bits_per_second\n";

// A stream: what one end of a connection sends to the other.
struct BulkStream {
  uint32_t connection = 0;  // from 0
  bool from_a = true;
  const WatchedStream* watched = nullptr;
  const DuplexResult* sender = nullptr;
  const DuplexResult* receiver = nullptr;
  uint32_t ssthresh = 0;  // at the last sample, bytes
  // When its sender was connected, and when its last bytes were read.
  SimTime begun() const { return sender->connected; }
  SimTime done() const { return receiver->last_read; }
};

class Bulk {
 public:
  // Takes options that CheckBulkOptions() passes.  `writer` gets every frame
  // and `csv` a line for each sample of each stream; either may be null, and
  // both outlive this.
  Bulk(const BulkOptions& options, CaptureWriter* writer, OutputFile* csv);
  Bulk(const Bulk&) = delete;
  Bulk& operator=(const Bulk&) = delete;
  ~Bulk();

  // Runs until every program has ended, and then until nothing is left to
  // happen.  An error says what could not be written.
  absl::Status Run();

  // After Run().
  const std::vector<BulkStream>& streams() const { return streams_; }
  const std::vector<DuplexResult>& ends() const { return ends_; }
  const Simulation& simulation() const { return sim_; }
  const Netstack& a() const { return a_.ns; }
  const Netstack& b() const { return b_.ns; }
  const PairLink& link() const { return link_; }
  uint32_t queue_packets() const { return queue_packets_; }
  // When the last program had ended.
  SimTime finished() const { return finished_; }
  // False if it was still running when its budget of events was used up.
  bool came_to_an_end() const { return came_to_an_end_; }

 private:
  class FrameWriter;

  void Start();
  void Sample();
  // `bulk` is a Bulk*: a timeout's function.
  static void SampleAgain(void* bulk);
  // `news`: bytes that its receiver has read since the last sample.
  void WriteSample(const BulkStream& stream, const Tcpcb& tp, uint64_t news);

  const BulkOptions options_;
  const uint32_t queue_packets_;
  OutputFile* const csv_;
  absl::Status csv_status_;
  Simulation sim_;
  Host& a_;
  Host& b_;
  PairLink& link_;
  Watch watch_;
  std::unique_ptr<FrameWriter> frames_;
  std::vector<DuplexResult> ends_;  // of a and b of each connection in turn
  std::vector<BulkStream> streams_;
  std::vector<uint64_t> sampled_;  // bytes received at the last sample
  Timeout sampler_;
  SimTime finished_{};
  bool came_to_an_end_ = false;
};

// The packets that `options` let wait for the wire: if they do not say, a
// bandwidth-delay product, and never less than what connections begin with.
uint32_t BulkQueuePackets(const BulkOptions& options);

// What cannot be done of what is asked for, and which flag to change.
absl::Status CheckBulkOptions(const BulkOptions& options);

}  // namespace splnet

#endif  // SPLNET_TOOLS_BULK_BULK_H_
