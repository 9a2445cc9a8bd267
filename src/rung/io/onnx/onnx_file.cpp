#include "rung/io/onnx/onnx_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"
#include "rung/io/onnx/cut_weights.h"

namespace rung {

/// The graph's initializers: where the large ones lie in the file, and what was read.
class OnnxWeights {
 public:
  struct Weight {
    WeightPlace place;
    Tensor tensor;
  };

  OnnxWeights(const std::filesystem::path& path, const onnx::GraphProto& graph,
              const std::vector<WeightPlace>& places)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (file_ < 0) fail_user("cannot read {}: {}", path.string(), std::strerror(errno));
    for (int i = 0; i < graph.initializer_size(); ++i) {
      by_proto_[&graph.initializer(i)].place = places.at(static_cast<size_t>(i));
    }
  }
  ~OnnxWeights() { ::close(file_); }
  OnnxWeights(const OnnxWeights&) = delete;
  OnnxWeights& operator=(const OnnxWeights&) = delete;

  /// Null for a tensor that is no initializer of the graph.
  Weight* find(const onnx::TensorProto& proto) {
    const auto found = by_proto_.find(&proto);
    return found == by_proto_.end() ? nullptr : &found->second;
  }

  /// Reads rather than maps: the numbers lie at any byte, and must be copied to where floats may.
  std::shared_ptr<Storage> read(const WeightPlace& place) const {
    auto out = allocate(place.bytes);
    for (size_t done = 0; done < place.bytes;) {
      const auto count = ::pread(file_, out->data() + done, place.bytes - done,
                                 static_cast<off_t>(place.offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_user("cannot read {}: {}", path_.string(), std::strerror(errno));
      if (count == 0) fail_user("cannot read {}: somebody cut it short", path_.string());
      done += static_cast<size_t>(count);
    }
    return out;
  }

 private:
  std::filesystem::path path_;
  int file_;
  std::unordered_map<const onnx::TensorProto*, Weight> by_proto_;
};

namespace {

namespace fs = std::filesystem;
using onnx::TensorProto;

/// Bytes inside a parsed message, which it keeps alive.
class ProtoBytes : public Storage {
 public:
  ProtoBytes(std::shared_ptr<onnx::ModelProto> owner, const std::string& bytes)
      : owner_(std::move(owner)), bytes_(const_cast<std::string*>(&bytes)) {}
  std::byte* data() override { return reinterpret_cast<std::byte*>(bytes_->data()); }
  size_t bytes() const override { return bytes_->size(); }

 private:
  std::shared_ptr<onnx::ModelProto> owner_;
  std::string* bytes_;
};

/// The number that was meant: 1e-5, and not what is left of it in 32 bits.
double shortest(float value) {
  if (!std::isfinite(value)) return value;
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double out = value;
  std::from_chars(text, end, out);
  return out;
}

std::vector<double> shortest(const google::protobuf::RepeatedField<float>& values) {
  std::vector<double> out;
  for (const float value : values) out.push_back(shortest(value));
  return out;
}

std::string type_name(int32_t type) {
  return TensorProto::DataType_IsValid(type)
             ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type))
             : fmt::format("number {}", type);
}

Shape shape_of(const TensorProto& proto) {
  Shape shape;
  for (const int64_t size : proto.dims()) {
    if (size < 0) fail_user("tensor {}: a size of {}", quoted(proto.name()), size);
    shape.push_back(size);
  }
  return shape;
}

int64_t elements_of(const TensorProto& proto, const Shape& shape) {
  try {
    return element_count(shape);
  } catch (const Error& error) {
    fail_user("tensor {}: {}", quoted(proto.name()), error.what());
  }
}

/// Fills a tensor from a list of numbers of the message.
template <typename List>
void fill(Tensor& out, const List& list, const TensorProto& proto) {
  if (list.size() != out.elements()) {
    fail_user("tensor {} has {} numbers, and its shape {} needs {}", quoted(proto.name()),
              list.size(), to_string(out.shape()), out.elements());
  }
  for (int i = 0; i < list.size(); ++i) {
    const auto place = static_cast<size_t>(i);
    if (!is_floating(out.dtype())) {
      out.set_integer(i, static_cast<int64_t>(list[i]));
    } else if (is_float8(out.dtype())) {  // stored as bits, as those of 16 are
      out.as<uint8_t>()[place] = static_cast<uint8_t>(list[i]);
    } else if (size_of(out.dtype()) == 2) {
      out.as<uint16_t>()[place] = static_cast<uint16_t>(list[i]);
    } else {
      out.set(i, static_cast<double>(list[i]));
    }
  }
}

void fill_from_lists(Tensor& out, const TensorProto& proto) {
  switch (out.dtype()) {
    case DType::kF32:
      return fill(out, proto.float_data(), proto);
    case DType::kF64:
      return fill(out, proto.double_data(), proto);
    case DType::kI64:
      return fill(out, proto.int64_data(), proto);
    case DType::kU32:
    case DType::kU64:
      return fill(out, proto.uint64_data(), proto);
    default:
      return fill(out, proto.int32_data(), proto);
  }
}

int64_t whole_number(const std::string& text, const TensorProto& proto) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    fail_user("tensor {}: {} is no place in a file", quoted(proto.name()), quoted(text));
  }
  return value;
}

/// The bytes of a tensor that lie in a file beside the model.
std::shared_ptr<Storage> external(const TensorProto& proto, const fs::path& folder, int64_t bytes) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = whole_number(entry.value(), proto);
    if (entry.key() == "length") length = whole_number(entry.value(), proto);
  }
  const auto refuse = [&](const std::string& why) {
    fail_user("tensor {}: its external data {} {}", quoted(proto.name()), quoted(location), why);
  };
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute()) refuse("is no path within the model's folder");
  std::error_code error;
  const fs::path base = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, error);
  const fs::path path = fs::weakly_canonical(base / relative, error);
  const auto inside = path.lexically_relative(base);
  if (error || inside.empty() || *inside.begin() == "..")
    refuse("lies outside of the model's folder");
  if (length >= 0 && length != bytes) {
    refuse(fmt::format("is {} bytes long, and {} are needed", length, bytes));
  }
  if (!fs::is_regular_file(path, error)) refuse("is no file, or cannot be read");
  auto whole = map_file(path);
  const auto size = static_cast<int64_t>(whole->bytes());
  if (offset > size || bytes > size - offset) {
    refuse(fmt::format("ends at byte {}, and bytes {} to {} are needed", size, offset,
                       offset + bytes));
  }
  auto part = slice_storage(whole, static_cast<size_t>(offset), static_cast<size_t>(bytes));
  if (offset % 8 == 0) return part;
  auto copy = allocate(static_cast<size_t>(bytes));  // numbers must lie at multiples of their size
  std::memcpy(copy->data(), part->data(), static_cast<size_t>(bytes));
  return copy;
}

void check_bytes(const TensorProto& proto, size_t have, DType dtype, const Shape& shape) {
  const int64_t need = element_count(shape) * size_of(dtype);
  if (static_cast<int64_t>(have) == need) return;
  fail_user("tensor {} has {} bytes, and {}{} needs {}", quoted(proto.name()), have, name(dtype),
            to_string(shape), need);
}

/// Whether numbers in this field of a TensorProto lie there as they do in memory.
bool fits(int32_t field, DType dtype) {
  return field == TensorProto::kRawDataFieldNumber ||
         (field == TensorProto::kFloatDataFieldNumber && dtype == DType::kF32) ||
         (field == TensorProto::kDoubleDataFieldNumber && dtype == DType::kF64);
}

Tensor read_tensor(const OnnxFile& file, const TensorProto& proto, const WeightPlace& place) {
  const auto dtype = ops::dtype_from_onnx(proto.data_type());
  if (!dtype) {
    fail_unsupported("tensor {} is of type {}, which rung lacks", quoted(proto.name()),
                     type_name(proto.data_type()));
  }
  const Shape shape = shape_of(proto);
  const int64_t elements = elements_of(proto, shape);
  const int64_t bytes = elements * size_of(*dtype);
  if (proto.has_segment()) fail_unsupported("tensor {} is in segments", quoted(proto.name()));
  if (proto.data_location() == TensorProto::EXTERNAL) {
    return Tensor(*dtype, shape, external(proto, file.folder, bytes));
  }
  if (place.bytes > 0) {
    if (!fits(place.field, *dtype)) {
      fail_user("tensor {} is {}, and holds numbers of another type", quoted(proto.name()),
                name(*dtype));
    }
    check_bytes(proto, place.bytes, *dtype, shape);
    return Tensor(*dtype, shape, file.weights->read(place));
  }
  if (proto.has_raw_data()) {
    check_bytes(proto, proto.raw_data().size(), *dtype, shape);
    const bool aligned = reinterpret_cast<uintptr_t>(proto.raw_data().data()) %
                             static_cast<uintptr_t>(size_of(*dtype)) ==
                         0;
    if (aligned && bytes >= 64) {
      return Tensor(*dtype, shape, std::make_shared<ProtoBytes>(file.proto, proto.raw_data()));
    }
    Tensor out(*dtype, shape);
    if (bytes > 0) std::memcpy(out.data(), proto.raw_data().data(), static_cast<size_t>(bytes));
    return out;
  }
  // Sizes that no list in the file can fill are not allocated.
  const int64_t listed = proto.float_data_size() + proto.int32_data_size() +
                         proto.int64_data_size() + proto.double_data_size() +
                         proto.uint64_data_size();
  if (listed != elements) {
    fail_user("tensor {} has {} numbers, and its shape {} needs {}", quoted(proto.name()), listed,
              to_string(shape), elements);
  }
  Tensor out(*dtype, shape);
  fill_from_lists(out, proto);
  return out;
}

}  // namespace

Tensor OnnxFile::tensor(const TensorProto& proto) const {
  auto* weight = weights == nullptr ? nullptr : weights->find(proto);
  if (weight == nullptr) return read_tensor(*this, proto, {});
  if (!weight->tensor.defined()) weight->tensor = read_tensor(*this, proto, weight->place);
  return weight->tensor;
}

bool OnnxFile::is_cut(const TensorProto& proto) const {
  const auto* weight = weights == nullptr ? nullptr : weights->find(proto);
  return weight != nullptr && weight->place.bytes > 0;
}

ops::OnnxAttributes OnnxFile::attributes(const onnx::NodeProto& node) const {
  using onnx::AttributeProto;
  ops::OnnxAttributes out;
  for (const auto& a : node.attribute()) {
    switch (a.type()) {
      case AttributeProto::INT:
        out[a.name()] = static_cast<int64_t>(a.i());
        break;
      case AttributeProto::FLOAT:
        out[a.name()] = shortest(a.f());
        break;
      case AttributeProto::STRING:
        out[a.name()] = a.s();
        break;
      case AttributeProto::INTS:
        out[a.name()] = ops::Sizes(a.ints().begin(), a.ints().end());
        break;
      case AttributeProto::FLOATS:
        out[a.name()] = shortest(a.floats());
        break;
      case AttributeProto::STRINGS:
        out[a.name()] = std::vector<std::string>(a.strings().begin(), a.strings().end());
        break;
      case AttributeProto::TENSOR:
        out[a.name()] = tensor(a.t());
        break;
      default:
        break;  // graphs and types: for those who ask
    }
  }
  return out;
}

OnnxFile read_onnx(const fs::path& path) {
  const auto bytes = map_file(path);
  const auto cut = cut_weights({reinterpret_cast<const char*>(bytes->data()), bytes->bytes()});
  OnnxFile out{std::make_shared<onnx::ModelProto>(), path.parent_path(), nullptr};
  if (!cut || !out.proto->ParseFromString(cut->rest) || !out.proto->has_graph()) {
    fail_user("{} is no ONNX model, or is cut short", path.string());
  }
  out.weights = std::make_shared<OnnxWeights>(path, out.proto->graph(), cut->places);
  return out;
}

}  // namespace rung
