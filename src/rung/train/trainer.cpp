#include "rung/train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/device.h"
#include "rung/graph/rewrite.h"
#include "rung/io/model_file.h"
#include "rung/ops/dtype_eager.h"
#include "rung/train/checkpoint.h"
#include "rung/train/optimizer.h"
#include "rung/train/run_context.h"

namespace rung {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_finite(const at::Tensor& weight) {
  const bool few = has_few_kernels(weight.scalar_type());
  return !weight.is_floating_point() ||
         at::isfinite(few ? weight.to(at::kFloat) : weight).all().item<bool>();
}

bool is_coarse(DType dtype) {
  return (!is_floating(dtype) && dtype != DType::kBool && size_of(dtype) <= 2) || is_float8(dtype);
}

/// Refuses a quantised network: where numbers are rounded to 8 or 16 bits no gradient comes back
/// (in 8-bit floats, little of it), and the weights in front would stay without a word.
void check_not_quantised(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    const auto* cast = std::get_if<ops::Cast>(&node.op);
    if (cast == nullptr || !is_coarse(cast->dtype)) continue;
    if (!is_floating(graph.type(node.inputs[0]).dtype)) continue;
    fail_unsupported(
        "the network is quantised: node {} turns numbers into {}, through which no gradient "
        "flows\n  fix     train the network that it was made from, and quantise the result",
        quoted(node.name), name(cast->dtype));
  }
}

PartResult measure(ModuleImpl& net, const Dataset& data, const Objective& objective,
                   const TrainOptions& options, bool details) {
  const torch::NoGradGuard no_grad;
  const bool training = net.is_training();
  net.eval();
  const int64_t size = options.eval_batch > 0 ? options.eval_batch : options.batch;
  const auto score = objective.score();
  double loss_sum = 0;
  for (const auto& indices : make_batches(data, in_order(data.size()), size, false)) {
    const Batch batch = placed(data.batch(indices, nullptr), options);
    const Autocast autocast(options);
    const auto outputs = forward(net, batch);
    objective.check(outputs, batch);
    loss_sum += objective.loss(outputs, batch).item<double>() * static_cast<double>(indices.size());
    score->add(outputs, batch);
  }
  net.train(training);
  return {data.size() > 0 ? loss_sum / static_cast<double>(data.size()) : 0, score->values(),
          details ? score->details() : nlohmann::json()};
}

/// Everything that one run works with.
class Trainer {
 public:
  Trainer(ModuleImpl& net, const DataParts& data, const Objective& objective,
          const TrainOptions& options, const TrainRun& run)
      : net_(net), data_(data), objective_(objective), options_(options), run_(run) {
    check(options_);
    check_not_quantised(net_.graph());
    if (data_.train == nullptr || data_.train->size() == 0) {
      fail_user("there are no samples to train on");
    }
    at::set_num_threads(options_.threads > 0 ? options_.threads : usable_cores());
    net_.to(find_device(options_.device));
    if (options_.channels_last) use_channels_last();
    optimizer_ = make_optimizer(net_, options_.optimizer);
    log_.task = objective_.name();
    log_.metrics = objective_.metrics();
    log_.monitor = options_.monitor;
    check_monitor();
    for (const auto& [name, weight] : net_.weights()) {
      if (is_finite(weight)) finite_.insert(name);
    }
    check_fit();
  }

  TrainLog run() {
    if (run_.resume) resume();
    if (!run_.folder.empty()) make_folder();
    while (static_cast<int64_t>(log_.epochs.size()) < options_.epochs && !exhausted()) {
      train_epoch(static_cast<int64_t>(log_.epochs.size()));
    }
    log_.stopped_early = static_cast<int64_t>(log_.epochs.size()) < options_.epochs;
    finish();
    return log_;
  }

 private:
  std::filesystem::path file(const char* name) const { return run_.folder / name; }
  bool has(const std::shared_ptr<const Dataset>& part) const {
    return part != nullptr && part->size() > 0;
  }

  void check_monitor() const {
    if (options_.monitor.empty() || options_.monitor == "loss") return;
    std::vector<std::string> names = {"loss"};
    for (const auto& metric : log_.metrics) names.push_back(metric.name);
    if (std::find(names.begin(), names.end(), options_.monitor) != names.end()) return;
    fail_user("monitor = {} is no metric of {}; it is one of {}", quoted(options_.monitor),
              objective_.name(), join(names, ", "));
  }

  void make_folder() const {
    std::error_code error;
    std::filesystem::create_directories(run_.folder, error);
    if (error) {
      fail_user("cannot make the folder {}: {}", run_.folder.string(), error.message());
    }
  }

  void use_channels_last() {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net_.parameters()) {
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
      }
    }
  }

  /// One forward pass before anything is written, so that a network that does not fit the data is
  /// found at once.
  void check_fit() {
    const torch::NoGradGuard no_grad;
    const std::vector<int64_t> first = {0};
    const Batch batch = placed(data_.train->batch(first, nullptr), options_);
    const bool training = net_.is_training();
    net_.eval();
    try {
      objective_.check(forward(net_, batch), batch);
    } catch (const Error& error) {
      explain_misfit(batch);
      throw;
    }
    net_.train(training);
  }

  /// Throws rung's own words, where its rules say why the network does not take the data.
  void explain_misfit(const Batch& batch) const {
    const Graph& graph = net_.graph();
    const auto inputs = network_inputs(graph, batch);
    for (size_t i = 0; i < inputs.size(); ++i) explain_misfit(graph.inputs().at(i), inputs[i]);
  }
  void explain_misfit(NodeId input, const at::Tensor& data) const {
    const Graph& graph = net_.graph();
    TensorType type = graph.type({input, 0});
    const Shape shape(data.sizes().begin(), data.sizes().end());
    if (shape.size() != type.rank()) return;
    const TensorType wanted = std::exchange(type, TensorType(type.dtype, shape, type.roles));
    try {
      retype(graph, {{graph.node(input).name, type}});
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("the network takes {} and the data are {}: {}",
                                            to_string(wanted), to_string(type), error.what()));
    }
  }

  void resume() {
    RestoredRun restored =
        load_checkpoint(file("checkpoint.safetensors"), net_, *optimizer_, context());
    log_ = std::move(restored.log);
    for (const auto& note : restored.notes) {
      if (run_.on_note) run_.on_note(note);
    }
    if (log_.best_epoch > 0) best_ = load_model(file("best.rung")).weights;
  }

  RunSettings context() const {
    return {.options = options_,
            .settings = run_.settings,
            .digests = run_.digests,
            .threads = at::get_num_threads()};
  }

  bool exhausted() const {
    const auto done = static_cast<int64_t>(log_.epochs.size());
    return options_.patience > 0 && done - log_.best_epoch >= options_.patience;
  }

  void train_epoch(int64_t epoch) {
    const auto start = Clock::now();
    EpochResult result{.epoch = epoch + 1};
    result.train = train_steps(epoch, result.rate);
    if (has(data_.validation)) {
      // Without details: the log of many epochs and classes would be large.
      result.validation = measure(net_, *data_.validation, objective_, options_, false);
    }
    check_finite(result);
    result.seconds = since(start);
    log_.epochs.push_back(std::move(result));
    const EpochResult& done = log_.epochs.back();
    const bool best =
        log_.best_epoch == 0 ||
        log_.better(log_.figure(done),
                    log_.figure(log_.epochs[static_cast<size_t>(log_.best_epoch) - 1]));
    if (best) {
      log_.best_epoch = done.epoch;
      keep_best();
    }
    save();
    if (run_.on_epoch) run_.on_epoch(log_);
  }

  [[noreturn]] void fail_astray(const std::string& what, int64_t epoch) const {
    fail_user(
        "{}: training went astray\n"
        "  fix     a smaller optimizer.lr, a warmup, or clip = 1{}",
        what,
        run_.folder.empty() || log_.epochs.empty()
            ? ""
            : fmt::format("; the checkpoint of epoch {} is whole", epoch - 1));
  }

  /// What is not finite is never kept: neither as best nor as a checkpoint.
  void check_finite(const EpochResult& result) const {
    for (const auto& [name, weight] : net_.weights()) {
      if (finite_.contains(name) && !is_finite(weight)) {
        fail_astray(
            fmt::format("the weight {} is not finite after epoch {}", quoted(name), result.epoch),
            result.epoch);
      }
    }
    if (result.validation && !std::isfinite(result.validation->loss)) {
      fail_astray(fmt::format("the validation loss is {} after epoch {}", result.validation->loss,
                              result.epoch),
                  result.epoch);
    }
  }

  PartResult train_steps(int64_t epoch, double& rate) {
    net_.train();
    // Each epoch draws from streams of its own: a run that goes on draws what the whole one does.
    Rng rng(options_.seed, "epoch " + std::to_string(epoch));
    torch::manual_seed(rng.next());
    const auto order = shuffled(data_.train->size(), rng);
    const auto batches = make_batches(*data_.train, order, options_.batch, true);
    const auto score = objective_.score();
    double loss_sum = 0;
    int64_t seen = 0;
    const auto start = Clock::now();
    for (size_t i = 0; i < batches.size(); ++i) {
      const auto step = static_cast<int64_t>(i), steps = static_cast<int64_t>(batches.size());
      rate = rate_at(options_, epoch, step, steps);
      set_rate(*optimizer_, rate);
      const Batch batch = placed(data_.train->batch(batches[i], &rng), options_);
      const auto count = static_cast<int64_t>(batches[i].size());
      loss_sum += train_step(batch, *score, epoch + 1, step + 1) * static_cast<double>(count);
      seen += count;
      if (run_.on_step) report(epoch, step, steps, loss_sum, seen, *score, rate, since(start));
    }
    return {loss_sum / static_cast<double>(seen), score->values(), {}};
  }

  double train_step(const Batch& batch, Objective::Score& score, int64_t epoch, int64_t step) {
    optimizer_->zero_grad();
    std::vector<at::Tensor> outputs;
    at::Tensor loss;
    {
      const Autocast autocast(options_);
      outputs = forward(net_, batch);
      loss = objective_.loss(outputs, batch);
    }
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      fail_astray(fmt::format("the loss is {} in epoch {}, step {}", value, epoch, step), epoch);
    }
    loss.backward();
    if (options_.clip > 0) torch::nn::utils::clip_grad_norm_(net_.parameters(), options_.clip);
    optimizer_->step();
    const torch::NoGradGuard no_grad;
    for (at::Tensor& output : outputs) output = output.detach();
    score.add(outputs, batch);
    return value;
  }

  void report(int64_t epoch, int64_t step, int64_t steps, double loss_sum, int64_t seen,
              const Objective::Score& score, double rate, double seconds) const {
    const double share = static_cast<double>(step + 1) / static_cast<double>(steps);
    const double epochs_left = static_cast<double>(options_.epochs - epoch) - share;
    const double whole = log_.epochs.empty() ? seconds / share : log_.epochs.back().seconds;
    run_.on_step({.epoch = epoch + 1,
                  .epochs = options_.epochs,
                  .step = step + 1,
                  .steps = steps,
                  .loss = loss_sum / static_cast<double>(seen),
                  .metrics = score.values(),
                  .rate = rate,
                  .samples_per_second = static_cast<double>(seen) / std::max(1e-9, seconds),
                  .seconds_left = epochs_left * whole});
  }

  void keep_best() {
    const Model model = objective_.without_hints(net_.model());
    if (!run_.folder.empty()) save_model(model, file("best.rung"));
    best_.clear();
    for (const auto& [name, tensor] : model.weights) best_.emplace(name, tensor.clone());
  }

  void save() const {
    if (run_.folder.empty()) return;
    save_model(objective_.without_hints(net_.model()), file("last.rung"));
    write_file(file("history.csv"), to_csv(log_));
    write_file(file("log.json"), to_json(log_).dump(1) + "\n");
    save_checkpoint(file("checkpoint.safetensors"), net_, *optimizer_, log_, context());
  }

  void finish() {
    const torch::NoGradGuard no_grad;
    for (auto& [name, weight] : net_.weights()) {
      const auto best = best_.find(name);  // what only hints need stays
      if (best != best_.end()) at::Tensor(weight).copy_(to_torch(best->second));
    }
    net_.eval();
    if (has(data_.test)) log_.test = evaluate(net_, *data_.test, objective_, options_);
    if (!run_.folder.empty()) write_file(file("log.json"), to_json(log_).dump(1) + "\n");
  }

  ModuleImpl& net_;
  const DataParts& data_;
  const Objective& objective_;
  const TrainOptions& options_;
  const TrainRun& run_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  TrainLog log_;
  Weights best_;                  ///< of the best epoch
  std::set<std::string> finite_;  ///< weights that began so: a mask may hold infinities
};

}  // namespace

TrainLog train(ModuleImpl& net, const DataParts& data, const Objective& objective,
               const TrainOptions& options, const TrainRun& run) {
  return Trainer(net, data, objective, options, run).run();
}

TrainLog train(ModuleImpl& net, const DataParts& data, const Task& task,
               const TrainOptions& options, const TrainRun& run) {
  return train(net, data, Objective(task), options, run);
}

PartResult evaluate(ModuleImpl& net, const Dataset& data, const Objective& objective,
                    const TrainOptions& options) {
  return measure(net, data, objective, options, true);
}

PartResult evaluate(ModuleImpl& net, const Dataset& data, const Task& task,
                    const TrainOptions& options) {
  return evaluate(net, data, Objective(task), options);
}

}  // namespace rung
