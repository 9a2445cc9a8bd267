#include "rung/io/onnx/importer.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "rung/base/text.h"
#include "rung/io/onnx/fold.h"
#include "rung/io/onnx/names.h"

namespace rung::onnx_import {
namespace {

using ops::Dim;
using ops::Dims;
using ops::Like;
using ops::Ref;

constexpr int64_t kLargestConstant = 4096;  ///< elements; more is a buffer
constexpr size_t kDeepest = 64;             ///< branches and functions within each other

/// A tensor of the file, as far as the import has got.
struct FileValue {
  std::optional<Ref> ref;                          ///< in the graph
  std::vector<Tensor> known;                       ///< its numbers at every size, or empty
  const onnx::TensorProto* initializer = nullptr;  ///< a weight that nobody has needed yet
};

/// Names that a graph, branch or function may use.
struct Scope {
  std::unordered_map<std::string, FileValue> values;
  Scope* outer = nullptr;

  FileValue* find(const std::string& name) {
    const auto found = values.find(name);
    if (found != values.end()) return &found->second;
    return outer == nullptr ? nullptr : outer->find(name);
  }
};

/// A node of the graph to be; named at the end.
struct NewNode {
  Op op;
  std::vector<Ref> inputs;
  std::vector<std::vector<TensorType>> types;  ///< by size, then output
  std::string leaf;                            ///< the name of an input or a weight
  std::string suffix;                          ///< of a weight without a name: below the layer's
  size_t call = 0;                             ///< the file's node that it comes from
  Tensor weight;
};

class Lowering {
 public:
  Lowering(const OnnxFile& file, const std::vector<GraphInput>& inputs,
           const std::vector<InputSizes>& sizes, const OnnxOptions& options, OnnxReport& report)
      : file_(file), inputs_(inputs), sizes_(sizes), options_(options), report_(report) {}

  Model run();

 private:
  friend class CallView;

  std::string at(const onnx::NodeProto& node) const {
    return fmt::format("node {} ({})",
                       quoted(!node.name().empty()     ? node.name()
                              : node.output_size() > 0 ? node.output(0)
                                                       : std::string()),
                       node.op_type());
  }

  // --- the graph to be
  const TensorType& type(Ref ref, size_t size = 0) const {
    const auto [node, port] = refs_[static_cast<size_t>(ref)];
    return nodes_[node].types[size][port];
  }
  Dims dims_of(Ref ref) const {
    Dims out(type(ref).rank());
    for (size_t k = 0; k < sizes_.size(); ++k) {
      for (size_t i = 0; i < out.size(); ++i) out[i].seen.push_back(type(ref, k).shape[i]);
    }
    return out;
  }
  std::vector<Ref> add(Op op, std::vector<Ref> inputs);
  /// A weight: under its own name, or else `suffix` below the layer's.
  Ref weight(Tensor value, std::string name, std::string suffix, bool buffer);
  Ref leaf_with_types(Op op, std::vector<std::vector<TensorType>> types, std::string name);
  std::vector<Ref> register_node(NewNode node);
  Ref constant(const Tensor& value);
  std::optional<Like> find_like(const Dims& sizes, const std::vector<Ref>& first) const;
  [[noreturn]] void fix(const Dims& sizes, std::string_view what) const;
  template <typename F>
  void check_same(std::string_view what, const F& differs) const {
    SizeVaries varies{{}, std::string(what)};
    for (size_t k = 1; k < sizes_.size(); ++k) {
      if (differs(k)) varies.places.push_back(k);
    }
    if (!varies.places.empty()) throw varies;
  }

  // --- the file's tensors
  const std::vector<Tensor>& known(FileValue& value);
  bool foldable(FileValue& value);
  Ref ref(FileValue& value, bool buffer = false);
  Ref numbers(const Dims& numbers, bool scalar, DType dtype, const std::vector<Ref>& first,
              std::string_view what);

  void read_initializers(const onnx::GraphProto& graph, Scope& scope);
  void lower_nodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope,
                   size_t depth, const std::map<std::string, onnx::AttributeProto>* arguments);
  void lower_node(const onnx::NodeProto& node, Scope& scope, size_t depth);
  bool fold(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
            const std::vector<FileValue*>& in, Scope& scope);
  void apply_rule(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                  const std::vector<FileValue*>& in, Scope& scope);
  void branch(const onnx::NodeProto& node, const std::vector<FileValue*>& in, Scope& scope,
              size_t depth);
  bool inline_function(const onnx::NodeProto& node, const std::vector<FileValue*>& in, Scope& scope,
                       size_t depth);
  void bind(Scope& scope, const std::string& name, FileValue value);
  std::vector<std::string> node_names() const;
  Model build(const std::vector<std::pair<std::string, Ref>>& outputs) const;

  const OnnxFile& file_;
  const std::vector<GraphInput>& inputs_;
  const std::vector<InputSizes>& sizes_;
  const OnnxOptions& options_;
  OnnxReport& report_;
  std::vector<NewNode> nodes_;
  std::vector<std::pair<size_t, size_t>> refs_;
  std::map<std::vector<int64_t>, std::vector<std::pair<Ref, int64_t>>> axes_by_size_;
  std::vector<std::pair<std::string, std::string>> calls_{{"", ""}};  ///< name and operator
  size_t call_ = 0;
};

/// A node of the file as its rule sees it.
class CallView final : public ops::OnnxCall {
 public:
  CallView(Lowering& lowering, const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
           const std::vector<FileValue*>& in, int64_t opset)
      : OnnxCall(attributes), lowering_(lowering), node_(node), in_(in), opset_(opset) {}

  std::string_view name() const override { return node_.op_type(); }
  int64_t opset() const override { return opset_; }
  size_t size() const override { return in_.size(); }
  bool given(size_t i) const override { return i < in_.size() && in_[i] != nullptr; }
  Ref tensor(size_t i) override { return lowering_.ref(value(i)); }
  Ref buffer(size_t i) override { return lowering_.ref(value(i), true); }
  Dims sizes(size_t i) const override {
    FileValue& v = value(i);
    if (v.ref) return lowering_.dims_of(*v.ref);
    const auto& numbers = lowering_.known(v);
    Dims out(numbers[0].shape().size());
    for (const Tensor& t : numbers) {
      for (size_t axis = 0; axis < out.size(); ++axis) out[axis].seen.push_back(t.shape()[axis]);
    }
    return out;
  }
  size_t rank(size_t i) const override { return sizes(i).size(); }
  DType dtype(size_t i) const override {
    FileValue& v = value(i);
    return v.ref ? lowering_.type(*v.ref).dtype : lowering_.known(v)[0].dtype();
  }
  bool known(size_t i) const override {
    FileValue& v = value(i);
    return v.initializer != nullptr || !v.known.empty();
  }
  Tensor constant(size_t i) const override {
    const auto& numbers = lowering_.known(value(i));
    require(!numbers.empty(), i);
    lowering_.check_same(name(), [&](size_t k) { return !numbers[k].identical(numbers[0]); });
    return numbers[0];
  }
  Dims dims(size_t i) const override {
    const auto& numbers = lowering_.known(value(i));
    require(!numbers.empty(), i);
    lowering_.check_same(name(),
                         [&](size_t k) { return numbers[k].shape() != numbers[0].shape(); });
    Dims out(static_cast<size_t>(numbers[0].elements()));
    for (const Tensor& t : numbers) {
      for (size_t n = 0; n < out.size(); ++n) {
        out[n].seen.push_back(t.dtype() == DType::kI64
                                  ? t.as<int64_t>()[n]
                                  : static_cast<int64_t>(t.at(static_cast<int64_t>(n))));
      }
    }
    return out;
  }
  size_t results() const override { return static_cast<size_t>(node_.output_size()); }
  bool used(size_t output) const override {
    return !node_.output(static_cast<int>(output)).empty();
  }
  Dims sizes_of(Ref ref) const override { return lowering_.dims_of(ref); }
  Ref weight(const std::string& suffix, Tensor value) override {
    return lowering_.weight(std::move(value), "", suffix, false);
  }
  const TensorType& type(Ref ref) const override { return lowering_.type(ref); }
  std::vector<Ref> add_all(Op op, std::vector<Ref> inputs) override {
    return lowering_.add(std::move(op), std::move(inputs));
  }
  std::optional<Like> find_like(const Dims& sizes) override {
    return lowering_.find_like(sizes, arguments());
  }
  [[noreturn]] void fix(const Dims& sizes) const override { lowering_.fix(sizes, name()); }

 private:
  FileValue& value(size_t i) const {
    if (!given(i)) fail_user("input {} is missing", i);
    return *in_[i];
  }
  void require(bool is_known, size_t i) const {
    if (is_known) return;
    fail_unsupported("input {} must be known when the file is read, and data decides it", i);
  }
  std::vector<Ref> arguments() const {
    std::vector<Ref> out;
    for (const FileValue* v : in_) {
      if (v != nullptr && v->ref) out.push_back(*v->ref);
    }
    return out;
  }

  Lowering& lowering_;
  const onnx::NodeProto& node_;
  const std::vector<FileValue*>& in_;
  int64_t opset_;
};

std::vector<Ref> Lowering::register_node(NewNode node) {
  std::vector<Ref> out;
  for (size_t port = 0; port < node.types[0].size(); ++port) {
    const auto ref = static_cast<Ref>(refs_.size());
    refs_.emplace_back(nodes_.size(), port);
    out.push_back(ref);
    for (size_t axis = 0; axis < node.types[0][port].rank(); ++axis) {
      std::vector<int64_t> seen;
      for (const auto& types : node.types) seen.push_back(types[port].shape[axis]);
      if (std::all_of(seen.begin(), seen.end(), [&](int64_t n) { return n == seen[0]; })) continue;
      axes_by_size_[seen].emplace_back(ref, static_cast<int64_t>(axis));
    }
  }
  nodes_.push_back(std::move(node));
  return out;
}

Ref Lowering::weight(Tensor value, std::string name, std::string suffix, bool buffer) {
  const Ref ref =
      add(ops::Param{.dtype = value.dtype(), .shape = value.shape(), .buffer = buffer}, {})[0];
  NewNode& node = nodes_.back();
  node.leaf = std::move(name);
  node.suffix = std::move(suffix);
  node.weight = std::move(value);
  return ref;
}

std::vector<Ref> Lowering::add(Op op, std::vector<Ref> inputs) {
  NewNode node{.op = std::move(op),
               .inputs = std::move(inputs),
               .types = {},
               .leaf = {},
               .suffix = {},
               .call = call_,
               .weight = {}};
  const auto* opaque = std::get_if<ops::Opaque>(&node.op);
  for (size_t k = 0; k < sizes_.size(); ++k) {
    std::vector<TensorType> in;
    for (const Ref ref : node.inputs) in.push_back(type(ref, k));
    if (opaque != nullptr && opaque->like < 0) {  // its types are those of the first sizes
      for (const Ref ref : node.inputs) {
        if (type(ref, k).shape != type(ref).shape) throw SizeVaries{{k}, calls_[call_].second};
      }
    }
    try {
      node.types.push_back(infer(node.op, in));
    } catch (const Error& error) {
      if (k > 0 && error.kind() == ErrorKind::kUser) throw SizeRefused{k, error};
      throw;
    }
  }
  return register_node(std::move(node));
}

Ref Lowering::leaf_with_types(Op op, std::vector<std::vector<TensorType>> types, std::string name) {
  return register_node({.op = std::move(op),
                        .inputs = {},
                        .types = std::move(types),
                        .leaf = std::move(name),
                        .suffix = {},
                        .call = call_,
                        .weight = {}})[0];
}

Ref Lowering::constant(const Tensor& value) {
  if (value.elements() <= kLargestConstant) return add(ops::Constant{value}, {})[0];
  return weight(value, "", "constant", true);
}

std::optional<Like> Lowering::find_like(const Dims& sizes, const std::vector<Ref>& first) const {
  if (sizes.empty()) return std::nullopt;
  const auto matches = [&](Ref ref) -> std::optional<Like> {
    const Dims have = dims_of(ref);
    Like out{.tensor = ref, .axes = {}};
    size_t axis = 0;
    for (const Dim& size : sizes) {
      while (axis < have.size() && have[axis].seen != size.seen) ++axis;
      if (axis == have.size()) return std::nullopt;
      out.axes.push_back(static_cast<int64_t>(axis++));
    }
    return out;
  };
  for (const Ref ref : first) {
    if (auto found = matches(ref)) return found;
  }
  const auto varying =
      std::find_if(sizes.begin(), sizes.end(), [](const Dim& d) { return d.varies(); });
  if (varying == sizes.end()) return std::nullopt;
  const auto candidates = axes_by_size_.find(varying->seen);
  if (candidates == axes_by_size_.end()) return std::nullopt;
  for (const auto& [ref, axis] : candidates->second) {
    if (auto found = matches(ref)) return found;
  }
  return std::nullopt;
}

void Lowering::fix(const Dims& sizes, std::string_view what) const {
  check_same(what, [&](size_t k) {
    return std::any_of(sizes.begin(), sizes.end(),
                       [&](const Dim& size) { return size.seen[k] != size.seen[0]; });
  });
  fail_unsupported("{} with sizes that rung cannot follow", what);
}

const std::vector<Tensor>& Lowering::known(FileValue& value) {
  if (value.known.empty() && value.initializer != nullptr) {
    value.known.assign(sizes_.size(), file_.tensor(*value.initializer));
  }
  return value.known;
}

/// Numbers that no training moves: whole ones, single ones, and what nodes made of such.
bool Lowering::foldable(FileValue& value) {
  if (value.initializer == nullptr) return !value.known.empty();
  int64_t elements = 1;
  for (const int64_t size : value.initializer->dims()) elements *= size;
  const auto dtype = ops::dtype_from_onnx(value.initializer->data_type());
  return elements == 1 || (dtype && !is_floating(*dtype));
}

Ref Lowering::ref(FileValue& value, bool buffer) {
  if (value.ref) return *value.ref;
  if (value.initializer != nullptr && !foldable(value)) {
    const Tensor tensor = known(value)[0];
    const std::string name =
        is_made_up(value.initializer->name()) ? "" : plain_name(value.initializer->name());
    value.ref = weight(tensor, name, tensor.shape().size() > 1 ? "weight" : "bias", buffer);
    return *value.ref;
  }
  const auto& numbers = known(value);
  if (numbers.empty()) fail_bug("a tensor of the file was not lowered");
  const bool same = std::all_of(numbers.begin(), numbers.end(),
                                [&](const Tensor& t) { return t.identical(numbers[0]); });
  if (same) {
    value.ref = constant(numbers[0]);
  } else {
    check_same("a tensor of sizes", [&](size_t k) {
      return numbers[k].shape() != numbers[0].shape() || numbers[0].shape().size() > 1 ||
             is_floating(numbers[0].dtype());
    });
    Dims dims(static_cast<size_t>(numbers[0].elements()));
    for (const Tensor& t : numbers) {
      for (size_t i = 0; i < dims.size(); ++i) {
        dims[i].seen.push_back(static_cast<int64_t>(t.at(static_cast<int64_t>(i))));
      }
    }
    value.ref = this->numbers(dims, numbers[0].shape().empty(), numbers[0].dtype(), {},
                              "a tensor of sizes");
  }
  return *value.ref;
}

Ref Lowering::numbers(const Dims& numbers, bool scalar, DType dtype, const std::vector<Ref>& first,
                      std::string_view what) {
  const bool varies =
      std::any_of(numbers.begin(), numbers.end(), [](const Dim& n) { return n.varies(); });
  if (!varies) {
    Tensor out(dtype, scalar ? Shape{} : Shape{static_cast<int64_t>(numbers.size())});
    for (size_t i = 0; i < numbers.size(); ++i) {
      out.set(static_cast<int64_t>(i), static_cast<double>(numbers[i].value()));
    }
    return add(ops::Constant{out}, {})[0];
  }
  std::vector<Ref> parts;
  for (const Dim& n : numbers) {
    Ref part = 0;
    if (n.varies()) {  // a size that is known only when the graph runs: as many ones, added
      const auto like = find_like({n}, first);
      if (!like) fix({n}, what);
      part = add(ops::ArangeLike{.axis = like->axes[0]}, {like->tensor})[0];
      part = add(ops::FullLike{.value = 1}, {part})[0];
      part = add(ops::Reduce{.kind = ops::ReduceKind::kSum}, {part})[0];
    } else {
      part = add(ops::Constant{Tensor::i64({}, {n.value()})}, {})[0];
    }
    if (dtype != DType::kI64) part = add(ops::Cast{dtype}, {part})[0];
    parts.push_back(part);
  }
  return scalar ? parts.at(0) : add(ops::Stack{.axis = 0}, parts)[0];
}

void Lowering::bind(Scope& scope, const std::string& name, FileValue value) {
  if (name.empty()) return;
  if (!scope.values.emplace(name, std::move(value)).second) {
    fail_user("two tensors of the file are called {}", quoted(name));
  }
}

void Lowering::read_initializers(const onnx::GraphProto& graph, Scope& scope) {
  for (const auto& tensor : graph.initializer()) {
    if (tensor.name().empty()) fail_user("an initializer has no name");
    bind(scope, tensor.name(), {.ref = {}, .known = {}, .initializer = &tensor});
  }
  if (graph.sparse_initializer_size() > 0) {
    fail_unsupported("sparse initializers ({})", graph.sparse_initializer(0).values().name());
  }
}

bool Lowering::fold(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                    const std::vector<FileValue*>& in, Scope& scope) {
  for (FileValue* value : in) {
    if (value != nullptr && !foldable(*value)) return false;
  }
  std::vector<std::vector<Tensor>> results;
  for (size_t k = 0; k < sizes_.size(); ++k) {
    std::vector<Tensor> arguments;
    for (FileValue* value : in) arguments.push_back(value == nullptr ? Tensor() : known(*value)[k]);
    auto folded =
        fold_onnx(node.op_type(), attributes, arguments, static_cast<size_t>(node.output_size()));
    if (!folded || folded->size() < static_cast<size_t>(node.output_size())) return false;
    results.push_back(std::move(*folded));
  }
  for (int i = 0; i < node.output_size(); ++i) {
    FileValue value;
    for (auto& result : results) value.known.push_back(result[static_cast<size_t>(i)]);
    bind(scope, node.output(i), std::move(value));
  }
  ++report_.operators[node.op_type()].folded;
  return true;
}

void Lowering::apply_rule(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                          const std::vector<FileValue*>& in, Scope& scope) {
  const auto rule = ops::find_onnx_rule(node.op_type());
  if (rule == nullptr) fail_unsupported("rung has no such operator");
  int64_t opset = 1;
  for (const auto& entry : file_.proto->opset_import()) {
    if (entry.domain().empty() || entry.domain() == "ai.onnx") opset = entry.version();
  }
  CallView view(*this, node, attributes, in, opset);
  const size_t before = nodes_.size();
  const auto results = rule(view);
  size_t ops_made = 0;
  bool opaque = false;
  for (size_t i = before; i < nodes_.size(); ++i) {
    if (is_leaf(nodes_[i].op)) continue;
    ++ops_made;
    opaque = opaque || std::holds_alternative<ops::Opaque>(nodes_[i].op);
  }
  auto& count = report_.operators[node.op_type()];
  ++(opaque ? count.opaque : ops_made > 1 ? count.composed : count.native);
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (static_cast<size_t>(i) >= results.size()) {
      fail_unsupported("output {} ({})", i, quoted(node.output(i)));
    }
    FileValue value;
    value.ref = results[static_cast<size_t>(i)];
    bind(scope, node.output(i), std::move(value));
  }
}

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& a : node.attribute()) {
    if (a.name() == name) return &a;
  }
  return nullptr;
}

void Lowering::branch(const onnx::NodeProto& node, const std::vector<FileValue*>& in, Scope& scope,
                      size_t depth) {
  if (in.size() != 1 || in[0] == nullptr || known(*in[0]).empty()) {
    fail_unsupported("a branch that data decides");
  }
  const auto& condition = known(*in[0]);
  check_same("If", [&](size_t k) { return !condition[k].identical(condition[0]); });
  if (condition[0].elements() != 1) fail_user("a condition of {} numbers", condition[0].elements());
  const bool yes = condition[0].at(0) != 0;
  const auto* chosen = attribute(node, yes ? "then_branch" : "else_branch");
  if (chosen == nullptr || !chosen->has_g()) fail_user("a branch is missing");
  Scope inner{.values = {}, .outer = &scope};
  read_initializers(chosen->g(), inner);
  lower_nodes(chosen->g().node(), inner, depth + 1, nullptr);
  if (chosen->g().output_size() != node.output_size()) {
    fail_user("a branch gives {} results, and {} are needed", chosen->g().output_size(),
              node.output_size());
  }
  for (int i = 0; i < node.output_size(); ++i) {
    FileValue* result = inner.find(chosen->g().output(i).name());
    if (result == nullptr) fail_user("no node makes {}", quoted(chosen->g().output(i).name()));
    bind(scope, node.output(i), *result);
  }
  ++report_.operators["If"].folded;
}

bool Lowering::inline_function(const onnx::NodeProto& node, const std::vector<FileValue*>& in,
                               Scope& scope, size_t depth) {
  for (const auto& function : file_.proto->functions()) {
    if (function.name() != node.op_type() || function.domain() != node.domain()) continue;
    Scope inner;
    for (int i = 0; i < function.input_size(); ++i) {
      const auto place = static_cast<size_t>(i);
      if (place < in.size() && in[place] != nullptr) bind(inner, function.input(i), *in[place]);
    }
    std::map<std::string, onnx::AttributeProto> arguments;
    for (const auto& a : node.attribute()) arguments[a.name()] = a;
    lower_nodes(function.node(), inner, depth + 1, &arguments);
    for (int i = 0; i < node.output_size() && i < function.output_size(); ++i) {
      FileValue* result = inner.find(function.output(i));
      if (result == nullptr) fail_user("no node makes {}", quoted(function.output(i)));
      bind(scope, node.output(i), *result);
    }
    return true;
  }
  return false;
}

void Lowering::lower_node(const onnx::NodeProto& node, Scope& scope, size_t depth) {
  std::vector<FileValue*> in;
  for (const std::string& name : node.input()) {
    in.push_back(name.empty() ? nullptr : scope.find(name));
    if (!name.empty() && in.back() == nullptr) {
      fail_user(
          "it reads {}, which no node before it makes, and which is neither an input nor an "
          "initializer",
          quoted(name));
    }
  }
  while (!in.empty() && in.back() == nullptr) in.pop_back();
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  if (standard && node.op_type() == "If") return branch(node, in, scope, depth);
  if (inline_function(node, in, scope, depth)) return;
  if (!standard) fail_unsupported("an operator of the domain {}", quoted(node.domain()));
  if (node.op_type() == "Loop" || node.op_type() == "Scan") {
    fail_unsupported("loops that data decides");
  }
  const ops::OnnxAttributes attributes = file_.attributes(node);
  const auto bind_known = [&](std::vector<Tensor> numbers) {
    FileValue value;
    value.known = std::move(numbers);
    bind(scope, node.output(0), std::move(value));
    ++report_.operators[node.op_type()].folded;
  };
  if (node.op_type() == "Constant" && node.output_size() == 1) {
    Tensor value;
    for (const auto& [name, a] : attributes) {
      if (const auto* tensor = std::get_if<Tensor>(&a)) value = *tensor;
      if (const auto* n = std::get_if<int64_t>(&a)) value = Tensor::i64({}, {*n});
      if (const auto* n = std::get_if<double>(&a))
        value = Tensor::f32({}, {static_cast<float>(*n)});
      if (const auto* list = std::get_if<ops::Sizes>(&a)) {
        value = Tensor::i64({static_cast<int64_t>(list->size())}, *list);
      }
      if (const auto* list = std::get_if<std::vector<double>>(&a)) {
        value = Tensor::f32({static_cast<int64_t>(list->size())},
                            std::vector<float>(list->begin(), list->end()));
      }
    }
    if (!value.defined()) fail_unsupported("a constant that is no dense tensor of numbers");
    return bind_known(std::vector<Tensor>(sizes_.size(), value));
  }
  if ((node.op_type() == "Shape" || node.op_type() == "Size") && in.size() == 1 &&
      node.output_size() == 1) {
    const CallView view(*this, node, attributes, in, 0);
    const Dims sizes = view.sizes(0);
    std::vector<Tensor> numbers;
    for (size_t k = 0; k < sizes_.size(); ++k) {
      std::vector<int64_t> list;
      int64_t all = 1;
      for (const Dim& size : sizes) {
        list.push_back(size.seen[k]);
        all *= size.seen[k];
      }
      if (node.op_type() == "Size") {
        numbers.push_back(Tensor::i64({}, {all}));
        continue;
      }
      const auto rank = static_cast<int64_t>(list.size());
      const auto place = [&](int64_t at) {
        return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
      };
      const int64_t begin = place(view.integer("start", 0));
      const int64_t end = std::max(begin, place(view.integer("end", rank)));
      std::vector<int64_t> part(list.begin() + begin, list.begin() + end);
      numbers.push_back(Tensor::i64({end - begin}, std::move(part)));
    }
    return bind_known(std::move(numbers));
  }
  if (fold(node, attributes, in, scope)) return;
  apply_rule(node, attributes, in, scope);
}

void Lowering::lower_nodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                           Scope& scope, size_t depth,
                           const std::map<std::string, onnx::AttributeProto>* arguments) {
  if (depth > kDeepest) fail_user("functions and branches within each other more than 64 times");
  for (const auto& given : nodes) {
    onnx::NodeProto own;
    const onnx::NodeProto* node = &given;
    if (arguments != nullptr) {  // a function's attributes are its caller's
      own = given;
      own.clear_attribute();
      for (const auto& a : given.attribute()) {
        if (a.ref_attr_name().empty()) {
          *own.add_attribute() = a;
        } else if (const auto found = arguments->find(a.ref_attr_name());
                   found != arguments->end()) {
          *own.add_attribute() = found->second;
          own.mutable_attribute(own.attribute_size() - 1)->set_name(a.name());
        }
      }
      node = &own;
    }
    calls_.emplace_back(node->name(), node->op_type());
    call_ = calls_.size() - 1;
    try {
      lower_node(*node, scope, depth);
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("node '")) throw;
      throw Error(error.kind(), fmt::format("{}: {}", at(*node), error.what()));
    }
  }
}

/// A name for every node of the file; those without one are called after their operator.
std::vector<std::string> Lowering::node_names() const {
  auto names = layer_names(calls_);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty())
      names[i] = calls_[i].second.empty() ? "input" : in_small_letters(calls_[i].second);
  }
  return names;
}

Model Lowering::build(const std::vector<std::pair<std::string, Ref>>& outputs) const {
  // Only what the outputs need, and the inputs.
  std::vector<bool> needed(nodes_.size(), false);
  for (const auto& [name, ref] : outputs) needed[refs_[static_cast<size_t>(ref)].first] = true;
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (std::holds_alternative<ops::Input>(nodes_[i].op)) needed[i] = true;
    if (!needed[i]) continue;
    for (const Ref ref : nodes_[i].inputs) needed[refs_[static_cast<size_t>(ref)].first] = true;
  }
  const auto names = node_names();
  std::map<size_t, size_t> last;  // the node that gives a call's result has its name
  std::set<std::string> taken;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (needed[i] && !is_leaf(nodes_[i].op)) last[nodes_[i].call] = i;
  }
  const auto unique = [&taken](const std::string& wanted) {
    std::string name = wanted;
    for (int n = 1; !taken.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  };
  Model model;
  std::vector<NodeId> ids(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const NewNode& node = nodes_[i];
    if (!needed[i]) continue;
    const std::string& layer = names[node.call];
    std::string name = node.leaf;
    if (name.empty() && node.weight.defined()) {
      name = layer + "." + node.suffix;
    } else if (name.empty()) {
      const auto result = last.find(node.call);
      const bool whole = result != last.end() && result->second == i;
      name = whole ? layer : layer + "." + in_small_letters(op_name(node.op));
    }
    name = unique(name);
    std::vector<Value> in;
    for (const Ref ref : node.inputs) {
      const auto [from, port] = refs_[static_cast<size_t>(ref)];
      in.push_back({ids[from], static_cast<int32_t>(port)});
    }
    ids[i] = model.graph.add(name, node.op, std::move(in));
    if (node.weight.defined()) model.weights.emplace(name, node.weight);
  }
  std::set<std::string> result_names;
  for (const auto& [name, ref] : outputs) {
    std::string plain = plain_name(name).empty() ? "output" : plain_name(name);
    const std::string wanted = plain;
    for (int n = 1; !result_names.insert(plain).second; ++n)
      plain = fmt::format("{}_{}", wanted, n);
    const auto [node, port] = refs_[static_cast<size_t>(ref)];
    model.graph.add_output(plain, {ids[node], static_cast<int32_t>(port)});
  }
  return model;
}

Model Lowering::run() {
  const onnx::GraphProto& graph = file_.proto->graph();
  Scope scope;
  read_initializers(graph, scope);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    std::vector<std::vector<TensorType>> types;
    for (const auto& sizes : sizes_) {
      types.push_back({TensorType(inputs_[i].op.type.dtype, sizes[i], inputs_[i].op.type.roles)});
    }
    const std::string plain = plain_name(inputs_[i].name);
    FileValue value;
    value.ref = leaf_with_types(inputs_[i].op, std::move(types), plain.empty() ? "input" : plain);
    bind(scope, inputs_[i].name, std::move(value));
  }
  for (const auto& [name, tensor] : options_.numbers) {
    FileValue value;
    value.known.assign(sizes_.size(), tensor);
    bind(scope, name, std::move(value));
  }
  lower_nodes(graph.node(), scope, 0, nullptr);
  std::vector<std::pair<std::string, Ref>> outputs;
  for (const auto& output : graph.output()) {
    FileValue* value = scope.find(output.name());
    if (value == nullptr) fail_user("no node makes the output {}", quoted(output.name()));
    outputs.emplace_back(output.name(), ref(*value));
  }
  if (outputs.empty()) fail_user("the network has no output");
  return build(outputs);
}

}  // namespace

Model lower(const OnnxFile& file, const std::vector<GraphInput>& inputs,
            const std::vector<InputSizes>& sizes, const OnnxOptions& options, OnnxReport& report) {
  report = {};
  return Lowering(file, inputs, sizes, options, report).run();
}

}  // namespace rung::onnx_import
