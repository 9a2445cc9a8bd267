#include <algorithm>

#include "rung/base/text.h"
#include "rung/io/onnx/lowering.h"

namespace rung::onnx_import {
namespace {

using ops::Ref;

constexpr size_t kDeepest = 64;       ///< bodies and functions within each other
constexpr int64_t kMostTurns = 4096;  ///< of a loop that is written out

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& a : node.attribute()) {
    if (a.name() == name) return &a;
  }
  return nullptr;
}

const onnx::GraphProto& body_of(const onnx::NodeProto& node, std::string_view name) {
  const auto* found = graph_attribute(node, name);
  if (found == nullptr) fail_user("its graph {} is missing", quoted(name));
  return *found;
}

/// One number of an attribute that lists one per input or output; 0 where it is absent.
int64_t entry(const onnx::NodeProto& node, std::string_view name, size_t i) {
  const auto* found = attribute(node, name);
  if (found == nullptr || static_cast<size_t>(found->ints_size()) <= i) return 0;
  return found->ints(static_cast<int>(i));
}

Scope inner_scope(Scope& outer) {
  if (outer.depth + 1 > kDeepest) {
    fail_user("functions and branches within each other more than {} times", kDeepest);
  }
  Scope inner;
  inner.depth = outer.depth + 1;
  inner.opset = outer.opset;
  return inner;
}

void check_turns(int64_t turns) {
  if (turns > kMostTurns) {
    fail_unsupported("a loop of {} turns; up to {} are written out", turns, kMostTurns);
  }
}

}  // namespace

const onnx::GraphProto* graph_attribute(const onnx::NodeProto& node, std::string_view name) {
  const auto* found = attribute(node, name);
  return found == nullptr || !found->has_g() ? nullptr : &found->g();
}

bool Lowering::lower_control_flow(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  if (call_function(node, in, scope)) return true;
  using Member = void (Lowering::*)(const onnx::NodeProto&, const Inputs&, Scope&);
  const std::string op = (node.domain() == "ai.onnx" ? "" : node.domain()) + node.op_type();
  const Member member = op == "If"                             ? &Lowering::branch
                        : op == "Loop"                         ? &Lowering::loop
                        : op == "Scan"                         ? &Lowering::scan
                        : op == "ai.onnx.previewFlexAttention" ? &Lowering::flex_attention
                                                               : nullptr;
  if (member == nullptr) return false;
  (this->*member)(node, in, scope);
  auto& count = report_.operators[node.op_type()];
  ++(op == "If" ? count.folded : count.composed);
  return true;
}

/// The results of a body with these values for its inputs.
Lowering::Inputs Lowering::run_body(const onnx::GraphProto& body, const Inputs& in, Scope& scope) {
  if (static_cast<size_t>(body.input_size()) != in.size()) {
    fail_user("its graph takes {} inputs, and {} are given", body.input_size(), in.size());
  }
  Scope inner = inner_scope(scope);
  inner.outer = &scope;
  inner.arguments = scope.arguments;
  for (size_t i = 0; i < in.size(); ++i) inner.bind(body.input(static_cast<int>(i)).name(), in[i]);
  read_initializers(body, inner);
  lower_nodes(body.node(), inner);
  Inputs out;
  for (const auto& output : body.output()) {
    out.push_back(inner.find(output.name()));
    if (out.back() == nullptr) fail_user("no node makes {}", quoted(output.name()));
  }
  return out;
}

bool Lowering::truth(FileValue& value, std::string_view what) {
  const auto& numbers = values_.known(value);
  if (numbers.empty())
    fail_unsupported("{} that data decides; its condition must be known when the file is read",
                     what);
  draft_.check_same(what, [&](size_t k) { return !numbers[k].identical(numbers[0]); });
  if (numbers[0].elements() != 1) fail_user("a condition of {} numbers", numbers[0].elements());
  return numbers[0].at(0) != 0;
}

void Lowering::branch(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  if (in.size() != 1 || in[0] == nullptr) fail_user("a branch without a condition");
  const bool yes = truth(*in[0], "a branch");
  const Inputs results = run_body(body_of(node, yes ? "then_branch" : "else_branch"), {}, scope);
  if (results.size() != static_cast<size_t>(node.output_size())) {
    fail_user("a branch gives {} results, and {} are needed", results.size(), node.output_size());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    scope.bind(node.output(static_cast<int>(i)), results[i]);
  }
}

/// What the turns of a loop gave, along a new axis.
std::shared_ptr<FileValue> Lowering::stacked(const Inputs& parts, int64_t axis, bool backward) {
  if (parts.empty()) fail_unsupported("a loop of no turns that gives a list of results");
  std::vector<Ref> refs;
  for (const auto& part : parts) refs.push_back(values_.ref(*part));
  if (backward) std::reverse(refs.begin(), refs.end());
  auto out = std::make_shared<FileValue>();
  out->ref = draft_.add(ops::Stack{.axis = axis}, refs)[0];
  return out;
}

// most turns, whether to begin, what is carried from turn to turn …
void Lowering::loop(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  const onnx::GraphProto& body = body_of(node, "body");
  int64_t turns = -1;
  if (!in.empty() && in[0] != nullptr) {
    const auto& numbers = values_.known(*in[0]);
    if (numbers.empty())
      fail_unsupported("a loop that data decides; its turns must be known when the file is read");
    draft_.check_same("Loop", [&](size_t k) { return !numbers[k].identical(numbers[0]); });
    if (numbers[0].elements() != 1) fail_user("{} numbers of turns", numbers[0].elements());
    turns = std::max<int64_t>(0, static_cast<int64_t>(numbers[0].at(0)));
  }
  bool more = in.size() < 2 || in[1] == nullptr || truth(*in[1], "a loop");
  Inputs carried(in.begin() + static_cast<int64_t>(std::min<size_t>(2, in.size())), in.end());
  if (body.output_size() < 1 + static_cast<int>(carried.size()) ||
      node.output_size() > body.output_size() - 1) {
    fail_user("its graph gives {} results, too few", body.output_size());
  }
  std::vector<Inputs> lists(static_cast<size_t>(body.output_size()) - 1 - carried.size());
  const bool outside = numbers_alone_;
  numbers_alone_ = outside || holds_sequence(carried);
  for (int64_t turn = 0; more && turn != turns; ++turn) {
    check_turns(turn + 1);
    auto number = std::make_shared<FileValue>();
    number->known.assign(draft_.sizes(), Tensor::i64({}, {turn}));
    auto yes = std::make_shared<FileValue>();
    Tensor truth_value(DType::kBool, {});
    truth_value.set(0, 1);
    yes->known.assign(draft_.sizes(), truth_value);
    Inputs arguments{number, yes};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    const Inputs results = run_body(body, arguments, scope);
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = results[1 + i];
    for (size_t i = 0; i < lists.size(); ++i) lists[i].push_back(results[1 + carried.size() + i]);
    if (turn + 1 != turns) more = truth(*results[0], "a loop");
  }
  numbers_alone_ = outside;
  for (size_t i = 0; i < static_cast<size_t>(node.output_size()); ++i) {
    const std::string& name = node.output(static_cast<int>(i));
    if (name.empty()) continue;
    scope.bind(name,
               i < carried.size() ? carried[i] : stacked(lists[i - carried.size()], 0, false));
  }
}

// what is carried …, sequences to go through …
void Lowering::scan(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  if (scope.opset < 9) fail_unsupported("Scan as opset 8 has it, with a batch");
  const onnx::GraphProto& body = body_of(node, "body");
  const auto* count = attribute(node, "num_scan_inputs");
  const auto sequences = static_cast<size_t>(count == nullptr ? 0 : count->i());
  if (sequences < 1 || sequences > in.size()) fail_user("Scan through {} sequences", sequences);
  Inputs carried(in.begin(), in.end() - static_cast<int64_t>(sequences));
  if (static_cast<size_t>(body.output_size()) < carried.size() ||
      node.output_size() > body.output_size()) {
    fail_user("its graph gives {} results, too few", body.output_size());
  }
  std::vector<std::pair<Ref, int64_t>> sources;  // and their axes
  int64_t turns = 0;
  for (size_t i = 0; i < sequences; ++i) {
    const auto& source = in[carried.size() + i];
    if (source == nullptr) fail_user("a sequence is missing");
    const Ref x = values_.ref(*source);
    const auto sizes = draft_.dims_of(x);
    const size_t axis = resolve_axis(entry(node, "scan_input_axes", i), sizes.size());
    if (sizes[axis].varies()) draft_.fix({sizes[axis]}, "Scan");
    if (i > 0 && sizes[axis].value() != turns) fail_user("sequences of unequal lengths");
    turns = sizes[axis].value();
    sources.emplace_back(x, static_cast<int64_t>(axis));
  }
  check_turns(turns);
  std::vector<Inputs> lists(static_cast<size_t>(body.output_size()) - carried.size());
  for (int64_t turn = 0; turn < turns; ++turn) {
    Inputs arguments = carried;
    for (size_t i = 0; i < sequences; ++i) {
      const auto [x, axis] = sources[i];
      const int64_t at = entry(node, "scan_input_directions", i) != 0 ? turns - 1 - turn : turn;
      const Ref part = draft_.add(ops::Slice{.axis = axis, .begin = at, .end = at + 1}, {x})[0];
      auto value = std::make_shared<FileValue>();
      value->ref = draft_.add(ops::Squeeze{.axes = {axis}}, {part})[0];
      arguments.push_back(value);
    }
    const Inputs results = run_body(body, arguments, scope);
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = results[i];
    for (size_t i = 0; i < lists.size(); ++i) lists[i].push_back(results[carried.size() + i]);
  }
  for (size_t i = 0; i < static_cast<size_t>(node.output_size()); ++i) {
    const std::string& name = node.output(static_cast<int>(i));
    if (name.empty()) continue;
    const size_t list = i - carried.size();
    scope.bind(name, i < carried.size()
                         ? carried[i]
                         : stacked(lists[list], entry(node, "scan_output_axes", list),
                                   entry(node, "scan_output_directions", list) != 0));
  }
}

bool Lowering::call_function(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  for (const auto& function : file_.proto->functions()) {
    if (function.name() != node.op_type() || function.domain() != node.domain()) continue;
    Scope inner = inner_scope(scope);
    if (function.opset_import_size() > 0) inner.opset = default_opset(function.opset_import());
    for (int i = 0; i < function.input_size(); ++i) {
      const auto place = static_cast<size_t>(i);
      if (place < in.size() && in[place] != nullptr) inner.bind(function.input(i), in[place]);
    }
    Arguments arguments;
    for (const auto& a : node.attribute()) arguments[a.name()] = a;
    inner.arguments = &arguments;
    lower_nodes(function.node(), inner);
    for (int i = 0; i < node.output_size() && i < function.output_size(); ++i) {
      const auto result = inner.find(function.output(i));
      if (result == nullptr) fail_user("no node makes {}", quoted(function.output(i)));
      scope.bind(node.output(i), result);
    }
    return true;
  }
  return false;
}

}  // namespace rung::onnx_import
