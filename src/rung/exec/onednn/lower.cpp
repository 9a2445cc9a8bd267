#include "rung/exec/onednn/lower.h"

#include <fmt/format.h>
#include <omp.h>

#include <cstring>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/onednn/fuse.h"
#include "rung/exec/onednn/reorder.h"
#include "rung/ops/kernel.h"
#include "rung/ops/onednn_v2.h"

namespace rung::onednn {
namespace {

/// What is known of a value of the graph while lowering.
struct Known {
  Ref ref;        ///< as it was made; none for constants that nobody asked for
  Tensor tensor;  ///< of constants
  std::vector<std::pair<Form, Ref>> forms;
};

class Lowering {
 public:
  Lowering(const Graph& graph, const Weights& weights, const CompileOptions& options,
           Packer& packer, const PlanCache& cache)
      : graph_(graph), options_(options), packer_(packer), cache_(cache), known_(graph.size()) {
    for (size_t i = 0; i < graph.size(); ++i) {
      known_[i].resize(graph.nodes()[i].types.size());
      add_leaf(graph.id(i), weights);
    }
  }

  Draft run() {
    const auto groups = fuse(graph_);
    find_last_readers(groups);
    for (size_t i = 0; i < groups.size(); ++i) lower_group(groups[i], i);
    if (!refusals_.empty()) fail_refused();
    for (const Output& output : graph_.outputs()) {
      const TensorType& type = graph_.type(output.value);
      draft_.outputs.push_back(in_form(output.value, {type.dtype, Layout::kPlain}));
    }
    return std::move(draft_);
  }

 private:
  class Call;

  void add_leaf(NodeId id, const Weights& weights) {
    const Node& node = graph_.node(id);
    Known& known = known_[static_cast<size_t>(id.index)][0];
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) known.tensor = constant->value;
    if (std::holds_alternative<ops::Param>(node.op)) {
      const auto found = weights.find(node.name);
      if (found == weights.end()) fail_user("weight {} has no value", quoted(node.name));
      known.tensor = found->second;
    }
    if (std::holds_alternative<ops::Input>(node.op)) {
      const TensorType& type = node.types[0];
      const Form form{type.dtype, Layout::kPlain};
      known.ref = draft_.add({.shape = type.shape,
                              .form = form,
                              .bytes = bytes_of(type.shape, form),
                              .home = Home::kInput,
                              .outside = inputs_++});
    }
  }

  void find_last_readers(const std::vector<Group>& groups) {
    last_group_.assign(graph_.size(), 0);
    for (size_t i = 0; i < groups.size(); ++i) {
      for (const Value value : groups[i].inputs) {
        last_group_[static_cast<size_t>(value.node.index)] = i;
      }
    }
    for (const Output& output : graph_.outputs()) {
      last_group_[static_cast<size_t>(output.value.node.index)] = groups.size();
    }
  }

  Known& known(Value value) {
    return known_[static_cast<size_t>(value.node.index)][static_cast<size_t>(value.port)];
  }
  Form form_of(Value value) {
    const Known& it = known(value);
    if (it.ref.index >= 0) return draft_.slot(it.ref).form;
    return {graph_.type(value).dtype, Layout::kPlain};
  }

  Ref in_form(Value value, Form form) {
    Known& it = known(value);
    if (it.ref.index >= 0 && draft_.slot(it.ref).form == form) return it.ref;
    for (const auto& [made, ref] : it.forms) {
      if (made == form) return ref;
    }
    const Ref ref = it.tensor.defined() ? constant_in(it.tensor, form) : reordered(value, form);
    it.forms.emplace_back(form, ref);
    return ref;
  }

  Ref constant_in(const Tensor& tensor, Form form) {
    return add_constant(tensor.shape(), form, converted(tensor, form));
  }
  Ref add_constant(const Shape& shape, Form form, Tensor data) {
    const int64_t bytes = data.bytes();
    return draft_.add({.shape = shape,
                       .form = form,
                       .bytes = bytes,
                       .home = Home::kConstant,
                       .data = std::move(data)});
  }

  /// A value of the arena.
  Ref new_value(const Shape& shape, Form form) {
    return draft_.add({.shape = shape, .form = form, .bytes = bytes_of(shape, form)});
  }
  /// All results of a node, row-major in the graph's types.
  std::vector<Ref> plain_results(NodeId id) {
    std::vector<Ref> results;
    for (const TensorType& type : graph_.node(id).types) {
      results.push_back(new_value(type.shape, {type.dtype, Layout::kPlain}));
      known({id, static_cast<int32_t>(results.size()) - 1}).ref = results.back();
    }
    return results;
  }

  Ref reordered(Value value, Form form) {
    const Known& it = known(value);
    const Ref from = it.ref;
    const Form old = draft_.slot(from).form;
    const Shape shape = graph_.type(value).shape;
    const Ref to = new_value(shape, form);
    Step step = reorder_step(shape, old, form);
    step.in = {from};
    step.out = {to};
    draft_.steps.push_back(
        {.step = std::move(step), .nodes = graph_.node(value.node).name, .moves = true});
    return to;
  }

  void lower_group(const Group& group, size_t index);
  void lower_eagerly(const Group& group, const std::string& reason);

  [[noreturn]] void fail_refused() const {
    std::string list;
    for (const auto& refusal : refusals_) list += "\n  " + refusal;
    fail_unsupported("{} of the network's nodes cannot be compiled:{}", refusals_.size(), list);
  }

  const Graph& graph_;
  const CompileOptions& options_;
  Packer& packer_;
  const PlanCache& cache_;
  std::vector<std::vector<Known>> known_;  ///< by node and port
  Draft draft_;
  size_t inputs_ = 0;
  std::vector<size_t> last_group_;  ///< by node: the last group that reads it
  std::vector<std::string> refusals_;
};

/// One group on its way.
class Lowering::Call : public LowerCall {
 public:
  Call(Lowering& owner, const Group& group, size_t index)
      : owner_(owner), group_(group), group_index_(index) {
    for (const Value value : group.inputs) in_types_.push_back(owner.graph_.type(value));
    for (const auto& nodes : {group.in_front, group.nodes}) {
      for (const NodeId id : nodes) {
        if (!nodes_.empty()) nodes_ += " + ";
        nodes_ += owner.graph_.node(id).name;
      }
    }
    const Node& root = owner.graph_.node(group.nodes[0]);
    std::vector<TensorType> types;
    for (const Value value : root.inputs) types.push_back(owner.graph_.type(value));
    macs_ = macs(root.op, types, root.types);
  }

  std::span<const TensorType> in_types() const override { return in_types_; }
  std::span<const TensorType> out_types() const override { return last().types; }
  std::span<const Post> posts() const override { return group_.posts; }
  const Prologue* prologue() const override {
    return group_.prologue ? &*group_.prologue : nullptr;
  }
  size_t own_inputs() const override { return group_.own_inputs; }
  Tensor known(size_t input) override { return owner_.known(group_.inputs[input]).tensor; }

  Form form(size_t input) const override { return owner_.form_of(group_.inputs[input]); }
  Ref in(size_t input) override { return in(input, form(input)); }
  Ref in(size_t input, Form form) override { return owner_.in_form(group_.inputs[input], form); }

  bool free_after(size_t input) const override {
    const Value value = group_.inputs[input];
    const Ref ref = owner_.known(value).ref;  // none: a constant
    return ref.index >= 0 && owner_.draft_.slot(ref).home != Home::kInput &&
           owner_.last_group_[static_cast<size_t>(value.node.index)] <= group_index_;
  }

  DType storage(DType graph) const override {
    const bool narrow = owner_.options_.precision == Precision::kBf16 && graph == DType::kF32;
    return narrow ? DType::kBF16 : graph;
  }
  Ref out(size_t k, Form form) override {
    const Ref ref = temporary(out_type(k).shape, form);
    record(k, ref);
    return ref;
  }
  void out_is(size_t k, Ref whole, Form form) override {
    const Shape& shape = out_type(k).shape;
    const Slot& slot = owner_.draft_.slot(whole);
    if (bytes_of(shape, form) != slot.bytes) {
      fail_bug("{} is no other view of {}", to_string(shape), to_string(slot.shape));
    }
    record(k, part(whole, shape, form, 0));
  }
  Ref temporary(const Shape& shape, Form form) override { return owner_.new_value(shape, form); }
  Ref constant(Tensor value) override {
    const Shape shape = value.shape();
    const Form form{value.dtype(), Layout::kPlain};
    return owner_.add_constant(shape, form, std::move(value));
  }
  Ref packed(const Tensor& value, const dnnl::memory::desc& as) override {
    const Form form{value.dtype(), Layout::kPlain};
    return owner_.add_constant(value.shape(), form, owner_.packer_.packed(value, as));
  }
  Ref prepared(const Tensor& source, const std::string& how,
               const std::function<Tensor()>& make) override {
    return constant(owner_.packer_.prepared(source, how, make));
  }
  Ref part(Ref whole, const Shape& shape, Form form, int64_t offset) override {
    return owner_.draft_.add({.shape = shape,
                              .form = form,
                              .bytes = bytes_of(shape, form),
                              .home = Home::kPart,
                              .whole = whole,
                              .offset = offset});
  }
  void place(Ref from, Ref part) override {
    const int64_t bytes = owner_.draft_.slot(from).bytes;
    Step made = copy_step(bytes);
    made.in = {from};
    made.out = {part};
    owner_.draft_.steps.push_back(
        {.step = std::move(made), .nodes = nodes_, .moves = true, .placed = true});
  }
  void step(Step made) override {
    if (!made.key.empty()) made.key = full_key(made.key);
    owner_.draft_.steps.push_back({.step = std::move(made), .nodes = nodes_, .macs = macs_});
    macs_ = 0;  // the first step counts them
  }

  std::optional<std::string> chosen_way(const std::string& key) const override {
    return measures() ? owner_.cache_.find(full_key(key)) : std::nullopt;
  }
  bool measures() const override { return owner_.options_.measure; }
  bool fast_bf16() const override { return owner_.options_.fast_bf16; }

  /// Every output that somebody reads must have been made.
  void check_done() const {
    for (size_t k = 0; k < last().types.size(); ++k) {
      if (owner_.known({group_.nodes.back(), static_cast<int32_t>(k)}).ref.index < 0) {
        fail_bug("the rule of {} gave no output {}", last().name, k);
      }
    }
  }

 private:
  std::string full_key(const std::string& key) const {
    return fmt::format("{} on {} threads", key, omp_get_max_threads());
  }
  const Node& last() const { return owner_.graph_.node(group_.nodes.back()); }
  void record(size_t k, Ref ref) {
    owner_.known({group_.nodes.back(), static_cast<int32_t>(k)}).ref = ref;
  }

  Lowering& owner_;
  const Group& group_;
  const size_t group_index_;
  std::vector<TensorType> in_types_;
  std::string nodes_;
  int64_t macs_ = 0;
};

void Lowering::lower_group(const Group& group, size_t index) {
  const size_t slots = draft_.slots.size(), steps = draft_.steps.size();
  const Node& root = graph_.node(group.nodes[0]);
  Call call(*this, group, index);
  try {
    lower(root.op, call);
    call.check_done();
  } catch (const NotLowered& refusal) {
    if (draft_.slots.size() != slots) {  // what was begun is void
      for (auto& ports : known_) {
        for (Known& it : ports) {
          if (it.ref.index >= static_cast<int32_t>(slots)) it.ref = {};
          std::erase_if(it.forms, [&](const auto& entry) {
            return entry.second.index >= static_cast<int32_t>(slots);
          });
        }
      }
      draft_.slots.resize(slots);
      draft_.steps.resize(steps);
    }
    lower_eagerly(group, refusal.reason);
  } catch (const Error& error) {
    throw error.with_context(fmt::format("compiling {} ({})", root.name, to_string(root.op)));
  }
}

/// Memory of somebody else's as the storage of a tensor.
class Borrowed : public Storage {
 public:
  Borrowed(std::byte* data, int64_t bytes) : data_(data), bytes_(static_cast<size_t>(bytes)) {}
  std::byte* data() override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::byte* data_;
  size_t bytes_;
};

Kernel eager_kernel(FallbackRun run, std::vector<TensorType> in, std::vector<TensorType> out) {
  return [run = std::move(run), in = std::move(in), out = std::move(out)](const Pointers& at) {
    std::vector<Tensor> inputs, outputs;
    const auto view = [](const TensorType& type, std::byte* data) {
      return Tensor(type.dtype, type.shape, std::make_shared<Borrowed>(data, type.bytes()));
    };
    for (size_t i = 0; i < in.size(); ++i) inputs.push_back(view(in[i], at.in[i]));
    for (size_t k = 0; k < out.size(); ++k) outputs.push_back(view(out[k], at.out[k]));
    // LibTorch sets the number of OpenMP threads when a thread of the caller's first needs it.
    const ThreadScope ours(omp_get_max_threads());
    run(inputs, outputs);
  };
}

void Lowering::lower_eagerly(const Group& group, const std::string& reason) {
  const Node& root = graph_.node(group.nodes[0]);
  std::vector<NodeId> nodes = group.in_front;
  nodes.insert(nodes.end(), group.nodes.begin(), group.nodes.end());
  if (!options_.fallback) {
    refusals_.push_back(fmt::format("{} ({}): {}", root.name, op_name(root.op), reason));
    for (const NodeId id : nodes) plain_results(id);  // so that what follows can be looked at, too
    return;
  }
  for (const NodeId id : nodes) {
    const Node& node = graph_.node(id);
    Step step{.what = fmt::format("{}, run by LibTorch: {}", op_name(node.op), reason)};
    std::vector<TensorType> in;
    for (const Value value : node.inputs) {
      in.push_back(graph_.type(value));
      step.in.push_back(in_form(value, {in.back().dtype, Layout::kPlain}));
    }
    step.out = plain_results(id);
    step.ways.push_back(
        {.name = "eager", .kernel = eager_kernel(options_.fallback(node), in, node.types)});
    draft_.steps.push_back({.step = std::move(step), .nodes = node.name, .slow = true});
  }
}

}  // namespace

Tensor Packer::packed(const Tensor& value, const dnnl::memory::desc& to) {
  const auto from = desc_of(value.shape(), {value.dtype(), Layout::kPlain});
  return prepared(value, key_of(to), [&] { return packed_as(value, from, to); });
}

Tensor Packer::prepared(const Tensor& source, const std::string& how,
                        const std::function<Tensor()>& make) {
  const std::byte* data = source.data();
  const std::string key = how + to_string(source.shape()) +
                          std::string(reinterpret_cast<const char*>(&data), sizeof(data));
  Made& made = made_[key];
  if (auto storage = made.packed.lock()) return {made.dtype, made.shape, storage};
  const Tensor tensor = make();
  made = {source.storage(), tensor.storage(), tensor.dtype(), tensor.shape()};
  return tensor;
}

Draft lower_graph(const Graph& graph, const Weights& weights, const CompileOptions& options,
                  Packer& packer, const PlanCache& cache) {
  return Lowering(graph, weights, options, packer, cache).run();
}

}  // namespace rung::onednn
