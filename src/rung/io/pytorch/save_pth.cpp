#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/pytorch/pth.h"
#include "rung/io/pytorch/tensors.h"
#include "rung/io/pytorch/zip_writer.h"

namespace rung {
namespace {

constexpr std::string_view kRoot = "archive/";
constexpr std::string_view kVersion = "3\n";  // of the archive; every PyTorch since 1.6 reads it

std::string_view storage_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF64:
      return "DoubleStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kI16:
      return "ShortStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI64:
      return "LongStorage";
    case DType::kBool:
      return "BoolStorage";
    default:
      return {};  // PyTorch has none either
  }
}

/// Protocol 2, without notes of what was written before: longer by a few bytes, and simple.
class Pickler {
 public:
  void raw(std::string_view bytes) { out_ += bytes; }
  void global(std::string_view module, std::string_view name) {
    out_ += fmt::format("c{}\n{}\n", module, name);
  }
  void text(std::string_view text) {
    out_ += 'X';
    number(static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  void whole(int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX) {
      out_ += 'J';
      number(static_cast<int32_t>(value));
    } else {
      out_ += "\x8a\x08";
      number(value);
    }
  }
  void tuple(const std::vector<int64_t>& values) {
    out_ += '(';
    for (const int64_t value : values) whole(value);
    out_ += 't';
  }
  std::string take() { return std::move(out_); }

 private:
  template <typename T>
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string out_;
};

void ordered_dict(Pickler& out) {
  out.global("collections", "OrderedDict");
  out.raw(")R");
}

std::vector<int64_t> row_major(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * std::max<int64_t>(shape[axis], 1);
  }
  return strides;
}

// _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks), or _v3 with the type
// behind these where the storage is of bytes.
void add_tensor(Pickler& out, const Tensor& tensor, const std::string& key) {
  const std::string_view storage = storage_type(tensor.dtype());
  const bool typed = !storage.empty();
  out.global("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  out.raw("((");
  out.text("storage");
  out.global(typed ? "torch" : "torch.storage", typed ? storage : "UntypedStorage");
  out.text(key);
  out.text("cpu");
  out.whole(typed ? tensor.elements() : tensor.bytes());
  out.raw("tQ");
  out.whole(0);
  out.tuple(tensor.shape());
  out.tuple(row_major(tensor.shape()));
  out.raw("\x89");
  ordered_dict(out);
  if (!typed) {
    const std::string_view dtype = name_without_storage(tensor.dtype());
    out.global("torch", dtype.substr(dtype.find('.') + 1));
  }
  out.raw("tR");
}

void check_name(const std::string& name, const std::filesystem::path& path) {
  try {
    (void)nlohmann::json(name).dump();
  } catch (const nlohmann::json::exception&) {
    fail_user("cannot write {}: the name {} is not UTF-8", path.string(), quoted(name));
  }
}

std::string_view content(const Tensor& tensor) {
  if (tensor.bytes() == 0) return {};
  return {reinterpret_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.bytes())};
}

}  // namespace

void save_pth(const std::filesystem::path& path, const Weights& tensors) {
  Pickler pickle;
  pickle.raw("\x80\x02");
  ordered_dict(pickle);
  pickle.raw("(");
  size_t key = 0;
  for (const auto& [name, tensor] : tensors) {
    check_name(name, path);
    pickle.text(name);
    add_tensor(pickle, tensor, std::to_string(key++));
  }
  pickle.raw("u.");
  write_file(path, [&](const FileSink& sink) {
    ZipWriter zip(sink);
    const std::string root(kRoot);
    zip.add(root + "data.pkl", pickle.take());
    key = 0;
    for (const auto& [name, tensor] : tensors) {
      zip.add(root + "data/" + std::to_string(key++), content(tensor));
    }
    zip.add(root + "version", kVersion);
    zip.finish();
  });
}

}  // namespace rung
