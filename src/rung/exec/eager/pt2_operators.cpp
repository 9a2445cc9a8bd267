#include "rung/exec/eager/pt2_operators.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/pt2_arguments.h"
#include "rung/exec/eager/pt2_json.h"

namespace rung::pt2 {
namespace {

using IValues = std::vector<c10::IValue>;

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) fail_user("a size is divided by 0");
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

double number(const c10::IValue& value) {
  return value.isInt() ? static_cast<double>(value.toInt()) : value.toDouble();
}

/// Whole numbers stay whole, and wrap around rather than overflow.
template <typename Whole, typename Real>
c10::IValue arithmetic(const IValues& in, const Whole& whole, const Real& real) {
  if (!in[0].isInt() || !in[1].isInt()) return real(number(in[0]), number(in[1]));
  return static_cast<int64_t>(
      whole(static_cast<uint64_t>(in[0].toInt()), static_cast<uint64_t>(in[1].toInt())));
}

constexpr Symbolic kSymbolic[] = {
    {"torch.ops.aten.sym_size.int", 2,
     [](const IValues& in) -> c10::IValue { return in[0].toTensor().size(in[1].toInt()); }},
    {"torch.ops.aten.sym_numel.default", 1,
     [](const IValues& in) -> c10::IValue { return in[0].toTensor().numel(); }},
    {"_operator.add", 2,
     [](const IValues& in) { return arithmetic(in, std::plus<uint64_t>(), std::plus<double>()); }},
    {"_operator.sub", 2,
     [](const IValues& in) {
       return arithmetic(in, std::minus<uint64_t>(), std::minus<double>());
     }},
    {"_operator.mul", 2,
     [](const IValues& in) {
       return arithmetic(in, std::multiplies<uint64_t>(), std::multiplies<double>());
     }},
    {"_operator.floordiv", 2,
     [](const IValues& in) -> c10::IValue { return floor_divide(in[0].toInt(), in[1].toInt()); }},
    {"_operator.mod", 2,
     [](const IValues& in) -> c10::IValue {
       const int64_t a = in[0].toInt(), b = in[1].toInt();
       return a - floor_divide(a, b) * b;
     }},
    {"_operator.truediv", 2,
     [](const IValues& in) -> c10::IValue { return number(in[0]) / number(in[1]); }},
    {"_operator.neg", 1, [](const IValues& in) -> c10::IValue { return -in[0].toInt(); }},
    {"_operator.eq", 2, [](const IValues& in) -> c10::IValue { return in[0] == in[1]; }},
    {"_operator.ne", 2, [](const IValues& in) -> c10::IValue { return !(in[0] == in[1]); }},
    {"_operator.lt", 2,
     [](const IValues& in) -> c10::IValue { return number(in[0]) < number(in[1]); }},
    {"_operator.le", 2,
     [](const IValues& in) -> c10::IValue { return number(in[0]) <= number(in[1]); }},
    {"_operator.gt", 2,
     [](const IValues& in) -> c10::IValue { return number(in[0]) > number(in[1]); }},
    {"_operator.ge", 2,
     [](const IValues& in) -> c10::IValue { return number(in[0]) >= number(in[1]); }},
    {"torch.sym_float", 1, [](const IValues& in) -> c10::IValue { return number(in[0]); }},
    {"torch.sym_max", 2,
     [](const IValues& in) -> c10::IValue { return std::max(in[0].toInt(), in[1].toInt()); }},
    {"torch.sym_min", 2,
     [](const IValues& in) -> c10::IValue { return std::min(in[0].toInt(), in[1].toInt()); }},
};

c10::optional<at::Tensor> maybe(const c10::IValue& value) { return value.toOptional<at::Tensor>(); }

/// Statistics as training left them, and the statistics after it.
IValues batch_norm(const IValues& in, double momentum, double eps) {
  return {at::batch_norm(in[0].toTensor(), maybe(in[1]), maybe(in[2]), maybe(in[3]), maybe(in[4]),
                         false, momentum, eps, false),
          at::Tensor(), at::Tensor(), in[3], in[4]};
}

/// softmax(q kᵀ · scale + mask) v
at::Tensor attention(const IValues& in) {
  const at::Tensor query = in[0].toTensor(), key = in[1].toTensor();
  if (in[4].toDouble() != 0) fail_unsupported("attention with dropout was exported in training");
  const double scale =
      in[6].isNone() ? 1 / std::sqrt(static_cast<double>(query.size(-1))) : in[6].toDouble();
  at::Tensor scores = at::matmul(query, key.transpose(-2, -1)) * scale;
  if (in[5].toBool()) {
    const at::Tensor later =
        at::ones({query.size(-2), key.size(-2)}, query.options().dtype(at::kBool)).triu(1);
    scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  }
  if (!in[3].isNone()) {
    const at::Tensor mask = in[3].toTensor();
    scores = mask.scalar_type() == at::kBool
                 ? scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity())
                 : scores + mask;
  }
  return at::matmul(at::softmax(scores, -1), in[2].toTensor());
}

/// What newer exporters call by names that this LibTorch may lack, or that rung has another op for.
struct StandIn {
  std::string_view name;
  const char* schema;
  IValues (*call)(const IValues& in);
};
constexpr StandIn kStandIns[] = {
    // Exported programs are functional, so a view is a reshape; whether memory lies as a view needs
    // it depends on kernels that differ between versions (attention's results).
    {"aten.view.default", "x(Tensor self, int[] size) -> Tensor",
     [](const IValues& in) -> IValues {
       return {at::reshape(in[0].toTensor(), in[1].toIntVector())};
     }},
    {"aten.lift_fresh_copy.default", "x(Tensor self) -> Tensor",
     [](const IValues& in) -> IValues { return {in[0]}; }},
    {"aten.detach_.default", "x(Tensor self) -> Tensor",
     [](const IValues& in) -> IValues { return {in[0].toTensor().detach()}; }},
    {"aten._native_batch_norm_legit_no_training.default",
     "x(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, "
     "float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     [](const IValues& in) { return batch_norm(in, in[5].toDouble(), in[6].toDouble()); }},
    {"aten._native_batch_norm_legit_functional.default",
     "x(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, "
     "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
     [](const IValues& in) { return batch_norm(in, in[6].toDouble(), in[7].toDouble()); }},
    {"aten.native_layer_norm.default",
     "x(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> "
     "(Tensor, Tensor, Tensor)",
     [](const IValues& in) -> IValues {
       return {at::layer_norm(in[0].toTensor(), in[1].toIntVector(), maybe(in[2]), maybe(in[3]),
                              in[4].toDouble(), false),
               at::Tensor(), at::Tensor()};
     }},
    {"aten.native_group_norm.default",
     "x(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) "
     "-> (Tensor, Tensor, Tensor)",
     [](const IValues& in) -> IValues {
       return {at::group_norm(in[0].toTensor(), in[6].toInt(), maybe(in[1]), maybe(in[2]),
                              in[7].toDouble(), false),
               at::Tensor(), at::Tensor()};
     }},
    {"aten.native_dropout.default", "x(Tensor input, float p, bool? train) -> (Tensor, Tensor)",
     [](const IValues& in) -> IValues {
       return {at::dropout(in[0].toTensor(), in[1].toDouble(), false), at::Tensor()};
     }},
    {"aten.scaled_dot_product_attention.default",
     "x(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, "
     "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
     [](const IValues& in) -> IValues {
       if (in[7].toBool()) fail_unsupported("attention with groups of queries is not read");
       return {attention(in)};
     }},
    {"aten._scaled_dot_product_flash_attention_for_cpu.default",
     "x(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, bool is_causal=False, *, "
     "Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)",
     [](const IValues& in) -> IValues {
       return {attention({in[0], in[1], in[2], in[5], in[3], in[4], in[6]}), at::Tensor()};
     }},
};

/// x + 1, which PyTorch for Python writes as the operator of two tensors.
bool adds_number(const nlohmann::json& node) {
  if (!is_set(node, "inputs")) return false;
  for (const auto& input : node.at("inputs")) {
    if (!is_set(input, "name") || input.at("name") != "other" || !is_set(input, "arg")) continue;
    const auto tag = member(input.at("arg"), "an argument").first;
    return tag == "as_int" || tag == "as_float" || tag == "as_bool";
  }
  return false;
}

}  // namespace

bool is_guard(const std::string& target) {
  for (const char* name :
       {"aten._assert_", "aten.sym_constrain_range", "aten._assert_tensor_metadata"}) {
    if (target.find(name) != std::string::npos) return true;
  }
  return false;
}

IValues Symbolic::call(const IValues& in, const std::string& what) const {
  if (in.size() != arguments)
    fail_user("{} takes {} arguments, not {}", what, arguments, in.size());
  try {
    return {function(in)};
  } catch (const c10::Error&) {
    fail_user("{} has arguments of another type", what);
  } catch (const Error& error) {
    fail_user("{}: {}", what, error.what());
  }
}

const Symbolic* find_symbolic(const std::string& target) {
  for (const auto& entry : kSymbolic) {
    if (entry.name == target) return &entry;
  }
  return nullptr;
}

IValues call_operator(const std::string& target, const nlohmann::json& node, const Values& values,
                      const std::string& what) {
  constexpr std::string_view kPrefix = "torch.ops.";
  const auto parts = split(target, '.');
  if (!target.starts_with(kPrefix) || parts.size() != 5) {
    fail_unsupported("{} is no operator of LibTorch's", what);
  }
  for (const StandIn& other : kStandIns) {
    if (target.substr(kPrefix.size()) != other.name) continue;
    return other.call(arguments_of(node, torch::jit::parseSchema(other.schema), values, what));
  }
  if (parts[3] == "from_file") fail_unsupported("{} would read a file", what);
  std::string overload = parts[4] == "default" ? "" : parts[4];
  if (overload == "Tensor" && adds_number(node)) overload = "Scalar";
  const auto found =
      c10::Dispatcher::singleton().findSchema({parts[2] + "::" + parts[3], overload});
  if (!found) {
    fail_unsupported(
        "{} is an operator that this LibTorch does not have\n"
        "  fix     register it, or export the network without it",
        what);
  }
  IValues stack = arguments_of(node, found->schema(), values, what);
  found->callBoxed(&stack);
  return stack;
}

}  // namespace rung::pt2
