#include "rung/io/pytorch/zip.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"

namespace rung {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers of a zip are little-endian");

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kEndBytes = 22, kLocatorBytes = 20, kCentralBytes = 46, kLocalBytes = 30;
constexpr uint32_t kFull = 0xffffffff;  // "see the zip64 field"
constexpr uint16_t kZip64Field = 1;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint64_t kInflated = uint64_t{1} << 30;  // beyond it, at most four times the file
constexpr uint64_t kBestRatio = 1032;              // of deflate: 258 bytes in two bits

uint32_t crc_of(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// False where the stream is broken or gives another number of bytes.
bool inflate_into(std::string_view packed, Storage& out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail_bug("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.bytes());
  const int result = inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<Storage> file, std::string name)
    : file_(std::move(file)), name_(std::move(name)) {
  read_directory();
}

std::string_view ZipArchive::text(uint64_t at, uint64_t bytes) const {
  const uint64_t all = file_->bytes();
  if (at > all || bytes > all - at) {
    fail_user("{} is damaged: its archive points to byte {}, and it has {}", name_, at, all);
  }
  return {reinterpret_cast<const char*>(file_->data()) + at, static_cast<size_t>(bytes)};
}

template <typename T>
T ZipArchive::number(uint64_t at) const {
  T value;
  std::memcpy(&value, text(at, sizeof value).data(), sizeof value);
  return value;
}

void ZipArchive::read_directory() {
  const uint64_t all = file_->bytes();
  uint64_t end = all;
  for (uint64_t back = kEndBytes; back <= all && back <= kEndBytes + UINT16_MAX; ++back) {
    const uint64_t at = all - back;
    if (number<uint32_t>(at) != kEnd || number<uint16_t>(at + 20) != back - kEndBytes) continue;
    end = at;
    break;
  }
  if (end == all) {
    fail_user("{} is cut short: the directory at the end of its archive is missing", name_);
  }
  uint64_t count = number<uint16_t>(end + 10);
  uint64_t at = number<uint32_t>(end + 16);
  if (end >= kLocatorBytes && number<uint32_t>(end - kLocatorBytes) == kLocator64) {
    const auto end64 = number<uint64_t>(end - kLocatorBytes + 8);
    if (number<uint32_t>(end64) != kEnd64) {
      fail_user("{} is damaged: the zip64 directory of its archive is not where it should be",
                name_);
    }
    text(end64, 56);
    count = number<uint64_t>(end64 + 32);
    at = number<uint64_t>(end64 + 48);
  }
  // A count that is too large ends at the first entry that is none.
  for (uint64_t i = 0; i < count; ++i) at = read_entry(at);
  check_sizes();
}

// A small file must not become a large memory, neither by entries that share their bytes nor by
// what they inflate to.
void ZipArchive::check_sizes() const {
  uint64_t left = file_->bytes();
  uint64_t inflated = std::max(kInflated, 4 * file_->bytes());
  for (const auto& [name, entry] : entries_) {
    if (entry.packed > left) fail_user("{} is damaged: entries of its archive overlap", name_);
    left -= entry.packed;
    if (entry.method != kDeflated) continue;
    const bool possible = entry.size / kBestRatio <= entry.packed && entry.size <= inflated;
    if (!possible || std::max(entry.size, entry.packed) > UINT32_MAX) {
      fail_user("{} is damaged: {} of its archive would have {} bytes once inflated", name_,
                quoted(name), entry.size);
    }
    inflated -= entry.size;
  }
}

// One entry of the directory; returns where the next begins.
uint64_t ZipArchive::read_entry(uint64_t at) {
  text(at, kCentralBytes);
  if (number<uint32_t>(at) != kCentral) {
    fail_user("{} is damaged: the directory of its archive is broken at byte {}", name_, at);
  }
  Entry entry{.flags = number<uint16_t>(at + 8),
              .method = number<uint16_t>(at + 10),
              .crc = number<uint32_t>(at + 16),
              .packed = number<uint32_t>(at + 20),
              .size = number<uint32_t>(at + 24),
              .header = number<uint32_t>(at + 42)};
  const uint64_t name_bytes = number<uint16_t>(at + 28);
  const uint64_t extra_bytes = number<uint16_t>(at + 30);
  const uint64_t comment_bytes = number<uint16_t>(at + 32);
  const std::string name(text(at + kCentralBytes, name_bytes));
  widen(entry, text(at + kCentralBytes + name_bytes, extra_bytes));
  if (!entries_.emplace(name, entry).second) {
    fail_user("{} is damaged: its archive holds {} twice", name_, quoted(name));
  }
  return at + kCentralBytes + name_bytes + extra_bytes + comment_bytes;
}

// Numbers that 32 bits cannot hold stand in a field of their own, in this order.
void ZipArchive::widen(Entry& entry, std::string_view extra) const {
  while (extra.size() >= 4) {
    uint16_t id = 0, bytes = 0;
    std::memcpy(&id, extra.data(), 2);
    std::memcpy(&bytes, extra.data() + 2, 2);
    extra.remove_prefix(4);
    std::string_view field = extra.substr(0, bytes);
    extra.remove_prefix(field.size());
    if (id != kZip64Field) continue;
    for (uint64_t* value : {&entry.size, &entry.packed, &entry.header}) {
      if (*value != kFull || field.size() < 8) continue;
      std::memcpy(value, field.data(), 8);
      field.remove_prefix(8);
    }
  }
}

std::string ZipArchive::find_suffix(std::string_view suffix) const {
  for (const auto& [name, entry] : entries_) {
    if (name.ends_with(suffix)) return name;
  }
  return {};
}

const ZipArchive::Entry& ZipArchive::find(std::string_view entry) const {
  const auto found = entries_.find(entry);
  if (found == entries_.end()) fail_user("{} is damaged: it lacks {}", name_, quoted(entry));
  return found->second;
}

std::shared_ptr<Storage> ZipArchive::read(std::string_view name) const {
  const Entry& entry = find(name);
  const std::string what = fmt::format("{} of {}", quoted(name), name_);
  if ((entry.flags & 1) != 0) fail_unsupported("{} is encrypted", what);
  text(entry.header, kLocalBytes);
  if (number<uint32_t>(entry.header) != kLocal) {
    fail_user("{} is damaged: {} is not where its directory says", name_, quoted(name));
  }
  const uint64_t begin = entry.header + kLocalBytes + number<uint16_t>(entry.header + 26) +
                         number<uint16_t>(entry.header + 28);
  const std::string_view packed = text(begin, entry.packed);
  std::shared_ptr<Storage> content;
  if (entry.method == kStored) {
    if (entry.size != entry.packed) fail_user("{} is damaged: it has two sizes", what);
    content = slice_storage(file_, static_cast<size_t>(begin), packed.size());
  } else if (entry.method == kDeflated) {
    content = allocate(static_cast<size_t>(entry.size));
    if (!inflate_into(packed, *content)) fail_user("{} is damaged: it does not inflate", what);
  } else {
    fail_unsupported("{} is compressed by method {}, which rung lacks", what, entry.method);
  }
  // Writers that save the time leave a zero.
  const auto* bytes = reinterpret_cast<const char*>(content->data());
  if (entry.crc != 0 && crc_of({bytes, content->bytes()}) != entry.crc) {
    fail_user("{} is damaged: its bytes do not match their check sum", what);
  }
  return content;
}

}  // namespace rung
