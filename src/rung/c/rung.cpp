#include "rung/c/rung.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/onednn/program.h"
#include "rung/io/model_file.h"

struct rung_model {
  rung::Model model;
};

struct rung_program {
  rung::Program program;
  std::vector<std::string> inputs = {}, outputs = {};  ///< names, at addresses that stay
};

namespace {

using rung::DType;
using rung::fail_user;
using rung::quoted;
using rung::Shape;
using rung::Tensor;
using rung::TensorType;

static_assert(
    static_cast<int>(DType::kF32) == RUNG_F32 && static_cast<int>(DType::kF64) == RUNG_F64 &&
    static_cast<int>(DType::kF16) == RUNG_F16 && static_cast<int>(DType::kBF16) == RUNG_BF16 &&
    static_cast<int>(DType::kI8) == RUNG_I8 && static_cast<int>(DType::kU8) == RUNG_U8 &&
    static_cast<int>(DType::kI16) == RUNG_I16 && static_cast<int>(DType::kI32) == RUNG_I32 &&
    static_cast<int>(DType::kI64) == RUNG_I64 && static_cast<int>(DType::kBool) == RUNG_BOOL &&
    static_cast<int>(DType::kU16) == RUNG_U16 && static_cast<int>(DType::kU32) == RUNG_U32 &&
    static_cast<int>(DType::kU64) == RUNG_U64 && static_cast<int>(DType::kF8E4M3) == RUNG_F8_E4M3 &&
    static_cast<int>(DType::kF8E4M3Fnuz) == RUNG_F8_E4M3FNUZ &&
    static_cast<int>(DType::kF8E5M2) == RUNG_F8_E5M2 &&
    static_cast<int>(DType::kF8E5M2Fnuz) == RUNG_F8_E5M2FNUZ);

std::string& last_error() {
  thread_local std::string text;
  return text;
}

rung_status failed(rung_status status, const char* what) noexcept {
  try {
    last_error() = what;
  } catch (...) {
    last_error().clear();  // no memory even for the message
  }
  return status;
}

rung_status status_of(rung::ErrorKind kind) {
  switch (kind) {
    case rung::ErrorKind::kUser:
      return RUNG_USER_ERROR;
    case rung::ErrorKind::kUnsupported:
      return RUNG_UNSUPPORTED;
    case rung::ErrorKind::kBug:
      return RUNG_BUG;
  }
  return RUNG_BUG;
}

/// Runs it; no exception leaves.
template <typename Function>
rung_status guarded(const Function& function) noexcept {
  try {
    last_error().clear();
    function();
    return RUNG_OK;
  } catch (const rung::Error& error) {
    return failed(status_of(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return failed(RUNG_USER_ERROR, "not enough memory");
  } catch (const std::exception& error) {
    return failed(RUNG_BUG, error.what());
  } catch (...) {
    return failed(RUNG_BUG, "an unknown exception");
  }
}

template <typename T>
T& given(T* pointer, const char* what) {
  if (pointer == nullptr) fail_user("{} is NULL", what);
  return *pointer;
}

/// The caller's memory.
class Borrowed : public rung::Storage {
 public:
  Borrowed(void* data, size_t bytes) : data_(static_cast<std::byte*>(data)), bytes_(bytes) {}
  std::byte* data() override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::byte* data_;
  size_t bytes_;
};

/// "input 0 ('x')"
std::string place_text(const char* kind, size_t index, const std::vector<std::string>& names) {
  return fmt::format("{} {} ({})", kind, index, quoted(names.at(index)));
}

Shape shape_of(const rung_tensor& tensor, const std::string& place) {
  if (tensor.rank < 0 || tensor.rank > RUNG_MAX_RANK) {
    fail_user("{}: rank {}; it is from 0 to {}", place, tensor.rank, RUNG_MAX_RANK);
  }
  const Shape shape(tensor.shape, tensor.shape + tensor.rank);
  for (const int64_t size : shape) {
    if (size < 0) fail_user("{}: the shape {} has a negative size", place, rung::to_string(shape));
  }
  return shape;
}

Tensor borrow(const rung_tensor& tensor, const std::string& place) {
  const Shape shape = shape_of(tensor, place);
  if (tensor.dtype < 0 || tensor.dtype >= static_cast<int>(rung::kDTypes.size())) {
    fail_user("{}: {} is no rung_dtype", place, tensor.dtype);
  }
  const auto dtype = static_cast<DType>(tensor.dtype);
  const auto needed = static_cast<size_t>(rung::element_count(shape) * rung::size_of(dtype));
  if (tensor.bytes < needed) {
    fail_user("{}: {} bytes are given, and {}{} takes {}", place, tensor.bytes, rung::name(dtype),
              rung::to_string(shape), needed);
  }
  if (tensor.data == nullptr && needed > 0) fail_user("{}: data is NULL", place);
  return Tensor(dtype, shape, std::make_shared<Borrowed>(tensor.data, tensor.bytes));
}

void check_count(const char* kind, size_t count, const std::vector<std::string>& names) {
  if (count == names.size()) return;
  fail_user("{} {}s are given, and the network has {}: {}", count, kind, names.size(),
            rung::join(names, ", "));
}

std::vector<Tensor> borrow_all(const char* kind, const rung_tensor* tensors, size_t count,
                               const std::vector<std::string>& names) {
  check_count(kind, count, names);
  std::vector<Tensor> all;
  for (size_t i = 0; i < count; ++i) {
    all.push_back(borrow(given(tensors, kind), place_text(kind, i, names)));
    ++tensors;
  }
  return all;
}

void describe(const TensorType& type, const std::string& name, rung_tensor& out) {
  if (type.rank() > RUNG_MAX_RANK) {
    rung::fail_unsupported("{} has {} axes; the C API knows {}", quoted(name), type.rank(),
                           RUNG_MAX_RANK);
  }
  out = {};
  out.name = name.c_str();
  out.dtype = static_cast<int32_t>(type.dtype);
  out.rank = static_cast<int32_t>(type.rank());
  std::copy(type.shape.begin(), type.shape.end(), out.shape);
  out.bytes = static_cast<size_t>(type.bytes());
}

const std::string& name_at(const char* kind, const std::vector<std::string>& names, size_t index) {
  if (index < names.size()) return names[index];
  fail_user("{} {} does not exist: the network has {}", kind, index, names.size());
}

/// What the caller set, the rest as usual: its struct may be shorter, or longer, than ours.
rung::CompileOptions options_of(const rung_compile_options* given_options) {
  rung_compile_options options;
  rung_compile_options_init(&options);
  if (given_options != nullptr) {
    if (given_options->size < sizeof(size_t)) {
      fail_user("the options have no size; fill them in with rung_compile_options_init first");
    }
    std::memcpy(&options, given_options, std::min(given_options->size, sizeof(options)));
  }
  if (options.precision != RUNG_PRECISION_F32 && options.precision != RUNG_PRECISION_BF16) {
    fail_user("{} is no rung_precision", options.precision);
  }
  if (options.threads < 0) fail_user("threads: {}; 0 or more", options.threads);
  if (options.shapes < 1) fail_user("shapes: {}; 1 or more", options.shapes);
  rung::CompileOptions made;
  made.precision =
      options.precision == RUNG_PRECISION_BF16 ? rung::Precision::kBf16 : rung::Precision::kF32;
  made.threads = options.threads;
  made.measure = options.measure != 0;
  made.shapes = static_cast<size_t>(options.shapes);
  made.budget_s = options.budget_s;
  if (options.cache != nullptr) made.cache = options.cache;
  return made;
}

}  // namespace

const char* rung_last_error(void) { return last_error().c_str(); }
const char* rung_version(void) { return RUNG_VERSION; }

rung_status rung_load(const char* path, rung_model** model) {
  return guarded([&] {
    given(model, "model") = nullptr;
    *model = new rung_model{rung::load_model(&given(path, "path"))};
  });
}

void rung_model_free(rung_model* model) { delete model; }

void rung_compile_options_init(rung_compile_options* options) {
  if (options == nullptr) return;
  *options = {.size = sizeof(rung_compile_options),
              .precision = RUNG_PRECISION_F32,
              .threads = 0,
              .measure = 1,
              .shapes = 8,
              .budget_s = 5,
              .cache = nullptr};
}

rung_status rung_compile(const rung_model* model, const rung_compile_options* options,
                         rung_program** program) {
  return guarded([&] {
    given(program, "program") = nullptr;
    const rung::Model& network = given(model, "model").model;
    auto made =
        std::make_unique<rung_program>(rung_program{rung::compile(network, options_of(options))});
    for (const auto id : network.graph.inputs()) {
      made->inputs.push_back(network.graph.node(id).name);
    }
    for (const auto& output : network.graph.outputs()) made->outputs.push_back(output.name);
    *program = made.release();
  });
}

void rung_program_free(rung_program* program) { delete program; }

size_t rung_input_count(const rung_program* program) {
  return program == nullptr ? 0 : program->inputs.size();
}

size_t rung_output_count(const rung_program* program) {
  return program == nullptr ? 0 : program->outputs.size();
}

rung_status rung_input(const rung_program* program, size_t index, rung_tensor* input) {
  return guarded([&] {
    const auto& own = given(program, "program");
    const std::string& name = name_at("input", own.inputs, index);
    const rung::Graph& graph = own.program.graph();
    describe(graph.type({graph.inputs().at(index), 0}), name, given(input, "input"));
  });
}

rung_status rung_output(const rung_program* program, size_t index, rung_tensor* output) {
  return guarded([&] {
    const auto& own = given(program, "program");
    const std::string& name = name_at("output", own.outputs, index);
    const rung::Graph& graph = own.program.graph();
    describe(graph.type(graph.outputs().at(index).value), name, given(output, "output"));
  });
}

rung_status rung_output_shapes(const rung_program* program, const rung_tensor* inputs,
                               size_t input_count, rung_tensor* outputs, size_t output_count) {
  return guarded([&] {
    const auto& own = given(program, "program");
    check_count("input", input_count, own.inputs);
    check_count("output", output_count, own.outputs);
    rung::InputShapes shapes;
    for (size_t i = 0; i < input_count; ++i) {
      shapes[own.inputs[i]] =
          shape_of((&given(inputs, "inputs"))[i], place_text("input", i, own.inputs));
    }
    const rung::Graph graph = rung::resize_inputs(own.program.graph(), shapes);
    for (size_t k = 0; k < output_count; ++k) {
      describe(graph.type(graph.outputs().at(k).value), own.outputs[k],
               (&given(outputs, "outputs"))[k]);
    }
  });
}

rung_status rung_run(const rung_program* program, const rung_tensor* inputs, size_t input_count,
                     const rung_tensor* outputs, size_t output_count) {
  return guarded([&] {
    const auto& own = given(program, "program");
    auto out = borrow_all("output", outputs, output_count, own.outputs);
    own.program.run(borrow_all("input", inputs, input_count, own.inputs), out);
  });
}
