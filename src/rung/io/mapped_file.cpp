#include "rung/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rung/base/error.h"

namespace rung {
namespace {

class MappedStorage final : public Storage {
 public:
  MappedStorage(std::byte* data, size_t bytes) : data_(data), bytes_(bytes) {}
  ~MappedStorage() override { ::munmap(data_, bytes_); }
  MappedStorage(const MappedStorage&) = delete;
  MappedStorage& operator=(const MappedStorage&) = delete;
  std::byte* data() override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::byte* data_;
  size_t bytes_;
};

class SliceStorage final : public Storage {
 public:
  SliceStorage(std::shared_ptr<Storage> whole, size_t begin, size_t bytes)
      : whole_(std::move(whole)), begin_(begin), bytes_(bytes) {}
  std::byte* data() override { return whole_->data() + begin_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<Storage> whole_;
  size_t begin_;
  size_t bytes_;
};

}  // namespace

std::shared_ptr<Storage> map_file(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail_user("cannot read {}: {}", path.string(), std::strerror(errno));
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  const auto bytes = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (regular && bytes > 0) {
    data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  }
  const int reason = errno;
  ::close(fd);
  if (!regular) {
    fail_user("cannot read {}: it is {}, not a file", path.string(),
              S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
  }
  if (bytes == 0) return allocate(0);
  if (data == MAP_FAILED) fail_user("cannot read {}: {}", path.string(), std::strerror(reason));
  return std::make_shared<MappedStorage>(static_cast<std::byte*>(data), bytes);
}

std::shared_ptr<Storage> slice_storage(std::shared_ptr<Storage> whole, size_t begin, size_t bytes) {
  if (begin > whole->bytes() || bytes > whole->bytes() - begin) {
    fail_bug("a slice [{}, {} + {}) of {} bytes", begin, begin, bytes, whole->bytes());
  }
  return std::make_shared<SliceStorage>(std::move(whole), begin, bytes);
}

}  // namespace rung
