#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace rung {

struct OptimizerOptions {
  std::string kind = "adamw";  ///< sgd, adam, adamw
  double lr = 1e-3;
  double momentum = 0.9;  ///< sgd
  bool nesterov = true;   ///< sgd
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  bool decay_norms = false;  ///< decay biases and the weights of norms (all of rank 1) as well
};

struct ScheduleOptions {
  std::string kind = "constant";  ///< constant, cosine, step, one_cycle
  double warmup = 0;              ///< epochs in which the rate rises from zero
  double final = 0;               ///< cosine, one_cycle: the last rate, as a share of lr
  int64_t every = 10;             ///< step: epochs
  double factor = 0.1;            ///< step
  double peak = 0.3;              ///< one_cycle: when the rate is highest, as a share of the run
};

struct TrainOptions {
  int64_t epochs = 10;
  int64_t batch = 32;
  int64_t eval_batch = 0;  ///< 0: as batch
  uint64_t seed = 0;       ///< order, augmentation, dropout
  OptimizerOptions optimizer = {};
  ScheduleOptions schedule = {};
  double clip = 0;                ///< largest norm of all gradients together; 0: no limit
  std::string precision = "f32";  ///< f32, or bf16: autocast
  bool channels_last = false;     ///< maps in NHWC memory
  std::string monitor = {};  ///< a metric, or loss, that chooses the best epoch; empty: the first
  int64_t patience = 0;      ///< stop after so many epochs without a better one; 0: never
  std::string device = "cpu";
  int threads = 0;  ///< 0: the cores that the process may use
};

/// Everything that decides the bits of a run, as JSON: what a checkpoint must agree with.
nlohmann::json to_json(const TrainOptions& options);

/// Throws a user error that names the option, its value and what it may be.
void check(const TrainOptions& options);

/// The rate at `step` of `steps` steps an epoch, epochs and steps counted from 0.
double rate_at(const TrainOptions& options, int64_t epoch, int64_t step, int64_t steps);

}  // namespace rung
