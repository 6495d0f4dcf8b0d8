// A file that a verb writes beside its report, and whether two names are one
// file.

#ifndef SPLNET_TOOLS_OUTPUT_FILE_H_
#define SPLNET_TOOLS_OUTPUT_FILE_H_

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace splnet {

// Whether both paths lead to one regular file, or to one that does not exist
// yet.  "-" is standard input.
bool SameFile(const std::string& a, const std::string& b);

class OutputFile {
 public:
  // Creates or empties `path`; "-" is standard output.  Errors name the file.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Open(
      const std::string& path);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Writes `text`; more may follow.
  absl::Status Append(std::string_view text);
  // Writes `text`, and closes the file; once.
  absl::Status Write(std::string_view text);

 private:
  OutputFile(std::string path, std::FILE* file);

  std::string path_;
  std::FILE* file_;  // null when it is closed
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_OUTPUT_FILE_H_
