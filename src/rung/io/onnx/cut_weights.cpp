#include "rung/io/onnx/cut_weights.h"

#include <onnx/onnx_pb.h>

namespace rung {
namespace {

constexpr size_t kSmallest = 1024;  // bytes; smaller numbers are parsed with the rest

/// One field of a message on the wire.
struct Field {
  int32_t number = 0;
  bool is_bytes = false;     ///< bytes, text, a message, or a packed list
  std::string_view whole;    ///< with its tag
  std::string_view content;  ///< of bytes
};

/// The fields of a message. Ends early, and is broken, where the bytes are no message.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}
  bool broken() const { return broken_; }

  bool next(Field& field) {
    if (rest_.empty() || broken_) return false;
    const std::string_view start = rest_;
    const uint64_t tag = varint();
    field.number = static_cast<int32_t>(tag >> 3);
    field.is_bytes = false;
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.is_bytes = true;
        field.content = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:  // groups: ONNX has none
        broken_ = true;
    }
    field.whole = start.substr(0, start.size() - rest_.size());
    return !broken_;
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }
  std::string_view take(uint64_t bytes) {
    if (bytes > rest_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }

  std::string_view rest_;
  bool broken_ = false;
};

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void append_message(std::string& out, int32_t number, std::string_view content) {
  append_varint(out, static_cast<uint64_t>(number) << 3 | 2);
  append_varint(out, content.size());
  out += content;
}

class Cutter {
 public:
  explicit Cutter(std::string_view file) : file_(file) {}

  std::optional<CutModel> run() {
    Fields fields(file_);
    for (Field field; fields.next(field);) {
      const bool graph = field.is_bytes && field.number == onnx::ModelProto::kGraphFieldNumber;
      if (!graph) {
        out_.rest += field.whole;
      } else if (!cut_graph(field.content)) {
        return std::nullopt;
      }
    }
    if (fields.broken()) return std::nullopt;
    return std::move(out_);
  }

 private:
  bool cut_graph(std::string_view graph) {
    std::string rest;
    Fields fields(graph);
    for (Field field; fields.next(field);) {
      if (!field.is_bytes || field.number != onnx::GraphProto::kInitializerFieldNumber) {
        rest += field.whole;
        continue;
      }
      out_.places.emplace_back();
      if (field.content.size() < kSmallest) {
        rest += field.whole;
      } else if (!cut_tensor(field.content, rest)) {
        return false;
      }
    }
    append_message(out_.rest, onnx::ModelProto::kGraphFieldNumber, rest);
    return !fields.broken();
  }

  bool cut_tensor(std::string_view tensor, std::string& graph) {
    using onnx::TensorProto;
    std::string rest;
    WeightPlace place;
    int pieces = 0;
    Fields fields(tensor);
    for (Field field; fields.next(field);) {
      const bool numbers = field.is_bytes && (field.number == TensorProto::kRawDataFieldNumber ||
                                              field.number == TensorProto::kFloatDataFieldNumber ||
                                              field.number == TensorProto::kDoubleDataFieldNumber);
      pieces += numbers ? 1 : 0;
      if (numbers && field.content.size() >= kSmallest) {
        place = {static_cast<size_t>(field.content.data() - file_.data()), field.content.size(),
                 field.number};
      } else {
        rest += field.whole;
      }
    }
    const bool whole = pieces != 1 || place.bytes == 0;  // several lists are joined by protobuf
    if (!whole) out_.places.back() = place;
    append_message(graph, onnx::GraphProto::kInitializerFieldNumber,
                   whole ? tensor : std::string_view(rest));
    return !fields.broken();
  }

  std::string_view file_;
  CutModel out_;
};

}  // namespace

std::optional<CutModel> cut_weights(std::string_view file) { return Cutter(file).run(); }

}  // namespace rung
