#include "rung/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/json.h"
#include "rung/io/mapped_file.h"

namespace rung {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors bytes are little-endian");

constexpr size_t kPrefix = 8;                 // the header's length, a u64
constexpr uint64_t kMaxHeader = 100'000'000;  // as in the reference implementation
constexpr const char* kMetadata = "__metadata__";
constexpr size_t kAlignment = 64;  // of the first tensor in the file

std::string file_dtype(DType dtype) {
  std::string text(name(dtype));
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

DType parse_dtype(const std::string& text, const std::string& what) {
  for (const auto& entry : kDTypes) {
    if (file_dtype(entry.dtype) == text) return entry.dtype;
  }
  fail_unsupported("{} has dtype {}, which rung lacks", what, quoted(text));
}

// One entry of the header, its numbers checked but not yet held against the file.
struct Entry {
  std::string name;
  DType dtype;
  Shape shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

uint64_t whole_number(const nlohmann::json& json, const char* key, const std::string& what) {
  if (!json.is_number_unsigned()) {
    fail_user("\"{}\" of {} must hold whole numbers >= 0, not a {}", key, what,
              json.is_number() ? "negative, broken or too large one" : json.type_name());
  }
  return json.get<uint64_t>();
}

const nlohmann::json& array_member(const nlohmann::json& json, const char* key,
                                   const std::string& what) {
  const auto& member = json_member(json, key, what);
  if (!member.is_array()) fail_user("\"{}\" of {} must be a list", key, what);
  return member;
}

uint64_t elements_of(const Shape& shape, const std::string& what) {
  try {
    return static_cast<uint64_t>(element_count(shape));
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", what, error.what()));
  }
}

Entry parse_entry(const std::string& name, const nlohmann::json& json, const std::string& file) {
  const std::string what = fmt::format("tensor {} of {}", quoted(name), file);
  Entry entry;
  entry.name = name;
  entry.dtype = parse_dtype(json_string(json, "dtype", what), what);
  for (const auto& size : array_member(json, "shape", what)) {
    const uint64_t value = whole_number(size, "shape", what);
    if (value > uint64_t{INT64_MAX}) fail_user("{} has an absurd size {}", what, value);
    entry.shape.push_back(static_cast<int64_t>(value));
  }
  const auto& offsets = array_member(json, "data_offsets", what);
  if (offsets.size() != 2) fail_user("\"data_offsets\" of {} must be a list of two", what);
  entry.begin = whole_number(offsets[0], "data_offsets", what);
  entry.end = whole_number(offsets[1], "data_offsets", what);
  if (entry.begin > entry.end) {
    fail_user("{} begins at {}, behind its end {}", what, entry.begin, entry.end);
  }
  const uint64_t need = elements_of(entry.shape, what);
  const auto item = static_cast<uint64_t>(size_of(entry.dtype));
  if (need > UINT64_MAX / item || entry.end - entry.begin != need * item) {
    fail_user("{} is {}{}, but holds {} bytes", what, rung::name(entry.dtype),
              to_string(entry.shape), entry.end - entry.begin);
  }
  return entry;
}

// The format allows neither overlaps nor holes: every byte belongs to one tensor.
void check_layout(std::vector<Entry> entries, uint64_t bytes, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t at = 0;
  const Entry* before = nullptr;
  for (const Entry& entry : entries) {
    if (entry.end > bytes) {
      fail_user("{} is cut short: tensor {} ends at byte {} of its data, which has {}", file,
                quoted(entry.name), entry.end, bytes);
    }
    if (entry.begin < at) {
      fail_user("{} is not valid: tensors {} and {} overlap", file, quoted(before->name),
                quoted(entry.name));
    }
    if (entry.begin > at) {
      fail_user("{} is not valid: {} bytes before tensor {} belong to none", file, entry.begin - at,
                quoted(entry.name));
    }
    at = entry.end;
    before = &entry;
  }
  if (at != bytes) {
    fail_user("{} is not valid: {} bytes behind its last tensor belong to none", file, bytes - at);
  }
}

std::string_view header_text(Storage& file, const std::string& path) {
  const size_t bytes = file.bytes();
  if (bytes < kPrefix) {
    fail_user("{} is not a safetensors file: it has only {} bytes", path, bytes);
  }
  const auto* text = reinterpret_cast<const char*>(file.data());
  if (bytes >= 4 && std::memcmp(text, "PK\x03\x04", 4) == 0) {
    fail_user(
        "{} is a PyTorch or zip archive, not safetensors; in Python, "
        "safetensors.torch.save_file(state_dict, path) writes one",
        path);
  }
  uint64_t length = 0;
  std::memcpy(&length, text, kPrefix);
  if (length > kMaxHeader) {
    fail_user("{} is not a safetensors file: its header would have {} bytes (at most {})", path,
              length, kMaxHeader);
  }
  if (length > bytes - kPrefix) {
    fail_user("{} is cut short: its header has {} bytes, the file only {}", path, length, bytes);
  }
  return {text + kPrefix, static_cast<size_t>(length)};
}

Tensor view(const std::shared_ptr<Storage>& file, size_t begin, const Entry& entry) {
  const size_t bytes = static_cast<size_t>(entry.end - entry.begin);
  Tensor tensor(entry.dtype, entry.shape, slice_storage(file, begin, bytes));
  const auto address = reinterpret_cast<uintptr_t>(tensor.data());
  return address % static_cast<uintptr_t>(size_of(entry.dtype)) == 0 ? tensor : tensor.clone();
}

}  // namespace

Safetensors load_safetensors(const std::filesystem::path& path) {
  const std::string file_name = path.string();
  const auto file = map_file(path);
  const std::string_view text = header_text(*file, file_name);
  const auto header = parse_json(text, fmt::format("the header of {}", file_name));
  if (!header.is_object()) fail_user("{}: the header must be a JSON object", file_name);

  Safetensors content;
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name != kMetadata) {
      entries.push_back(parse_entry(name, json, file_name));
      continue;
    }
    if (!json.is_object()) fail_user("{}: {} must be a JSON object", file_name, kMetadata);
    for (const auto& [key, value] : json.items()) {
      content.metadata[key] =
          json_string(json, key.c_str(), fmt::format("{} of {}", kMetadata, file_name));
    }
  }
  const size_t begin = kPrefix + text.size();
  check_layout(entries, file->bytes() - begin, file_name);
  for (const Entry& entry : entries) {
    content.tensors[entry.name] = view(file, begin + static_cast<size_t>(entry.begin), entry);
  }
  return content;
}

namespace {

using Item = Weights::value_type;

std::vector<const Item*> in_file_order(const Weights& tensors) {
  std::vector<const Item*> order;
  for (const Item& item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const Item* a, const Item* b) {
    return size_of(a->second.dtype()) > size_of(b->second.dtype());
  });
  return order;
}

std::string header_of(const Safetensors& content, const std::vector<const Item*>& order) {
  nlohmann::json header = nlohmann::json::object();
  if (!content.metadata.empty()) header[kMetadata] = content.metadata;
  int64_t at = 0;
  for (const Item* item : order) {
    const auto& [name, tensor] = *item;
    if (name == kMetadata) fail_user("a tensor cannot be named {}", kMetadata);
    const int64_t end = at + tensor.bytes();
    header[name] = {{"dtype", file_dtype(tensor.dtype())},
                    {"shape", tensor.shape()},
                    {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - (kPrefix + text.size()) % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  const auto order = in_file_order(content.tensors);
  std::string header;
  try {
    header = header_of(content, order);
  } catch (const nlohmann::json::exception&) {
    fail_user("cannot write {}: a name or its text is not UTF-8", path.string());
  }
  if (header.size() > kMaxHeader) {
    fail_user("cannot write {}: its header would have {} bytes (at most {})", path.string(),
              header.size(), kMaxHeader);
  }
  write_file(path, [&](const FileSink& sink) {
    const uint64_t length = header.size();
    sink(&length, sizeof length);
    sink(header.data(), header.size());
    for (const Item* item : order) {
      const Tensor& tensor = item->second;
      if (tensor.bytes() > 0) sink(tensor.data(), static_cast<size_t>(tensor.bytes()));
    }
  });
}

}  // namespace rung
