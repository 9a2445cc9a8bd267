#include "rung/io/pytorch/tensors.h"

#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"

namespace rung {
namespace {

using Object = PickleObject;
using Kind = PickleObject::Kind;

struct StorageType {
  std::string_view name;
  std::optional<DType> dtype;  ///< none: rung lacks it
  size_t bytes;
};
constexpr StorageType kTypes[] = {{"torch.FloatStorage", DType::kF32, 4},
                                  {"torch.DoubleStorage", DType::kF64, 8},
                                  {"torch.HalfStorage", DType::kF16, 2},
                                  {"torch.BFloat16Storage", DType::kBF16, 2},
                                  {"torch.CharStorage", DType::kI8, 1},
                                  {"torch.ByteStorage", DType::kU8, 1},
                                  {"torch.ShortStorage", DType::kI16, 2},
                                  {"torch.IntStorage", DType::kI32, 4},
                                  {"torch.LongStorage", DType::kI64, 8},
                                  {"torch.BoolStorage", DType::kBool, 1},
                                  {"torch.ComplexFloatStorage", std::nullopt, 8},
                                  {"torch.ComplexDoubleStorage", std::nullopt, 16},
                                  {"torch.storage.UntypedStorage", std::nullopt, 1}};

const StorageType& type_of(const Object& storage) {
  for (const StorageType& type : kTypes) {
    if (type.name == storage.items.at(0)->text) return type;
  }
  fail_bug("no storage type {}", quoted(storage.items[0]->text));
}

/// Types that PyTorch has no storages for, by its names; the one table, read both ways.
constexpr std::pair<DType, std::string_view> kUntyped[] = {
    {DType::kU16, "torch.uint16"},
    {DType::kU32, "torch.uint32"},
    {DType::kU64, "torch.uint64"},
    {DType::kF8E4M3, "torch.float8_e4m3fn"},
    {DType::kF8E4M3Fnuz, "torch.float8_e4m3fnuz"},
    {DType::kF8E5M2, "torch.float8_e5m2"},
    {DType::kF8E5M2Fnuz, "torch.float8_e5m2fnuz"}};

std::optional<DType> dtype_without_storage(std::string_view name) {
  for (const auto& [dtype, theirs] : kUntyped) {
    if (theirs == name) return dtype;
  }
  return std::nullopt;
}

/// Of the elements; an untyped storage is of bytes, and the tensor says what they are.
DType dtype_of(const Object& tensor, const std::string& what) {
  const StorageType& type = type_of(*tensor.items.at(0));
  if (type.dtype) return *type.dtype;
  const std::string_view name =
      tensor.items.size() == 8 ? std::string_view(tensor.items[7]->text) : type.name;
  const auto dtype = dtype_without_storage(name);
  if (!dtype) fail_unsupported("{} has elements of {}, which rung lacks", what, name);
  return *dtype;
}

// Sizes or strides: whole numbers of 0 or more.
std::vector<int64_t> numbers(const Object& tuple, const std::string& what) {
  std::vector<int64_t> out;
  if (tuple.kind != Kind::kTuple) fail_user("{} has {} as sizes", what, name(tuple.kind));
  for (const Object* item : tuple.items) {
    if (item->kind != Kind::kInt || item->whole < 0 || !item->text.empty()) {
      fail_user("{} has sizes or strides that are no whole numbers of 0 or more", what);
    }
    out.push_back(item->whole);
  }
  return out;
}

/// A tensor of the pickle, checked: every element lies inside its storage.
struct Layout {
  DType dtype;
  Shape shape;
  std::vector<int64_t> strides;  ///< in elements
  int64_t offset, elements;
  bool dense;  ///< row-major, without gaps
};

bool is_dense(const Shape& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

Layout read_layout(const Object& tensor, const std::string& what) {
  const Object& storage = *tensor.items.at(0);
  const DType dtype = dtype_of(tensor, what);
  const bool marked = tensor.items.size() >= 7 && tensor.items[6]->kind != Kind::kNone;
  if (marked) fail_unsupported("{} is a view that negates or conjugates its memory", what);
  const Object& offset = *tensor.items.at(1);
  if (offset.kind != Kind::kInt || offset.whole < 0 || !offset.text.empty())
    fail_user("{} has a broken offset", what);

  Layout layout{.dtype = dtype,
                .shape = numbers(*tensor.items.at(2), what),
                .strides = numbers(*tensor.items.at(3), what),
                .offset = offset.whole,
                .elements = 0,
                .dense = false};
  if (layout.strides.size() != layout.shape.size()) {
    fail_user("{} has {} sizes and {} strides", what, layout.shape.size(), layout.strides.size());
  }
  try {
    layout.elements = element_count(layout.shape);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", what, error.what()));
  }
  layout.dense = layout.elements == 0 || is_dense(layout.shape, layout.strides);
  if (layout.elements == 0) {
    layout.offset = 0;
    return layout;
  }
  // The last element, counted without overflow: no term may pass what is left.
  const int64_t per_element = size_of(dtype) / static_cast<int64_t>(type_of(storage).bytes);
  const int64_t held = storage.whole / per_element;
  int64_t left = held - 1;
  const auto spend = [&](int64_t steps, int64_t stride) {
    if (stride != 0 && steps > left / stride) left = -1;
    if (left >= 0) left -= steps * stride;
  };
  spend(1, layout.offset);
  for (size_t axis = 0; axis < layout.shape.size() && left >= 0; ++axis) {
    spend(layout.shape[axis] - 1, layout.strides[axis]);
  }
  if (left < 0) {
    fail_user("{} reaches outside of its memory: offset {}, sizes {}, strides {}, {} elements",
              what, layout.offset, to_string(layout.shape), to_string(layout.strides), held);
  }
  if (layout.elements > held) {
    fail_unsupported("{} is expanded: {} repeats the {} elements of its memory", what,
                     to_string(layout.shape), held);
  }
  return layout;
}

Tensor gather(const Layout& layout, const std::byte* memory) {
  Tensor out(layout.dtype, layout.shape);
  const auto item = static_cast<size_t>(size_of(layout.dtype));
  std::vector<int64_t> index(layout.shape.size(), 0);
  int64_t at = layout.offset;
  for (std::byte* to = out.data(); to != out.data() + out.bytes(); to += item) {
    std::memcpy(to, memory + static_cast<size_t>(at) * item, item);
    for (size_t axis = index.size(); axis-- > 0;) {
      at += layout.strides[axis];
      if (++index[axis] < layout.shape[axis]) break;
      at -= layout.strides[axis] * layout.shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

size_t element_bytes(const Object& storage) { return type_of(storage).bytes; }

std::string_view name_without_storage(DType dtype) {
  for (const auto& [ours, name] : kUntyped) {
    if (ours == dtype) return name;
  }
  return {};
}

Weights read_tensors(const Object& dict, const StorageSource& source, int64_t most_copied,
                     const std::string& file) {
  Weights out;
  int64_t copied = 0;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    const Object& value = *dict.items[i + 1];
    if (value.kind != Kind::kTensor) continue;
    const Object& key = *dict.items[i];
    if (key.kind != Kind::kText) {
      fail_user("{} has a tensor under {}, where its name belongs", file, name(key.kind));
    }
    const std::string what = fmt::format("tensor {} of {}", quoted(key.text), file);
    const Layout layout = read_layout(value, what);
    const Object& storage = *value.items[0];
    const auto item = static_cast<size_t>(size_of(layout.dtype));
    if (storage.whole > INT64_MAX / 16) fail_user("{} has absurdly large memory", what);
    const auto memory =
        source(storage.text, static_cast<size_t>(storage.whole) * element_bytes(storage));
    Tensor tensor;
    if (layout.dense) {
      tensor = Tensor(layout.dtype, layout.shape,
                      slice_storage(memory, static_cast<size_t>(layout.offset) * item,
                                    static_cast<size_t>(layout.elements) * item));
    } else {
      copied += layout.elements * static_cast<int64_t>(item);
      if (copied > most_copied) {
        fail_user("{}: with the tensors before it, copies would take {}, much more than the file",
                  what, bytes_text(copied));
      }
      tensor = gather(layout, memory->data());
    }
    if (!out.emplace(key.text, std::move(tensor)).second) {
      fail_user("{} stands twice in its dict", what);
    }
  }
  return out;
}

}  // namespace rung
