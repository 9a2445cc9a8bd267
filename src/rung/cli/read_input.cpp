#include "rung/cli/read_input.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/rng.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/pictures.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/safetensors.h"
#include "rung/join/pointwise.h"

namespace rung::cli {
namespace {

constexpr std::string_view kTensors = ".safetensors";

/// The input that is read, for messages.
struct Wanted {
  const std::string& name;
  const TensorType& type;
};

enum class Fill { kNormal, kZeros, kOnes };

std::optional<Fill> fill_from_name(std::string_view name) {
  if (name == "randn") return Fill::kNormal;
  if (name == "zeros") return Fill::kZeros;
  if (name == "ones") return Fill::kOnes;
  return std::nullopt;
}

// "1,64,32,32", as the user would write it.
std::string shape_text(const TensorType& type) {
  std::vector<std::string> sizes;
  for (const int64_t size : type.shape) sizes.push_back(std::to_string(size));
  return join(sizes, ",");
}

Shape parse_shape(const std::string& text, const std::string& whole, const Wanted& wanted) {
  const auto shape = parse_sizes(text);
  if (!shape) {
    fail_user("--input {}={}: a shape is written as sizes of 1 or more, such as {}:{}", wanted.name,
              whole, whole.substr(0, whole.find(':')), shape_text(wanted.type));
  }
  element_count(*shape);
  return *shape;
}

Tensor filled(Fill fill, const Shape& shape, const Wanted& wanted, uint64_t seed) {
  Tensor tensor(wanted.type.dtype, shape);
  if (fill == Fill::kZeros) return tensor;
  if (fill == Fill::kNormal && !is_floating(wanted.type.dtype)) {
    fail_user("input {} takes {}, which randn does not draw; give a file, zeros or ones",
              quoted(wanted.name), to_string(wanted.type));
  }
  Rng rng(seed, wanted.name);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.set(i, fill == Fill::kNormal ? rng.normal() : 1);
  }
  return tensor;
}

Tensor read_image(const std::string& path, const Wanted& wanted) {
  const bool last = is_channels_last(wanted.type);
  const int64_t channels = wanted.type.is_map() || last ? rung::channels(wanted.type) : 0;
  if (wanted.type.rank() != 4 || (channels != 1 && channels != 3)) {
    fail_user("input {} takes {}, and a picture has one or three channels: {}", quoted(wanted.name),
              to_string(wanted.type), path);
  }
  const Tensor picture = load_image(path, {.channels = static_cast<int>(channels)});
  Shape shape = picture.shape();
  shape.insert(shape.begin(), 1);
  Tensor out(DType::kF32, shape);
  const auto from = picture.as<uint8_t>();
  const auto to = out.as<float>();
  std::transform(from.begin(), from.end(), to.begin(),
                 [](uint8_t value) { return static_cast<float>(value) / 255; });
  return last ? with_channels_last(out) : out;
}

// "x.safetensors:NAME" -> the file and NAME; no name where the whole text is a file.
std::pair<std::string, std::optional<std::string>> split_key(const std::string& text) {
  const auto dot = text.rfind(std::string(kTensors) + ":");
  if (dot == std::string::npos || path_exists(text)) return {text, std::nullopt};
  const size_t end = dot + kTensors.size();
  return {text.substr(0, end), text.substr(end + 1)};
}

Tensor read_named_tensor(const std::string& text, const Wanted& wanted) {
  const auto [path, key] = split_key(text);
  const Weights tensors = load_safetensors(path).tensors;
  if (const auto found = tensors.find(key.value_or(wanted.name)); found != tensors.end()) {
    return found->second;
  }
  if (!key && tensors.size() == 1) return tensors.begin()->second;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(quoted(name));
  if (names.size() > 10) {
    names.resize(10);
    names.emplace_back("…");
  }
  fail_user("{} has no tensor {} for the input; it has {}\n  {}:NAME takes another one", path,
            quoted(key.value_or(wanted.name)), join(names, ", "), path);
}

Tensor read_file_of(const std::string& text, const Wanted& wanted) {
  const std::string path = split_key(text).first;
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".npy") return load_npy(path);
  if (extension == kTensors) return read_named_tensor(text, wanted);
  if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") {
    return read_image(path, wanted);
  }
  fail_user(
      "--input {}={}: not an input that rung knows\n"
      "  files   .npy, .safetensors, .png, .jpg\n"
      "  made    randn:{}, zeros:…, ones:…",
      wanted.name, text, shape_text(wanted.type));
}

// NumPy's floats are f64 and its whole numbers may be small, where networks want f32 and i64 (which
// does not hold all of u64).
Tensor converted(const Tensor& tensor, const Wanted& wanted) {
  const DType from = tensor.dtype(), to = wanted.type.dtype;
  const bool floating = is_floating(from) && is_floating(to);
  const bool whole = !is_floating(from) && from != DType::kBool && from != DType::kU64;
  if (from == to || (!floating && !(whole && to == DType::kI64))) return tensor;
  Tensor out(to, tensor.shape());
  for (int64_t i = 0; i < out.elements(); ++i) out.set(i, tensor.at(i));
  return out;
}

}  // namespace

Tensor read_input(const std::string& text, const std::string& name, const TensorType& declared,
                  uint64_t seed) {
  const Wanted wanted{name, declared};
  const auto colon = text.find(':');
  if (const auto fill = fill_from_name(text.substr(0, colon))) {
    const Shape shape = colon == std::string::npos
                            ? declared.shape
                            : parse_shape(text.substr(colon + 1), text, wanted);
    return filled(*fill, shape, wanted, seed);
  }
  return converted(read_file_of(text, wanted), wanted);
}

}  // namespace rung::cli
