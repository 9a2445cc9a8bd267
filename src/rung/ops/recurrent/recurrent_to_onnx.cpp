#include "rung/base/error.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

struct Form {
  const char* name;
  Sizes gates;  ///< ONNX's, as places in PyTorch's order
};

// The inverse orders of those in recurrent_onnx.cpp: ONNX's gates are i o f c and z r h, PyTorch's
// i f c o and r z n.
Form form_of(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return {"LSTM", {0, 3, 1, 2}};
    case Cell::kGru:
      return {"GRU", {1, 0, 2}};
    case Cell::kRnnTanh:
    case Cell::kRnnRelu:
      return {"RNN", {0}};
  }
  fail_bug("unknown cell");
}

/// One layer's weights: places of the node's inputs, by direction.
struct Layer {
  OnnxWriter& w;
  const Recurrent& op;
  const Form& form;
  std::string suffix;
  std::vector<size_t> first;  ///< the input weights of a direction; its other weights follow

  bool known() const {
    for (const size_t start : first) {
      for (size_t i = 0; i < (op.bias ? 4u : 2u); ++i) {
        if (w.numbers(start + i) == nullptr) return false;
      }
    }
    return true;
  }

  /// [D, …]: of each direction the gates of inputs first + of[0], first + of[1], … in ONNX's order.
  OnnxValue pack(const std::string& name, const Sizes& of) const {
    Shape shape = w.type(first[0] + static_cast<size_t>(of[0])).shape;
    shape[0] *= static_cast<int64_t>(of.size());
    shape.insert(shape.begin(), static_cast<int64_t>(first.size()));
    if (!known()) return computed(of);
    std::vector<OnnxWriter::Piece> pieces;
    int64_t to = 0;
    for (const size_t start : first) {
      for (const int64_t offset : of) {
        const size_t input = start + static_cast<size_t>(offset);
        const int64_t gate = w.type(input).elements() / static_cast<int64_t>(form.gates.size());
        for (const int64_t from : form.gates) {
          pieces.push_back({.input = input, .from = from * gate, .to = to, .count = gate});
          to += gate;
        }
      }
    }
    return w.packed(name + suffix, shape, pieces);
  }

  /// The same by nodes, where a weight is worked out (one that a skip widened).
  OnnxValue computed(const Sizes& of) const {
    OnnxValues directions;
    for (const size_t start : first) {
      OnnxValues gates;
      for (const int64_t offset : of) {
        for (const int64_t gate : form.gates) {
          gates.push_back(w.slice(w.in(start + static_cast<size_t>(offset)), 0, gate * op.hidden,
                                  (gate + 1) * op.hidden));
        }
      }
      directions.push_back(w.unsqueeze(w.concat(gates, 0), {0}));
    }
    return w.concat(directions, 0);
  }
};

}  // namespace

OnnxValues to_onnx(const Recurrent& op, OnnxWriter& w) {
  const Form form = form_of(op.cell);
  const bool lstm = op.cell == Cell::kLstm;
  const int64_t directions = op.bidirectional ? 2 : 1;
  const size_t states = !op.has_state ? 0 : lstm ? 2 : 1;
  const size_t weights = op.bias ? 4 : 2;
  OnnxAttributes attributes{{"hidden_size", op.hidden}};
  if (op.bidirectional) attributes.emplace("direction", "bidirectional");
  if (op.cell == Cell::kGru) attributes.emplace("linear_before_reset", int64_t{1});
  if (op.cell == Cell::kRnnRelu) {
    attributes.emplace("activations",
                       std::vector<std::string>(static_cast<size_t>(directions), "Relu"));
  }
  OnnxValue x = op.batch_first ? w.transpose(w.in(0), {1, 0, 2}) : w.in(0);
  std::vector<OnnxValues> last(lstm ? 2 : 1);  // h, c by layer
  for (int64_t layer = 0; layer < op.layers; ++layer) {
    Layer of{w, op, form, "_l" + std::to_string(layer), {}};
    for (int64_t d = 0; d < directions; ++d) {
      of.first.push_back(1 + states + static_cast<size_t>(layer * directions + d) * weights);
    }
    OnnxValues in{x, of.pack("W", {0}), of.pack("R", {1}), op.bias ? of.pack("B", {2, 3}) : "", ""};
    for (size_t s = 0; s < states; ++s) {
      in.push_back(op.layers == 1
                       ? w.in(1 + s)
                       : w.slice(w.in(1 + s), 0, layer * directions, (layer + 1) * directions));
    }
    while (in.back().empty()) in.pop_back();
    const OnnxValues out = w.add_all(form.name, in, attributes, lstm ? 3 : 2);
    // [T, D, N, H] -> [T, N, D·H]
    x = directions == 1 ? w.squeeze(out[0], {1})
                        : w.add("Reshape", {w.transpose(out[0], {0, 2, 1, 3}),
                                            w.integers({0, 0, directions * op.hidden})});
    for (size_t i = 0; i < last.size(); ++i) last[i].push_back(out[i + 1]);
  }
  OnnxValues results{op.batch_first ? w.transpose(x, {1, 0, 2}) : x};
  for (size_t i = 0; i < last.size(); ++i) {
    results.push_back(w.used(i + 1) ? w.concat(last[i], 0) : "");
  }
  return results;
}

}  // namespace rung::ops
