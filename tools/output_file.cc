// Files beside a report.

#include "tools/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace splnet {
namespace {

bool Find(const std::string& path, struct stat* st) {
  return (path == "-" ? ::fstat(STDIN_FILENO, st) : ::stat(path.c_str(), st)) ==
         0;
}

absl::Status FileError(const std::string& path, const char* doing, int error) {
  return absl::UnavailableError(
      absl::StrCat(path, ": ", doing, ": ", std::strerror(error)));
}

}  // namespace

bool SameFile(const std::string& a, const std::string& b) {
  struct stat sa;
  struct stat sb;
  const bool has_a = Find(a, &sa);
  const bool has_b = Find(b, &sb);
  if (has_a && has_b) {
    return S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
  }
  if (has_a || has_b) return false;
  std::error_code wrong;
  const auto full_a = std::filesystem::weakly_canonical(a, wrong);
  if (wrong) return a == b;
  const auto full_b = std::filesystem::weakly_canonical(b, wrong);
  return wrong ? a == b : full_a == full_b;
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Open(
    const std::string& path) {
  if (path == "-") {
    return std::unique_ptr<OutputFile>(
        new OutputFile("standard output", stdout));
  }
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return FileError(path, "cannot create it", errno);
  return std::unique_ptr<OutputFile>(new OutputFile(path, file));
}

OutputFile::OutputFile(std::string path, std::FILE* file)
    : path_(std::move(path)), file_(file) {}

OutputFile::~OutputFile() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

absl::Status OutputFile::Append(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size()) {
    return absl::OkStatus();
  }
  return FileError(path_, "cannot write", errno);
}

absl::Status OutputFile::Write(std::string_view text) {
  std::FILE* const file = std::exchange(file_, nullptr);
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int error = errno;
  const bool ended =
      (file == stdout ? std::fflush(file) : std::fclose(file)) == 0;
  if (written && ended) return absl::OkStatus();
  return FileError(path_, "cannot write", written ? errno : error);
}

}  // namespace splnet
