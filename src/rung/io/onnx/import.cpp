#include "rung/io/onnx/import.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/graph/input_roles.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/size_trials.h"
#include "rung/io/onnx/given_numbers.h"
#include "rung/io/onnx/importer.h"
#include "rung/io/onnx/restore.h"

namespace rung {
namespace {

using onnx_import::GraphInput;
using onnx_import::InputSizes;
using onnx_import::SizeRefused;

/// A size that the file leaves free, of one or more axes.
struct FreeSize {
  std::vector<std::pair<size_t, size_t>> axes;  ///< input and axis
  int64_t size = 0;
  bool batch = false;
  bool chosen = false;  ///< the user gave an example
};

/// A size of one symbol that is tried beside the example's.
struct Trial {
  size_t symbol;
  int64_t size;
};

/// The first node that reads a value's numbers, and not only its sizes.
const onnx::NodeProto* first_reader(const onnx::GraphProto& graph, const std::string& value) {
  for (const auto& node : graph.node()) {
    if (node.op_type() == "Shape" || node.op_type() == "Size") continue;
    if (node.input_size() > 0 && node.input(0) == value) return &node;
  }
  return nullptr;
}

bool is_recurrent(const onnx::NodeProto* node) {
  if (node == nullptr) return false;
  const std::string& op = node->op_type();
  return op == "LSTM" || op == "GRU" || op == "RNN";
}

/// A first guess at the roles of an input, by the first node that reads it: which axis is a batch.
Roles guess_roles(const onnx::GraphProto& graph, const std::string& input, size_t rank) {
  const onnx::NodeProto* node = first_reader(graph, input);
  if (node == nullptr) return roles_by_rank(rank);
  const std::string& op = node->op_type();
  if (rank == 3 && is_recurrent(node)) return {Role::kTime, Role::kBatch, Role::kFeature};
  // A batch in front, which such layers do not have.
  if (rank == 3 && op == "Transpose" && node->output_size() == 1 &&
      is_recurrent(first_reader(graph, node->output(0)))) {
    return sequence_roles();
  }
  if (rank >= 2 && (op == "Conv" || op == "ConvTranspose" || op == "BatchNormalization" ||
                    op == "MaxPool" || op == "AveragePool")) {
    return map_roles(rank);
  }
  if (rank == 3 && (op == "MatMul" || op == "LayerNormalization")) return sequence_roles();
  return roles_by_rank(rank);
}

class Loader {
 public:
  Loader(OnnxFile file, const OnnxOptions& options) : file_(std::move(file)), options_(options) {
    options_.numbers = onnx_import::numbers_of_inputs(options.numbers, file_.proto->graph());
    read_inputs();
  }

  Model load(OnnxReport& report) {
    Model model = choose_sizes(report);
    set_roles(model.graph);
    probe();
    do {
      follow(model, report);
    } while (settle_waiting() || learn_more(model));
    if (trials_.empty())
      model = onnx_import::lower(file_, inputs(), {sizes_of({})}, options_, report);
    return model;
  }

 private:
  /// Makes the network at all sizes that are tried; what does not fit is dropped first.
  void follow(Model& model, OnnxReport& report) {
    while (!trials_.empty()) {
      try {
        model = onnx_import::lower(file_, inputs(), all_sizes(), options_, report);
        return;
      } catch (const onnx_import::SizeVaries& varies) {
        const size_t symbol = trials_.at(varies.places.front() - 1).symbol;
        hold(symbol, varies.what + " depends on that size in a way that a graph cannot follow");
        drop(symbol);
      } catch (const SizeRefused& refused) {
        refuse(refused.place - 1);
      } catch (const Error& error) {  // the example's sizes fit, so another one does not
        if (error.kind() == ErrorKind::kBug) throw;
        const auto place = find_refused();
        if (!place) throw;
        refuse(*place);
      }
    }
  }

  /// What the network's layers say of its inputs, and then what the user does.
  void set_roles(const Graph& graph) {
    const auto ids = graph.inputs();
    const InputRoles read = infer_input_roles(graph);
    InputRoles given;
    for (const auto& [name, roles] : options_.roles) {
      const bool only = name.empty() && inputs_.size() == 1;
      given[only ? inputs_[0].name : name] = roles;
    }
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const std::string& name = graph.node(ids.at(i)).name;
      auto found = given.find(inputs_[i].name);
      if (found == given.end()) found = given.find(name);
      Roles& mine = inputs_[i].op.type.roles;
      mine = read.at(name);
      if (found == given.end()) continue;
      if (found->second.size() != mine.size()) {
        fail_user("the input {} has {} axes, and {} roles are given", quoted(name), mine.size(),
                  found->second.size());
      }
      mine = found->second;
      given.erase(found);
    }
    if (given.empty()) return;
    std::vector<std::string> names;
    for (const auto& input : inputs_) names.push_back(input.name);
    fail_user("there is no input {}; the inputs are {}", quoted(given.begin()->first),
              rung::join(names, ", "));
  }

  void read_inputs() {
    const auto& graph = file_.proto->graph();
    std::set<std::string> initializers;
    for (const auto& tensor : graph.initializer()) initializers.insert(tensor.name());
    std::vector<const onnx::ValueInfoProto*> given;
    std::vector<std::string> names;
    for (const auto& input : graph.input()) {
      if (initializers.contains(input.name())) continue;  // a default that nobody needs to give
      if (options_.numbers.contains(input.name())) continue;
      given.push_back(&input);
      names.push_back(input.name());
    }
    for (const auto& [name, shape] : options_.shapes) {
      const std::string& full = name.empty() ? only_input(names, shape) : name;
      if (std::find(names.begin(), names.end(), full) == names.end()) {
        fail_user("there is no input {}; the inputs are {}", quoted(full), rung::join(names, ", "));
      }
      shapes_[full] = shape;
    }
    std::map<std::string, size_t> by_name;
    for (const auto* input : given) read_input(*input, by_name);
  }

  void read_input(const onnx::ValueInfoProto& info, std::map<std::string, size_t>& by_name) {
    if (!info.type().has_tensor_type()) {
      fail_unsupported("the input {} is no tensor", quoted(info.name()));
    }
    const auto& tensor = info.type().tensor_type();
    const auto dtype = ops::dtype_from_onnx(tensor.elem_type());
    if (!dtype) {
      fail_unsupported("the input {} is of ONNX's type {}, which rung lacks", quoted(info.name()),
                       tensor.elem_type());
    }
    const auto given = shapes_.find(info.name());
    const bool has_example = given != shapes_.end();
    if (!tensor.has_shape() && !has_example) {
      fail_user("the file does not say the shape of the input {}; give an example's",
                quoted(info.name()));
    }
    const size_t rank =
        tensor.has_shape() ? static_cast<size_t>(tensor.shape().dim_size()) : given->second.size();
    if (has_example && given->second.size() != rank) {
      fail_user("the input {} has {} axes, and {} sizes are given", quoted(info.name()), rank,
                given->second.size());
    }
    GraphInput input{.name = info.name(), .op = {}};
    input.op.type =
        TensorType(*dtype, Shape(rank, 0), guess_roles(file_.proto->graph(), info.name(), rank));
    for (size_t axis = 0; axis < rank; ++axis) {
      const auto* dim = tensor.has_shape() ? &tensor.shape().dim(static_cast<int>(axis)) : nullptr;
      const std::pair place{inputs_.size(), axis};
      if (dim != nullptr && dim->has_dim_value() && dim->dim_value() >= 0) {
        input.op.type.shape[axis] = dim->dim_value();
        if (has_example && given->second[axis] != dim->dim_value()) {
          fail_user("the input {} has size {} on axis {}, and an example of {} is given",
                    quoted(info.name()), dim->dim_value(), axis, given->second[axis]);
        }
        continue;
      }
      size_t symbol = symbols_.size();
      if (dim != nullptr && !dim->dim_param().empty()) {
        symbol = by_name.emplace(dim->dim_param(), symbol).first->second;
      }
      if (symbol == symbols_.size()) symbols_.emplace_back();
      symbols_[symbol].axes.push_back(place);
      if (input.op.type.roles[axis] == Role::kBatch) symbols_[symbol].batch = true;
      if (has_example) {
        symbols_[symbol].size = given->second[axis];
        symbols_[symbol].chosen = true;
      }
    }
    inputs_.push_back(std::move(input));
  }

  /// The inputs' sizes with other sizes of some symbols.
  InputSizes sizes_of(const std::map<size_t, int64_t>& others) const {
    InputSizes out;
    for (const auto& input : inputs_) out.push_back(input.op.type.shape);
    for (size_t i = 0; i < symbols_.size(); ++i) {
      const auto other = others.find(i);
      const int64_t size = other == others.end() ? symbols_[i].size : other->second;
      for (const auto& [input, axis] : symbols_[i].axes) out[input][axis] = size;
    }
    return out;
  }
  std::vector<InputSizes> all_sizes() const {
    std::vector<InputSizes> out{sizes_of({})};
    for (const Trial& trial : trials_) out.push_back(sizes_of({{trial.symbol, trial.size}}));
    return out;
  }
  std::vector<GraphInput> inputs() const {
    auto out = inputs_;
    const auto sizes = sizes_of({});
    for (size_t i = 0; i < out.size(); ++i) out[i].op.type.shape = sizes[i];
    return out;
  }

  /// Gives every free size a number with which the network can be made.
  Model choose_sizes(OnnxReport& report) {
    bool free = false;
    for (auto& symbol : symbols_) {
      if (!symbol.chosen) symbol.size = 1;
      free = free || (!symbol.chosen && !symbol.batch);
    }
    std::optional<Error> first;
    for (const int64_t size : {224, 64, 32, 256, 28, 128, 512, 16, 100, 1}) {
      for (auto& symbol : symbols_) {
        if (!symbol.chosen && !symbol.batch) symbol.size = size;
      }
      try {
        return onnx_import::lower(file_, inputs(), {sizes_of({})}, options_, report);
      } catch (const Error& error) {
        if (!free || error.kind() != ErrorKind::kUser) throw;
        if (!first) first = error;
      }
    }
    throw Error(ErrorKind::kUser,
                fmt::format("{}\n  fix     give the sizes of an example input", first->what()));
  }

  std::vector<int64_t> others_of(const FreeSize& symbol) const {
    return symbol.batch ? batches_to_try(symbol.size) : sizes_to_try(symbol.size);
  }
  bool next_trial(size_t symbol) {
    const auto others = others_of(symbols_[symbol]);
    size_t& place = tried_[symbol];
    if (place >= others.size()) return false;
    trials_.push_back({symbol, others[place++]});
    return true;
  }
  void probe() {
    tried_.assign(symbols_.size(), 0);
    for (size_t i = 0; i < symbols_.size(); ++i) {
      next_trial(i);
      if (symbols_[i].size >= 16) next_trial(i);
    }
  }
  /// The network does not take the size of this trial; others of its symbol may fit.
  void refuse(size_t place) {
    const size_t symbol = trials_.at(place).symbol;
    trials_.erase(trials_.begin() + static_cast<int64_t>(place));
    const bool others = std::any_of(trials_.begin(), trials_.end(),
                                    [&](const Trial& trial) { return trial.symbol == symbol; });
    if (!others && !next_trial(symbol)) waiting_.push_back(symbol);
  }
  /// Sizes that fit no other number alone may do so together: a batch that the file calls by two
  /// names, or by none. Those that are alone are held. False: nothing was waiting.
  bool settle_waiting() {
    if (waiting_.empty()) return false;
    std::map<int64_t, std::vector<size_t>> by_size;
    for (const size_t symbol : waiting_) by_size[symbols_[symbol].size].push_back(symbol);
    waiting_.clear();
    for (const auto& [size, group] : by_size) {
      const size_t first = group.front();
      if (group.size() == 1) {
        hold(first, "no other size that was tried fits the network");
        continue;
      }
      for (size_t i = 1; i < group.size(); ++i) {
        auto& axes = symbols_[group[i]].axes;
        symbols_[first].axes.insert(symbols_[first].axes.end(), axes.begin(), axes.end());
        axes.clear();
      }
      tried_[first] = 0;
      next_trial(first);
    }
    return true;
  }
  /// Sizes at which the network, as it was followed so far, tells more than at those that were
  /// tried; there it may be another. False: nothing is left to learn.
  bool learn_more(const Model& model) {
    if (trials_.empty()) return false;
    const size_t before = trials_.size();
    Extents extents;
    extents.update(model.graph);
    for (size_t symbol = 0; symbol < symbols_.size(); ++symbol) {
      InputAxes axes;
      for (const auto& [input, axis] : symbols_[symbol].axes) {
        axes.push_back({model.graph.node(model.graph.inputs().at(input)).name, axis});
      }
      SizeTrials known(model.graph, extents, axes);
      bool followed = false;
      for (size_t i = 0; i < before; ++i) {
        if (trials_[i].symbol != symbol) continue;
        known.add(at_size(model.graph, axes, trials_[i].size).graph);
        followed = true;
      }
      const auto others = others_of(symbols_[symbol]);
      for (size_t& place = tried_[symbol];
           followed && place < others.size() && !known.told_all();) {
        const int64_t other = others[place++];
        if (!known.tells(at_size(model.graph, axes, other).graph)) continue;
        trials_.push_back({symbol, other});
        break;
      }
    }
    return trials_.size() > before;
  }
  /// The first trial that fails on its own.
  std::optional<size_t> find_refused() const {
    for (size_t i = 0; i < trials_.size(); ++i) {
      OnnxReport ignored;
      try {
        onnx_import::lower(file_, inputs(),
                           {sizes_of({}), sizes_of({{trials_[i].symbol, trials_[i].size}})},
                           options_, ignored);
      } catch (const onnx_import::SizeVaries&) {  // taken, but not followed
      } catch (const SizeRefused&) {
        return i;
      } catch (const Error&) {
        return i;
      }
    }
    return std::nullopt;
  }
  void drop(size_t symbol) {
    std::erase_if(trials_, [&](const Trial& trial) { return trial.symbol == symbol; });
  }
  void hold(size_t symbol, const std::string& why) {
    for (const auto& [input, axis] : symbols_[symbol].axes) {
      auto& op = inputs_[input].op;
      op.fixed.push_back(static_cast<int64_t>(axis));
      std::sort(op.fixed.begin(), op.fixed.end());
      if (op.why.find(why) == std::string::npos) op.why += (op.why.empty() ? "" : "; ") + why;
    }
  }

  OnnxFile file_;
  OnnxOptions options_;
  InputShapes shapes_;  ///< the examples, by the inputs' full names
  std::vector<GraphInput> inputs_;
  std::vector<FreeSize> symbols_;
  std::vector<Trial> trials_;
  std::vector<size_t> tried_;    ///< by symbol: how many other sizes
  std::vector<size_t> waiting_;  ///< symbols that fit no other size on their own
};

}  // namespace

std::string OnnxReport::text() const {
  if (restored) return "restored from the graph that rung keeps in its files\n";
  TextTable table({{"operator"},
                   {"native", Column::kRight},
                   {"composed", Column::kRight},
                   {"opaque", Column::kRight},
                   {"worked out", Column::kRight}});
  const auto cell = [](size_t n) { return n == 0 ? std::string() : std::to_string(n); };
  for (const auto& [name, count] : operators) {
    table.add(
        {name, cell(count.native), cell(count.composed), cell(count.opaque), cell(count.folded)});
  }
  return table.text();
}

namespace {

std::map<std::string, std::string> about_of(const onnx::ModelProto& proto) {
  std::map<std::string, std::string> about;
  for (const auto& entry : proto.metadata_props()) {
    if (entry.key().starts_with(Model::kAbout)) {
      about.emplace(entry.key().substr(Model::kAbout.size()), entry.value());
    }
  }
  return about;
}

}  // namespace

Model load_onnx(const std::filesystem::path& path, const OnnxOptions& options, OnnxReport* report) {
  try {
    OnnxReport own;
    OnnxReport& result = report == nullptr ? own : *report;
    OnnxFile file = read_onnx(path);
    auto about = about_of(*file.proto);
    if (auto model = options.ignore_metadata ? std::nullopt : restore_onnx(file)) {
      result = {.operators = {}, .restored = true};
      if (!options.numbers.empty()) {
        fail_user(
            "a number is given for {}, and this file is rung's own, whose branches are decided; "
            "give numbers where the first file is read",
            quoted(options.numbers.begin()->first));
      }
      model->graph = resize_inputs(model->graph, options.shapes);
      model->graph = with_input_roles(model->graph, options.roles);
      model->about = std::move(about);
      return std::move(*model);
    }
    Model model = Loader(std::move(file), options).load(result);
    model.about = std::move(about);
    return model;
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find(path.string()) != std::string::npos) throw;
    throw Error(error.kind(), fmt::format("{}: {}", path.string(), text));
  }
}

}  // namespace rung
