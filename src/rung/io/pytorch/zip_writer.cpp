#include "rung/io/pytorch/zip_writer.h"

#include <zlib.h>

#include <bit>

namespace rung {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers of a zip are little-endian");

constexpr uint64_t kEntryAlignment = 64;
constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint32_t kInZip64 = 0xffffffff;  // "see the zip64 field"
constexpr uint16_t kZip64 = 45;            // the version of the format that reads it
constexpr uint16_t kUtf8 = 0x0800;
constexpr uint16_t kFirstDay = 0x0021;  // 1980-01-01

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// What the header of an entry and its line of the directory share: flags to the name's length.
void append_common(std::string& out, uint32_t crc, size_t name_bytes) {
  append(out, kUtf8);
  append(out, uint16_t{0});  // stored
  append(out, uint16_t{0});  // midnight
  append(out, kFirstDay);
  append(out, crc);
  append(out, kInZip64);
  append(out, kInZip64);
  append(out, static_cast<uint16_t>(name_bytes));
}

}  // namespace

void ZipWriter::put(std::string_view bytes) {
  if (!bytes.empty()) sink_(bytes.data(), bytes.size());
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::string_view content) {
  const auto crc = static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
  const uint64_t begin = at_;
  std::string field;
  append(field, uint16_t{1});
  append(field, uint16_t{16});
  append(field, uint64_t{content.size()});
  append(field, uint64_t{content.size()});
  // A field of its own pads the header, as PyTorch does it.
  const uint64_t unpadded = begin + kLocalHeaderBytes + name.size() + field.size() + 4;
  const uint64_t padding = (kEntryAlignment - unpadded % kEntryAlignment) % kEntryAlignment;
  field += "FB";
  append(field, static_cast<uint16_t>(padding));
  field.append(padding, 'Z');

  std::string header = "PK\x03\x04";
  append(header, kZip64);
  append_common(header, crc, name.size());
  append(header, static_cast<uint16_t>(field.size()));
  put(header + name + field);
  put(content);

  directory_ += "PK\x01\x02";
  append(directory_, kZip64);
  append(directory_, kZip64);
  append_common(directory_, crc, name.size());
  append(directory_, uint16_t{28});  // the zip64 field
  directory_.append(10, '\0');       // no comment, first disk, no attributes
  append(directory_, kInZip64);
  directory_ += name;
  append(directory_, uint16_t{1});
  append(directory_, uint16_t{24});
  append(directory_, uint64_t{content.size()});
  append(directory_, uint64_t{content.size()});
  append(directory_, begin);
  ++count_;
}

void ZipWriter::finish() {
  const uint64_t begin = at_;
  put(directory_);
  const uint64_t end = at_;
  std::string tail = "PK\x06\x06";
  append(tail, uint64_t{44});  // bytes of what follows in this record
  append(tail, kZip64);
  append(tail, kZip64);
  append(tail, uint64_t{0});  // this disk is the first, and the directory's
  append(tail, count_);
  append(tail, count_);
  append(tail, uint64_t{directory_.size()});
  append(tail, begin);
  tail += "PK\x06\x07";
  append(tail, uint32_t{0});
  append(tail, end);
  append(tail, uint32_t{1});
  tail += "PK\x05\x06";
  append(tail, uint32_t{0});
  append(tail, uint16_t{0xffff});
  append(tail, uint16_t{0xffff});
  append(tail, kInZip64);
  append(tail, kInZip64);
  append(tail, uint16_t{0});  // no comment
  put(tail);
}

}  // namespace rung
