// What `splnet bulk` tells: the message, and the same as text.

#ifndef SPLNET_TOOLS_BULK_REPORT_H_
#define SPLNET_TOOLS_BULK_REPORT_H_

#include <string>

#include "tools/bulk/bulk.h"
#include "traces/report.pb.h"

namespace splnet {

// After bulk.Run().
report::Bulk MakeReport(const BulkOptions& options, const Bulk& bulk);

std::string FormatReport(const report::Bulk& report);
}  // namespace splnet

#endif  // SPLNET_TOOLS_BULK_REPORT_H_
