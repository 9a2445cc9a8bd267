#include "rung/io/load_weights.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/new_head.h"

namespace rung {
namespace {

constexpr std::string_view kParallel = "module.";

bool counts_batches(std::string_view name) { return name.ends_with("num_batches_tracked"); }

Tensor converted(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor out(dtype, tensor.shape());
  for (int64_t i = 0; i < out.elements(); ++i) out.set(i, tensor.at(i));
  return out;
}

std::string list_text(const char* what, const std::vector<std::string>& names) {
  constexpr size_t kShown = 10;
  std::string out;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) {
    out += fmt::format("\n  {}  {}", what, names[i]);
  }
  if (names.size() > kShown)
    out += fmt::format("\n  {}  … and {} more", what, names.size() - kShown);
  return out;
}

// The tensors under the network's names.
Weights renamed(const Weights& tensors, const LoadWeightsOptions& options) {
  if (!options.rename) return tensors;
  Weights out;
  for (const auto& [name, tensor] : tensors) {
    const std::string to = options.rename(name);
    if (to.empty()) continue;
    if (!out.emplace(to, tensor).second) {
      fail_user("two tensors of the file become {}, one of them {}", quoted(to), quoted(name));
    }
  }
  return out;
}

// Takes DataParallel's prefix off, if it is one.
bool without_prefix(Weights& tensors, const Graph& graph) {
  const auto has_prefix = [](const std::string& name) { return name.starts_with(kParallel); };
  const auto params = graph.params();
  if (tensors.empty() ||
      !std::all_of(tensors.begin(), tensors.end(),
                   [&](const auto& item) { return has_prefix(item.first); }) ||
      std::any_of(params.begin(), params.end(),
                  [&](NodeId id) { return has_prefix(graph.node(id).name); })) {
    return false;
  }
  Weights out;
  for (auto& [name, tensor] : tensors) out[name.substr(kParallel.size())] = std::move(tensor);
  tensors = std::move(out);
  return true;
}

// Why `tensor` cannot be this weight, or nothing.
std::string mismatch(const ops::Param& param, const Tensor& tensor) {
  const bool both_float = is_floating(param.dtype) && is_floating(tensor.dtype());
  if (tensor.shape() == param.shape && (both_float || param.dtype == tensor.dtype())) return {};
  return fmt::format("the network needs {}{}, the file has {}{}", name(param.dtype),
                     to_string(param.shape), name(tensor.dtype()), to_string(tensor.shape()));
}

/// The data that a node works on, as against its weights.
Value data_of(const Node& node) { return node.inputs.at(0); }

/// The weights of convolutions that read an input of the graph, through what has no weights itself.
std::set<std::string> input_weights(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes()) {
    const auto* conv = std::get_if<ops::Conv>(&node.op);
    if (conv == nullptr || conv->groups != 1) continue;
    const Node* from = &graph.node(data_of(node).node);
    while (!is_leaf(from->op) && from->inputs.size() <= 2) {
      const bool alone = std::none_of(from->inputs.begin(), from->inputs.end(), [&](Value value) {
        return graph.op_as<ops::Param>(value.node) != nullptr;
      });
      if (!alone) break;
      from = &graph.node(data_of(*from).node);
    }
    if (std::holds_alternative<ops::Input>(from->op)) {
      names.insert(graph.node(node.inputs.at(1).node).name);
    }
  }
  return names;
}

/// The kernel [out, in, …] for another number of input channels.
Tensor adapted(const Tensor& from, int64_t channels) {
  Shape shape = from.shape();
  const int64_t out = shape[0], in = shape[1], plane = from.elements() / (out * in);
  shape[1] = channels;
  Tensor to(from.dtype(), shape);
  const double share = static_cast<double>(in) / static_cast<double>(channels);
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t p = 0; p < plane; ++p) {
      const auto at = [&](int64_t c) { return from.at((o * in + c) * plane + p); };
      double sum = 0;
      for (int64_t c = 0; c < in; ++c) sum += at(c);
      for (int64_t c = 0; c < channels; ++c) {
        to.set((o * channels + c) * plane + p, channels == 1 ? sum : at(c % in) * share);
      }
    }
  }
  return to;
}

/// Whether the shapes differ in the input channels of a kernel alone.
bool differs_in_channels(const Shape& wanted, Shape given) {
  if (wanted.size() < 3 || given.size() != wanted.size() || given[1] < 1) return false;
  given[1] = wanted[1];
  return given == wanted;
}

}  // namespace

std::string WeightReport::text() const {
  return fmt::format("{} matched, {} missing, {} unexpected, {} of the wrong shape", matched.size(),
                     missing.size(), unexpected.size(), wrong_shape.size()) +
         list_text("missing    ", missing) + list_text("unexpected ", unexpected) +
         list_text("wrong shape", wrong_shape) + list_text("adapted    ", adapted) +
         list_text("drawn      ", fresh) + list_text("note       ", notes);
}

WeightReport load_weights(Model& model, const Weights& tensors, const LoadWeightsOptions& options) {
  Weights given = renamed(tensors, options);
  WeightReport report;
  report.notes = options.notes;
  if (without_prefix(given, model.graph)) {
    report.notes.push_back(quoted(kParallel) + " taken off every name");
  }
  Weights loaded;
  std::set<std::string, std::less<>> wanted;
  std::set<std::string> head, first;
  if (options.new_head) {
    const auto names = head_weights(model.graph);
    head.insert(names.begin(), names.end());
  }
  if (options.adapt_input) first = input_weights(model.graph);
  for (const NodeId id : model.graph.params()) {
    const std::string& name = model.graph.node(id).name;
    const auto& param = *model.graph.op_as<ops::Param>(id);
    wanted.insert(name);
    const auto found = given.find(name);
    if (head.contains(name)) {
      report.fresh.push_back(name);
    } else if (found == given.end()) {
      if (!counts_batches(name)) report.missing.push_back(name);
    } else if (first.contains(name) && differs_in_channels(param.shape, found->second.shape()) &&
               found->second.shape() != param.shape) {
      const int64_t from = found->second.shape()[1], to = param.shape[1];
      report.adapted.push_back(fmt::format("{}: {} input channels {} {}", name, from,
                                           to == 1 ? "summed to" : "repeated to", to));
      loaded[name] = converted(adapted(found->second, to), param.dtype);
    } else if (const auto why = mismatch(param, found->second); !why.empty()) {
      report.wrong_shape.push_back(fmt::format("{}: {}", name, why));
    } else {
      report.matched.push_back(name);
      loaded[name] = converted(found->second, param.dtype);
    }
  }
  for (const auto& [name, tensor] : given) {
    if (!wanted.contains(name) && !counts_batches(name)) report.unexpected.push_back(name);
  }
  if (options.strict && !report.complete()) {
    fail_user("the weights do not fit the network: {}", report.text());
  }
  for (auto& [name, tensor] : loaded) model.weights[name] = std::move(tensor);
  return report;
}

}  // namespace rung
