#include <algorithm>
#include <map>

#include "rung/exec/eager/trace_lower.h"

namespace rung::tracing {
namespace {

/// LibTorch 1.13 writes a linear layer as matmul(x, t(weight)) + bias; later ones as one call.
class LinearFuser {
 public:
  explicit LinearFuser(Record& record) : record_(record) {
    for (size_t i = 0; i < record.calls.size(); ++i) {
      for (const ValueId id : record.calls[i].outputs) maker_[id] = i;
      for (const auto& argument : record.calls[i].arguments) {
        for (const ValueId id : argument.tensors) ++uses_[id];
      }
    }
    for (const ValueId id : record.results) ++uses_[id];
  }

  void run() {
    for (Call& call : record_.calls) {
      if (call.name == "aten::matmul" || call.name == "aten::mm") {
        const ValueId weight = transposed(call.arguments[1]);
        if (weight != kNoValue) turn(call, call.arguments[0], weight, kNoValue);
      } else if (call.name == "aten::addmm") {
        add_product(call);
      } else if (call.name == "aten::add") {
        add_bias(call);
      }
    }
  }

 private:
  bool is_weight(ValueId id, size_t rank) const {
    const auto i = static_cast<size_t>(id);
    return id >= 0 && i >= record_.inputs && i < record_.inputs + record_.weights &&
           record_.values[i].sizes.size() == rank;
  }
  static ValueId only(const Argument& argument) {
    return argument.kind == Argument::Kind::kTensor ? argument.tensors[0] : kNoValue;
  }
  const Call* maker(ValueId id) const {
    const auto found = maker_.find(id);
    return found == maker_.end() ? nullptr : &record_.calls[found->second];
  }
  static bool transposes(const Call& call) {
    if (call.name == "aten::t") return true;
    if (call.name != "aten::permute") return false;
    const auto& order = call.arguments[1].constant;
    return order.isIntList() && order.toIntVector() == std::vector<int64_t>{1, 0};
  }
  /// The matrix of weights whose transpose this is.
  ValueId transposed(const Argument& argument) const {
    const Call* call = maker(only(argument));
    if (call == nullptr || !transposes(*call)) return kNoValue;
    const ValueId weight = only(call->arguments[0]);
    return is_weight(weight, 2) ? weight : kNoValue;
  }
  static void turn(Call& call, Argument x, ValueId weight, ValueId bias) {
    const auto tensor = [](ValueId id) { return Argument{Argument::Kind::kTensor, {id}, {}}; };
    call.name = "aten::linear";
    call.schema = "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor";
    call.arguments = {std::move(x), tensor(weight), bias == kNoValue ? Argument{} : tensor(bias)};
  }
  static bool is_one(const Argument& argument) {
    return argument.constant.isInt() && argument.constant.toInt() == 1;
  }

  void add_product(Call& call) {  // bias, x, t(weight), beta, alpha
    const ValueId weight = transposed(call.arguments[2]), bias = only(call.arguments[0]);
    if (weight == kNoValue || !is_weight(bias, 1)) return;
    if (is_one(call.arguments[3]) && is_one(call.arguments[4])) {
      turn(call, call.arguments[1], weight, bias);
    }
  }

  void add_bias(Call& call) {
    const ValueId bias = only(call.arguments[1]), product = only(call.arguments[0]);
    const Call* linear = maker(product);
    if (linear == nullptr || linear->name != "aten::linear" || !is_weight(bias, 1)) return;
    if (only(linear->arguments[2]) != kNoValue || uses_.at(product) != 1) return;
    const auto out = record_.values[static_cast<size_t>(product)].sizes.back();
    if (record_.values[static_cast<size_t>(bias)].sizes[0] != out) return;
    if (is_one(call.arguments[2])) {
      turn(call, linear->arguments[0], only(linear->arguments[1]), bias);
    }
  }

  Record& record_;
  std::map<ValueId, size_t> maker_;
  std::map<ValueId, int> uses_;
};

}  // namespace

void fuse_linear(Record& record) { LinearFuser(record).run(); }

}  // namespace rung::tracing
