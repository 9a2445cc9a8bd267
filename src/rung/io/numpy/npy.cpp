#include "rung/io/numpy/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"
#include "rung/io/numpy/npy_header.h"

namespace rung {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct NpyType {
  DType dtype;
  const char* code;  // without the byte order
};
// The one table, read both ways.
constexpr std::array<NpyType, 12> kTypes = {{{DType::kF32, "f4"},
                                             {DType::kF64, "f8"},
                                             {DType::kF16, "f2"},
                                             {DType::kI8, "i1"},
                                             {DType::kU8, "u1"},
                                             {DType::kI16, "i2"},
                                             {DType::kU16, "u2"},
                                             {DType::kU32, "u4"},
                                             {DType::kU64, "u8"},
                                             {DType::kI32, "i4"},
                                             {DType::kI64, "i8"},
                                             {DType::kBool, "b1"}}};

DType parse_type(const std::string& descr, const std::string& file) {
  if (descr.size() > 1 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos) {
    for (const auto& type : kTypes) {
      if (descr.substr(1) == type.code) return type.dtype;
    }
  }
  fail_unsupported("{} holds elements of type {}, which rung lacks", file, quoted(descr));
}

// The header's text and where the data begins.
struct Frame {
  std::string_view header;
  size_t data = 0;
};

Frame frame_of(Storage& storage, const std::string& file) {
  const std::string_view all(reinterpret_cast<const char*>(storage.data()), storage.bytes());
  if (!all.starts_with(kMagic)) fail_user("{} is not a .npy file", file);
  if (all.size() < 12) fail_user("{} is cut short: it has only {} bytes", file, all.size());
  const int version = all[6];
  if (version < 1 || version > 3) {
    fail_unsupported("{} is a .npy file of version {}; rung reads 1 to 3", file, version);
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<size_t>(static_cast<unsigned char>(all[8 + i])) << (8 * i);
  }
  const size_t begin = 8 + length_bytes;
  if (length > all.size() - begin) {
    fail_user("{} is cut short: its header has {} bytes, the file {}", file, length, all.size());
  }
  return {all.substr(begin, length), begin + length};
}

int64_t elements_of(const Shape& shape, const std::string& file) {
  try {
    return element_count(shape);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", file, error.what()));
  }
}

void swap_bytes(Tensor& tensor) {
  const auto size = static_cast<size_t>(size_of(tensor.dtype()));
  std::byte* at = tensor.data();
  for (int64_t i = 0; i < tensor.elements(); ++i, at += size) std::reverse(at, at + size);
}

// From column-major: element (i, j, …) lies at i + j·n0 + ….
Tensor row_major(const Tensor& columns, const Shape& shape) {
  Tensor out(columns.dtype(), shape);
  const auto size = static_cast<size_t>(size_of(out.dtype()));
  Shape index(shape.size(), 0);
  for (int64_t i = 0; i < out.elements(); ++i) {
    int64_t from = 0;
    for (size_t axis = shape.size(); axis-- > 0;) from = from * shape[axis] + index[axis];
    std::memcpy(out.data() + static_cast<size_t>(i) * size,
                columns.data() + static_cast<size_t>(from) * size, size);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

Tensor load_npy(const std::filesystem::path& path) {
  const std::string file = path.string();
  const auto storage = map_file(path);
  const Frame frame = frame_of(*storage, file);
  const NpyHeader header = parse_npy_header(frame.header, file);
  const DType dtype = parse_type(header.descr, file);
  const size_t have = storage->bytes() - frame.data;
  const int64_t elements = elements_of(header.shape, file);
  if (have / static_cast<size_t>(size_of(dtype)) < static_cast<size_t>(elements)) {
    fail_user("{} is cut short: {}{} needs {} bytes, the file has {}", file, name(dtype),
              to_string(header.shape), elements * size_of(dtype), have);
  }
  // A copy: the data may lie unaligned, and small files are the rule.
  Tensor tensor(dtype, header.shape);
  if (tensor.bytes() > 0) {
    std::memcpy(tensor.data(), storage->data() + frame.data, static_cast<size_t>(tensor.bytes()));
  }
  if (header.descr[0] == '>') swap_bytes(tensor);
  return header.fortran_order ? row_major(tensor, header.shape) : tensor;
}

void save_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const NpyType& entry) {
    return entry.dtype == tensor.dtype();
  });
  if (type == kTypes.end()) {
    fail_unsupported("cannot write {}: NumPy has no {}; use .safetensors", path.string(),
                     name(tensor.dtype()));
  }
  const bool bytes_only = size_of(tensor.dtype()) == 1;
  const std::string header = npy_header_text(
      {.descr = (bytes_only ? "|" : "<") + std::string(type->code), .shape = tensor.shape()});
  write_file(path, [&](const FileSink& sink) {
    std::string prefix(kMagic);
    prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
               static_cast<char>(header.size() >> 8)};
    sink(prefix.data(), prefix.size());
    sink(header.data(), header.size());
    if (tensor.bytes() > 0) sink(tensor.data(), static_cast<size_t>(tensor.bytes()));
  });
}

}  // namespace rung
