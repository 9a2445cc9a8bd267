#include "rung/io/idx.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "rung/base/error.h"

namespace rung {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 34;
constexpr unsigned kByteElements = 8;

/// A file that zlib unpacks where it is packed.
class GzFile {
 public:
  explicit GzFile(const std::filesystem::path& path)
      : name_(path.string()), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr || std::filesystem::is_directory(path)) {
      if (file_ != nullptr) gzclose(file_);
      fail_user("cannot read {}: {}", name_,
                file_ == nullptr ? std::strerror(errno) : "it is a folder");
    }
  }
  ~GzFile() { gzclose(file_); }
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  /// Appends up to `bytes`; returns how many there were.
  size_t read(std::string& into, size_t bytes) {
    const size_t before = into.size();
    into.resize(before + bytes);
    const int got = gzread(file_, into.data() + before, static_cast<unsigned>(bytes));
    if (got < 0) {
      int code = 0;
      fail_user("{} is damaged: {}", name_, gzerror(file_, &code));
    }
    into.resize(before + static_cast<size_t>(got));
    return static_cast<size_t>(got);
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  gzFile file_;
};

Shape read_header(GzFile& file) {
  std::string head;
  file.read(head, 4);
  if (head.size() < 4 || head[0] != 0 || head[1] != 0) {
    fail_user("{} is not an IDX file (the form of MNIST's files)", file.name());
  }
  const auto elements = static_cast<unsigned char>(head[2]);
  const auto rank = static_cast<unsigned char>(head[3]);
  if (elements != kByteElements) {
    fail_unsupported("{} holds elements of IDX type 0x{:02x}; rung reads bytes (0x08)", file.name(),
                     elements);
  }
  std::string sizes;
  file.read(sizes, size_t{4} * rank);
  if (sizes.size() < size_t{4} * rank || rank == 0) fail_user("{} is cut short", file.name());
  Shape shape;
  for (size_t i = 0; i < rank; ++i) {
    int64_t size = 0;
    for (size_t j = 0; j < 4; ++j) {
      size = size << 8 | static_cast<unsigned char>(sizes[4 * i + j]);
    }
    shape.push_back(size);
  }
  return shape;
}

}  // namespace

Tensor load_idx(const std::filesystem::path& path) {
  GzFile file(path);
  const Shape shape = read_header(file);
  double elements = 1;
  for (const int64_t size : shape) elements *= static_cast<double>(size);
  if (shape.size() > 8 || elements > static_cast<double>(kMostBytes)) {
    fail_user("{} declares the shape {}, which is too large", file.name(), to_string(shape));
  }
  const auto wanted = static_cast<size_t>(element_count(shape));
  std::string bytes;
  constexpr size_t kChunk = size_t{1} << 24;
  while (bytes.size() <= wanted) {  // one byte more than wanted, to see whether there is one
    if (file.read(bytes, std::min(kChunk, wanted + 1 - bytes.size())) == 0) break;
  }
  if (bytes.size() != wanted) {
    fail_user("{} declares {} bytes ({}) and holds {}", file.name(), wanted, to_string(shape),
              bytes.size() < wanted ? std::to_string(bytes.size()) : "more");
  }
  Tensor out(DType::kU8, shape);
  if (wanted > 0) std::memcpy(out.data(), bytes.data(), wanted);
  return out;
}

}  // namespace rung
