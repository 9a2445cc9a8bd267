#include "rung/io/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "rung/io/mapped_file.h"
#include "rung/io/pytorch/zip.h"

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

// Archives of PyTorch hold everything in one folder, whose name does not matter.
FileContent zip_content(const std::shared_ptr<Storage>& file, const std::string& name) {
  const ZipArchive archive(file, name);
  const auto holds = [&](const char* suffix) { return !archive.find_suffix(suffix).empty(); };
  if (holds("serialized_exported_program.json") || holds("models/model.json")) {
    return {FileKind::kPt2, "a .pt2 archive (torch.export)"};
  }
  if (holds("constants.pkl")) return {FileKind::kTorchScript, "a TorchScript archive"};
  if (holds("data.pkl")) return {FileKind::kCheckpoint, "a PyTorch checkpoint (torch.save)"};
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

// What PyTorch wrote before 1.6, protocol 2 and up.
bool is_pickle(std::string_view bytes) {
  return bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
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
  if (is_safetensors(bytes)) return safetensors_content(bytes);
  if (is_pickle(bytes)) return {FileKind::kCheckpoint, "a pickle, as of old PyTorch checkpoints"};
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
  const std::string_view bytes(reinterpret_cast<const char*>(mapped->data()), mapped->bytes());
  if (bytes.starts_with("PK\x03\x04"sv)) return zip_content(mapped, path.string());
  FileContent content = by_bytes(bytes);
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
