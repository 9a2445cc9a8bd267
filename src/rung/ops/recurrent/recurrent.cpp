#include "rung/ops/recurrent/recurrent.h"

#include <fmt/format.h>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

int64_t gate_count(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return 4;
    case Cell::kGru:
      return 3;
    case Cell::kRnnTanh:
    case Cell::kRnnRelu:
      return 1;
  }
  fail_bug("unknown cell {}", static_cast<int>(cell));
}

namespace {

constexpr std::string_view kName = Recurrent::kName;

void check_attributes(const Recurrent& op) {
  if (op.hidden < 1) fail_user("Recurrent: hidden {} must be at least 1", op.hidden);
  if (op.layers < 1) fail_user("Recurrent: layers {} must be at least 1", op.layers);
  if (!(op.dropout >= 0 && op.dropout <= 1)) {
    fail_user("Recurrent: dropout {} must lie between 0 and 1", op.dropout);
  }
}

size_t directions(const Recurrent& op) { return op.bidirectional ? 2 : 1; }
size_t state_count(const Recurrent& op) { return op.cell == Cell::kLstm ? 2 : 1; }
size_t first_weight(const Recurrent& op) { return 1 + (op.has_state ? state_count(op) : 0); }
size_t weights_per_direction(const Recurrent& op) { return op.bias ? 4 : 2; }

void check_operand_count(const Recurrent& op, Types in) {
  const int64_t weights =
      checked_mul(op.layers, static_cast<int64_t>(directions(op) * weights_per_direction(op)));
  const auto count =
      static_cast<size_t>(checked_add(weights, static_cast<int64_t>(first_weight(op))));
  check_inputs(kName, in,
               fmt::format("x, {}{} weights{} for each of {} layers in {} directions",
                           op.has_state ? (op.cell == Cell::kLstm ? "h0, c0, " : "h0, ") : "",
                           weights_per_direction(op), op.bias ? " and biases" : "", op.layers,
                           directions(op)),
               count);
}

struct Extents {
  int64_t time;
  int64_t batch;
  int64_t features;
  int64_t layer_width;  // D·H, what a layer hands on
  Shape state;          // [L·D, N, H]
};

Extents extents(const Recurrent& op, const TensorType& x) {
  check_rank(kName, "x", x, op.batch_first ? "[N, T, I]" : "[T, N, I]", 3, 3);
  const int64_t batch = x.shape[op.batch_first ? 0 : 1];
  const auto d = static_cast<int64_t>(directions(op));
  return {.time = x.shape[op.batch_first ? 1 : 0],
          .batch = batch,
          .features = x.shape[2],
          .layer_width = checked_mul(d, op.hidden),
          .state = {checked_mul(d, op.layers), batch, op.hidden}};
}

void check_weights(const Recurrent& op, Types in, const Extents& sizes) {
  const int64_t rows = checked_mul(gate_count(op.cell), op.hidden);
  size_t next = first_weight(op);
  for (int64_t layer = 0; layer < op.layers; ++layer) {
    const int64_t width = layer == 0 ? sizes.features : sizes.layer_width;
    for (size_t direction = 0; direction < directions(op); ++direction) {
      // PyTorch's names: weight_ih_l0, weight_ih_l0_reverse, …
      const std::string suffix = fmt::format("l{}{}", layer, direction == 0 ? "" : "_reverse");
      const auto check = [&](std::string_view what, const Shape& expected, std::string_view rule) {
        check_shape(kName, fmt::format("{}_{}", what, suffix), in[next++], expected, rule);
      };
      check("weight_ih", {rows, width},
            layer == 0 ? "gates x hidden, features of x"
                       : "gates x hidden, width of the layer before");
      check("weight_hh", {rows, op.hidden}, "gates x hidden, hidden");
      if (!op.bias) continue;
      check("bias_ih", {rows}, "gates x hidden");
      check("bias_hh", {rows}, "gates x hidden");
    }
  }
}

Roles sequence_roles_of(const Recurrent& op, const TensorType& x) {
  Roles known = sequence_roles();
  if (!op.batch_first) std::swap(known[0], known[1]);
  for (size_t i = 0; i < known.size(); ++i) {
    if (x.roles[i] != Role::kNone) known[i] = x.roles[i];
  }
  return known;
}

}  // namespace

std::vector<TensorType> infer(const Recurrent& op, Types in) {
  check_attributes(op);
  check_operand_count(op, in);
  check_floating(kName, in);
  const TensorType& x = in[0];
  const Extents sizes = extents(op, x);
  if (sizes.time == 0) fail_user("Recurrent: x {} has no time steps", to_string(x));
  for (size_t i = 1; i < first_weight(op); ++i) {
    check_shape(kName, i == 1 ? "h0" : "c0", in[i], sizes.state,
                "layers x directions, batch, hidden");
  }
  check_weights(op, in, sizes);

  Shape sequence = x.shape;
  sequence[2] = sizes.layer_width;
  std::vector<TensorType> out = output(kName, x.dtype, sequence, sequence_roles_of(op, x));
  const Roles state_roles = {Role::kNone, Role::kBatch, Role::kFeature};
  for (size_t i = 0; i < state_count(op); ++i) {
    out.push_back(output(kName, x.dtype, sizes.state, state_roles).front());
  }
  return out;
}

int64_t macs(const Recurrent& op, Types in, Types) {
  const Shape& x = in[0].shape;
  int64_t per_step = 0;
  for (size_t i = first_weight(op); i < in.size(); ++i) {
    if (in[i].rank() == 2) per_step = checked_add(per_step, in[i].elements());
  }
  return checked_mul(checked_mul(x[0], x[1]), per_step);
}

}  // namespace rung::ops
