#include "rung/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

// What is no file may never end.
constexpr size_t kMaxStream = size_t{1} << 30;

// Owns a file descriptor; closing errors matter only to the writer, which closes by hand.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

bool path_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string read_file(const std::filesystem::path& path) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail_user("cannot read {}: {}", path.string(), std::strerror(errno));
  struct stat info {};
  if (::fstat(file.fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    fail_user("cannot read {}: it is a folder", path.string());
  }
  std::string content;
  if (S_ISREG(info.st_mode)) content.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(file.fd, buffer, sizeof buffer);
    if (got == 0) return content;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_user("cannot read {}: {}", path.string(), std::strerror(errno));
    content.append(buffer, static_cast<size_t>(got));
    if (!S_ISREG(info.st_mode) && content.size() > kMaxStream) {
      fail_user("cannot read {}: a device or pipe that gives more than {}", path.string(),
                bytes_text(kMaxStream));
    }
  }
}

namespace {

// The temporary that is being written, for a signal handler: memory that does not move, and a flag
// that is set once it is whole.
char unfinished[4096];
std::atomic<bool> is_unfinished{false};

struct Unfinished {
  explicit Unfinished(const std::string& name) {
    if (name.size() >= sizeof unfinished) return;
    std::memcpy(unfinished, name.c_str(), name.size() + 1);
    is_unfinished = true;
  }
  ~Unfinished() { is_unfinished = false; }
};

// What a link leads to, there or not, so that the link stays one.
std::filesystem::path final_path(std::filesystem::path path) {
  constexpr int kLinks = 40;  // as the system allows; a link in a loop is replaced by the file
  std::error_code error;
  for (int i = 0; i < kLinks && std::filesystem::is_symlink(path, error); ++i) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  }
  return path;
}

}  // namespace

void remove_unfinished_file() noexcept {
  if (is_unfinished) ::unlink(unfinished);
}

void check_writable(const std::filesystem::path& to) {
  if (to.empty()) fail_user("cannot write a file without a name");
  struct stat old {};
  if (::stat(to.c_str(), &old) == 0 && !S_ISREG(old.st_mode)) {
    fail_user("cannot write {}: it is {}", to.string(),
              S_ISDIR(old.st_mode) ? "a folder" : "a device or a pipe, not a file");
  }
  const std::filesystem::path folder = final_path(to).parent_path();
  const std::string name = folder.empty() ? "." : folder.string();
  if (::access(name.c_str(), W_OK | X_OK) == 0) return;
  fail_user("cannot write {}: {}", to.string(), std::strerror(errno));
}

void write_file(const std::filesystem::path& to, const std::function<void(FileSink)>& write) {
  if (to.empty()) fail_user("cannot write a file without a name");
  struct stat old {};
  if (::stat(to.c_str(), &old) == 0 && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode)) {
    fail_user("cannot write {}: it is a device or a pipe, not a file", to.string());
  }
  const std::filesystem::path path = final_path(to);
  // One at a time: the temporary's name and the handler's note of it are the process's.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::string temporary = path.string() + fmt::format(".{}.tmp", ::getpid());
  const Unfinished marked(temporary);
  Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (file.fd < 0) fail_user("cannot write {}: {}", path.string(), std::strerror(errno));
  const auto fail = [&] {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    fail_user("cannot write {}: {}; nothing was changed", path.string(), reason);
  };
  try {
    write([&](const void* data, size_t bytes) {
      const char* at = static_cast<const char*>(data);
      while (bytes > 0) {
        const ssize_t put = ::write(file.fd, at, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail();
        at += put;
        bytes -= static_cast<size_t>(put);
      }
    });
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::fsync(file.fd) != 0 && errno != EINVAL) fail();
  const int fd = std::exchange(file.fd, -1);
  if (::close(fd) != 0) fail();
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  write_file(path, [&](const FileSink& sink) { sink(content.data(), content.size()); });
}

}  // namespace rung
