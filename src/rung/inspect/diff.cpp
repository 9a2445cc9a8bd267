#include "rung/inspect/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "rung/base/text.h"
#include "rung/inspect/match_graphs.h"
#include "rung/inspect/summary.h"

namespace rung {
namespace {

using Kind = NodeDifference::Kind;

std::string tensor_text(DType dtype, const Shape& shape) {
  return fmt::format("{}{}", name(dtype), to_string(shape));
}

struct Numbers {
  double difference = 0, magnitude = 0;
};

// NaN in both is no difference, and in one an infinite one.
Numbers compare(const Tensor& a, const Tensor& b) {
  Numbers out;
  for (int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.at(i), y = b.at(i);
    if (std::isfinite(x)) out.magnitude = std::max(out.magnitude, std::abs(x));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double difference = std::abs(x - y);
    out.difference =
        std::max(out.difference,
                 std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
  }
  return out;
}

// One weight on both sides; `a` and `b` say what the networks want there, if they have it.
class WeightComparer {
 public:
  WeightComparer(const DiffOptions& options, ModelDiff& out) : options_(options), out_(out) {}

  struct Side {
    std::string type;                ///< empty: the network has no such weight
    const Tensor* tensor = nullptr;  ///< none: not drawn
  };

  void add(const std::string& name, const Side& a, const Side& b) {
    WeightDifference difference{name, text(a), text(b), {}, {}};
    if (a.type == b.type && a.tensor != nullptr && b.tensor != nullptr) {
      if (a.tensor->identical(*b.tensor)) ++out_.identical_weights;
      const Numbers numbers =
          a.tensor->identical(*b.tensor) ? Numbers{} : compare(*a.tensor, *b.tensor);
      difference.absolute = numbers.difference;
      difference.relative = numbers.difference == 0 ? 0 : numbers.difference / numbers.magnitude;
    }
    const bool undrawn = a.tensor == nullptr && b.tensor == nullptr && a.type == b.type;
    const bool same =
        undrawn || (difference.absolute && (*difference.absolute <= options_.absolute ||
                                            *difference.relative <= options_.relative));
    if (same) {
      ++out_.same_weights;
    } else {
      out_.weights.push_back(std::move(difference));
    }
  }

 private:
  static std::string text(const Side& side) {
    return side.type.empty() || side.tensor != nullptr ? side.type : side.type + ", not drawn";
  }

  const DiffOptions& options_;
  ModelDiff& out_;
};

class Differ {
 public:
  Differ(const Model& a, const Model& b, const DiffOptions& options)
      : a_(a), b_(b), match_(match_graphs(a.graph, b.graph)), weights_(options, out_) {}

  ModelDiff run() {
    for (size_t i = 0; i < a_.graph.size(); ++i) {
      const auto other = match_.to_b[i];
      if (other) {
        compare_nodes(a_.graph.id(i), *other);
      } else {
        add_single(Kind::kRemoved, a_, a_.graph.id(i));
      }
    }
    for (size_t i = 0; i < b_.graph.size(); ++i) {
      if (!match_.to_a[i]) add_single(Kind::kAdded, b_, b_.graph.id(i));
    }
    compare_outputs();
    return std::move(out_);
  }

 private:
  static const ops::Param* param(const Model& model, NodeId id) {
    return model.graph.op_as<ops::Param>(id);
  }

  static WeightComparer::Side side(const Model& model, NodeId id) {
    const ops::Param& op = *param(model, id);
    const auto found = model.weights.find(model.graph.node(id).name);
    return {tensor_text(op.dtype, op.shape) + (op.buffer ? ", buffer" : ""),
            found == model.weights.end() ? nullptr : &found->second};
  }

  // A node that only one of the networks has.
  void add_single(Kind kind, const Model& model, NodeId id) {
    const Node& node = model.graph.node(id);
    if (param(model, id) != nullptr) {
      const auto own = side(model, id);
      if (kind == Kind::kRemoved) weights_.add(node.name, own, {});
      if (kind == Kind::kAdded) weights_.add(node.name, {}, own);
      return;
    }
    std::string text = to_string(node.op);
    out_.graph.push_back({kind, node.name, "op", kind == Kind::kRemoved ? text : "",
                          kind == Kind::kAdded ? text : ""});
  }

  void compare_nodes(NodeId a, NodeId b) {
    const Node &left = a_.graph.node(a), &right = b_.graph.node(b);
    if (left.name != right.name) out_.renamed.emplace_back(left.name, right.name);
    if (param(a_, a) != nullptr && param(b_, b) != nullptr) {
      weights_.add(left.name, side(a_, a), side(b_, b));
      return;
    }
    const size_t before = out_.graph.size();
    if (!same_op(left.op, right.op)) {
      changed(left.name, "op", to_string(left.op), to_string(right.op));
    }
    if (!same_inputs(left, right)) {
      changed(left.name, "reads", values_text(a_.graph, left.inputs),
              values_text(b_.graph, right.inputs));
    }
    if (out_.graph.size() > before) return;
    ++out_.same_nodes;
    if (left.types != right.types) ++out_.retyped;
  }

  // Why an input holds its size is no difference, only which of its axes it holds.
  static bool same_op(const Op& a, const Op& b) {
    const auto* left = std::get_if<ops::Input>(&a);
    const auto* right = std::get_if<ops::Input>(&b);
    if (left == nullptr || right == nullptr) return a == b;
    return left->type == right->type && left->fixed == right->fixed;
  }

  bool same_value(Value a, Value b) const {
    return match_.to_b[static_cast<size_t>(a.node.index)] == b.node && a.port == b.port;
  }
  bool same_inputs(const Node& a, const Node& b) const {
    return std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(),
                      [&](Value left, Value right) { return same_value(left, right); });
  }

  static std::string values_text(const Graph& graph, const std::vector<Value>& values) {
    std::vector<std::string> parts;
    for (const Value value : values) parts.push_back(value_name(graph, value));
    return join(parts, ", ");
  }

  void changed(const std::string& name, const char* what, std::string a, std::string b) {
    out_.graph.push_back({Kind::kChanged, name, what, std::move(a), std::move(b)});
  }

  // By name; under another name, an output that is the same value in the same place.
  void compare_outputs() {
    const auto &left = a_.graph.outputs(), &right = b_.graph.outputs();
    const auto find = [](const std::vector<Output>& outputs, const std::string& name) {
      return std::find_if(outputs.begin(), outputs.end(),
                          [&](const Output& output) { return output.name == name; });
    };
    std::vector<bool> renamed(right.size(), false);
    for (size_t i = 0; i < left.size(); ++i) {
      const auto& [name, value] = left[i];
      const auto other = find(right, name);
      if (other != right.end()) {
        if (same_value(value, other->value)) continue;
        changed(name, "output", value_name(a_.graph, value), value_name(b_.graph, other->value));
      } else if (i < right.size() && find(left, right[i].name) == left.end() &&
                 same_value(value, right[i].value)) {
        out_.renamed.emplace_back(name, right[i].name);
        renamed[i] = true;
      } else {
        out_.graph.push_back({Kind::kRemoved, name, "output", value_name(a_.graph, value), ""});
      }
    }
    for (size_t i = 0; i < right.size(); ++i) {
      if (renamed[i] || find(left, right[i].name) != left.end()) continue;
      out_.graph.push_back(
          {Kind::kAdded, right[i].name, "output", "", value_name(b_.graph, right[i].value)});
    }
  }

  const Model& a_;
  const Model& b_;
  GraphMatch match_;
  ModelDiff out_;
  WeightComparer weights_;
};

}  // namespace

ModelDiff diff(const Model& a, const Model& b, const DiffOptions& options) {
  return Differ(a, b, options).run();
}

ModelDiff diff(const Weights& a, const Weights& b, const DiffOptions& options) {
  ModelDiff out;
  WeightComparer weights(options, out);
  const auto side = [](const Tensor& tensor) {
    return WeightComparer::Side{tensor_text(tensor.dtype(), tensor.shape()), &tensor};
  };
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    weights.add(name, side(tensor),
                other == b.end() ? WeightComparer::Side{} : side(other->second));
  }
  for (const auto& [name, tensor] : b) {
    if (!a.contains(name)) weights.add(name, {}, side(tensor));
  }
  return out;
}

}  // namespace rung
