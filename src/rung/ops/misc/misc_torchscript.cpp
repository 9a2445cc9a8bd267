#include "rung/ops/layout/follow.h"
#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

AtenResult identity(AtenCall& call) { return {{call.tensor(0)}}; }

// input, p, train. In a module that is in evaluation, true means: always.
template <bool Channels>
AtenResult dropout(AtenCall& call) {
  if (call.flag(2)) return std::nullopt;
  return {{call.add(Dropout{.p = call.number(1), .channels = Channels}, {call.tensor(0)})}};
}

/// Conversions of type; memory formats and devices are not the graph's.
AtenResult convert(AtenCall& call) { return {{call.cast(call.tensor(0), call.result_dtype())}}; }

AtenResult detach(AtenCall& call) { return {{call.add(Detach{}, {call.tensor(0)})}}; }

template <int Value>
AtenResult like(AtenCall& call) {
  const Ref x = call.cast(call.tensor(0), call.result_dtype());
  return {{call.add(FullLike{Value}, {x})}};
}

// input, value
AtenResult full_like(AtenCall& call) {
  if (call.is_tensor(1)) return std::nullopt;
  const Ref x = call.cast(call.tensor(0), call.result_dtype());
  return {{call.add(FullLike{call.number(1)}, {x})}};
}

AtenResult filled(AtenCall& call, double value) {
  const Ref zeros = zeros_of(call, call.result_sizes(), call.result_dtype());
  return {{value == 0 ? zeros : call.add(FullLike{value}, {zeros})}};
}

template <int Value>
AtenResult fill(AtenCall& call) {
  return filled(call, Value);
}

// sizes, value · or · input, sizes, value
template <size_t Place>
AtenResult full(AtenCall& call) {
  return filled(call, call.number(Place));
}

// end, 4 options · or · start, end, 4 options · or · start, end, step, 4 options
AtenResult arange(AtenCall& call) {
  const size_t numbers = call.size() - 4;
  const auto is = [&](size_t i, int64_t n) {
    return call.value(i).isInt() && call.integer(i) == n;
  };
  if (numbers > 1 && !is(0, 0)) return std::nullopt;
  if (numbers > 2 && !is(2, 1)) return std::nullopt;
  const Dims end = call.dims(numbers > 1 ? 1 : 0);
  if (end.size() != 1 || !end[0].varies()) return std::nullopt;
  const auto like = call.find_like(end);
  if (!like) call.fix(end);
  return {
      {call.add(ArangeLike{.axis = like->axes[0], .dtype = call.result_dtype()}, {like->tensor})}};
}

// input, source: an assignment to the whole tensor
AtenResult copy(AtenCall& call) {
  const Ref source = call.cast(call.tensor(1), call.result_dtype());
  return {{broadcast_to(call, source, call.result_sizes())}};
}

constexpr AtenEntry kMiscRules[] = {
    {"aten::dropout", dropout<false>},
    {"aten::feature_dropout", dropout<true>},
    {"aten::to", convert},
    {"aten::_to_copy", convert},
    {"aten::type_as", convert},
    {"aten::contiguous", identity},
    {"aten::clone", identity},
    {"aten::alias", identity},
    {"aten::lift", identity},
    {"aten::lift_fresh", identity},
    {"aten::detach", detach},
    {"aten::zeros_like", like<0>},
    {"aten::ones_like", like<1>},
    {"aten::full_like", full_like},
    {"aten::fill", full_like},
    {"aten::zero", like<0>},
    {"aten::zeros", fill<0>},
    {"aten::new_zeros", fill<0>},
    {"aten::ones", fill<1>},
    {"aten::new_ones", fill<1>},
    {"aten::full", full<1>},
    {"aten::new_full", full<2>},
    {"aten::copy", copy},
    {"aten::arange", arange},
};

}  // namespace

AtenRules misc_rules() { return kMiscRules; }

}  // namespace rung::ops
