#include "rung/io/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "rung/io/mapped_file.h"

namespace rung {
namespace {

using std::string_view_literals::operator""sv;

struct Magic {
  size_t offset;
  std::string_view bytes;
  const char* what;
};

constexpr std::array kMagic = {
    Magic{0, "\x89PNG"sv, "a PNG picture"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG picture"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "\x89HDF\r\n"sv, "an HDF5 file (Keras)"},
    Magic{4, "TFL3"sv, "a TensorFlow Lite file"},
    Magic{0, "\x1f\x8b"sv, "a gzip archive"},
    Magic{0, "PK\x03\x04"sv, "a zip archive"},
    Magic{0, "PK\x05\x06"sv, "an empty zip archive"},
    Magic{0,
          "\x7f"
          "ELF"sv,
          "a program"},
};

template <typename T>
T number_at(std::string_view bytes, size_t at) {
  T value{};
  if (at <= bytes.size() && sizeof(T) <= bytes.size() - at) {
    std::memcpy(&value, bytes.data() + at, sizeof(T));
  }
  return value;
}

// The names in the directory at a zip archive's end; none where it is broken.
std::vector<std::string_view> zip_names(std::string_view bytes) {
  constexpr size_t kEnd = 22, kEntry = 46;
  std::vector<std::string_view> names;
  const size_t tail = bytes.size() - std::min<size_t>(bytes.size(), kEnd + 65535);
  const size_t found = bytes.substr(tail).rfind("PK\x05\x06"sv);
  if (found == std::string_view::npos) return names;
  const size_t end = tail + found;
  if (bytes.size() - end < kEnd) return names;
  const size_t directory_bytes = number_at<uint32_t>(bytes, end + 12);
  size_t at = number_at<uint32_t>(bytes, end + 16);
  if (at > end || directory_bytes > end - at) return names;
  while (at < end && end - at >= kEntry && bytes.substr(at, 4) == "PK\x01\x02"sv) {
    const size_t name = number_at<uint16_t>(bytes, at + 28);
    if (name > end - at - kEntry) break;
    names.push_back(bytes.substr(at + kEntry, name));
    const size_t more = number_at<uint16_t>(bytes, at + 30) + number_at<uint16_t>(bytes, at + 32);
    at += kEntry + name + std::min(more, end - at - kEntry - name);
  }
  return names;
}

// Archives of PyTorch hold everything in one folder, whose name does not matter.
FileContent zip_content(std::string_view bytes) {
  bool code = false, pickle = false, exported = false;
  for (const std::string_view full : zip_names(bytes)) {
    const std::string_view name = full.substr(full.find('/') + 1);
    code = code || name.starts_with("code/") || name == "constants.pkl";
    pickle = pickle || name == "data.pkl";
    exported =
        exported || full.ends_with("serialized_exported_program.json") ||
        ((name.starts_with("models/") || full.starts_with("models/")) && full.ends_with(".json"));
  }
  if (exported) return {FileKind::kPt2, "a .pt2 archive (torch.export)"};
  if (code) return {FileKind::kTorchScript, "a TorchScript archive"};
  if (pickle) return {FileKind::kCheckpoint, "a PyTorch checkpoint (torch.save)"};
  return {FileKind::kOther, "a zip archive"};
}

// The length of a JSON header, then the header.
bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 8 && bytes[8] == '{' && number_at<uint64_t>(bytes, 0) < (1U << 30);
}

FileContent safetensors_content(std::string_view bytes) {
  const std::string_view header = bytes.substr(8, number_at<uint64_t>(bytes, 0));
  const bool graph = header.find("\"rung.graph\"") != std::string_view::npos;
  if (graph) return {FileKind::kRung, "a .rung file"};
  return {FileKind::kSafetensors, "a safetensors file: weights without a graph"};
}

// A ModelProto begins with its ir_version (field 1, a small number), then another of its fields.
bool looks_like_onnx(std::string_view bytes) {
  if (bytes.size() < 4 || bytes[0] != 0x08 || bytes[1] < 1 || bytes[1] > 30) return false;
  const auto tag = static_cast<uint8_t>(bytes[2]);
  const unsigned field = tag >> 3, wire = tag & 7;
  return (wire == 2 || (wire == 0 && field == 5)) && field >= 2 && field <= 8;
}

// Pickles of old versions of PyTorch: protocol 2 and up, and a number that only they begin with.
bool is_old_checkpoint(std::string_view bytes) {
  return bytes.size() > 14 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5 &&
         bytes.substr(0, 16).find("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv) !=
             std::string_view::npos;
}

bool is_text(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\n' || c == '\t' || c == '\r';
  });
}

FileContent by_bytes(std::string_view bytes) {
  if (bytes.empty()) return {FileKind::kOther, "empty"};
  if (bytes.starts_with("PK\x03\x04"sv)) return zip_content(bytes);
  if (is_safetensors(bytes)) return safetensors_content(bytes);
  if (is_old_checkpoint(bytes)) return {FileKind::kCheckpoint, "an old PyTorch checkpoint"};
  for (const Magic& magic : kMagic) {
    if (bytes.size() >= magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return {FileKind::kOther, magic.what};
    }
  }
  if (looks_like_onnx(bytes)) return {FileKind::kOnnx, "an ONNX file"};
  if (is_text(bytes)) return {FileKind::kOther, "a text file"};
  return {};
}

}  // namespace

FileContent file_content(const std::filesystem::path& path) {
  const auto mapped = map_file(path);
  FileContent content = by_bytes({reinterpret_cast<const char*>(mapped->data()), mapped->bytes()});
  if (content.what.empty()) {
    const auto ending = path.extension();
    if (ending == ".rung") content = {FileKind::kRung, "a .rung file"};
    if (ending == ".safetensors") content = {FileKind::kSafetensors, "a safetensors file"};
    if (ending == ".onnx") content = {FileKind::kOnnx, "an ONNX file"};
  }
  if (content.what.empty()) content.what = "of a kind that rung does not know";
  return content;
}

}  // namespace rung
