#include "rung/ops/activation/activation.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

/// The functions that map whole numbers to whole numbers; all others need floating ones.
bool keeps_whole_numbers(UnaryFn fn) {
  switch (fn) {
    case UnaryFn::kRelu:
    case UnaryFn::kRelu6:
    case UnaryFn::kSquare:
    case UnaryFn::kAbs:
    case UnaryFn::kNeg:
    case UnaryFn::kSign:
    case UnaryFn::kFloor:
    case UnaryFn::kCeil:
    case UnaryFn::kRound:
      return true;
    default:
      return false;
  }
}

void check_numbers(std::string_view op, const TensorType& x) {
  if (x.dtype == DType::kBool) {
    fail_user("{}: works on numbers, x is {}; cast it", op, to_string(x));
  }
}

std::vector<TensorType> floating_as_input(std::string_view op, Types in) {
  auto out = same_as_input(op, in);
  check_floating(op, in);
  return out;
}

}  // namespace

std::vector<TensorType> infer(const Unary& op, Types in) {
  const auto name = names(op.fn)[static_cast<size_t>(op.fn)];
  if (op.fn == UnaryFn::kLogicalNot) {
    auto out = same_as_input(name, in);
    out[0].dtype = DType::kBool;
    return out;
  }
  if (!keeps_whole_numbers(op.fn)) return floating_as_input(name, in);
  auto out = same_as_input(name, in);
  check_numbers(name, in[0]);
  return out;
}

std::vector<TensorType> infer(const LeakyRelu&, Types in) {
  return floating_as_input(LeakyRelu::kName, in);
}
std::vector<TensorType> infer(const Elu&, Types in) { return floating_as_input(Elu::kName, in); }
std::vector<TensorType> infer(const Gelu&, Types in) { return floating_as_input(Gelu::kName, in); }
std::vector<TensorType> infer(const Softplus&, Types in) {
  return floating_as_input(Softplus::kName, in);
}

std::vector<TensorType> infer(const Clamp&, Types in) {
  auto out = same_as_input(Clamp::kName, in);
  check_numbers(Clamp::kName, in[0]);
  return out;
}

std::vector<TensorType> infer(const PRelu&, Types in) {
  check_inputs(PRelu::kName, in, "x, slope", 2);
  check_floating(PRelu::kName, in);
  const TensorType& x = in[0];
  check_rank(PRelu::kName, "x", x, "[N, C, …]", 1, kMaxRank);
  const int64_t channels = x.rank() > 1 ? x.shape[1] : 1;
  if (in[1].shape != Shape{1} && in[1].shape != Shape{channels}) {
    fail_user("PRelu: slope must be [1] or [{}] (one per channel of x {}), it is {}", channels,
              to_string(x), to_string(in[1].shape));
  }
  return {x};
}

int64_t macs(const Unary&, Types, Types) { return 0; }
int64_t macs(const LeakyRelu&, Types, Types) { return 0; }
int64_t macs(const Elu&, Types, Types) { return 0; }
int64_t macs(const Gelu&, Types, Types) { return 0; }
int64_t macs(const Softplus&, Types, Types) { return 0; }
int64_t macs(const Clamp&, Types, Types) { return 0; }
int64_t macs(const PRelu&, Types, Types) { return 0; }

}  // namespace rung::ops
