#include "rung/train/options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

void one_of(const char* key, const std::string& value, const std::vector<std::string>& valid) {
  if (std::find(valid.begin(), valid.end(), value) != valid.end()) return;
  fail_user("{} = {} is not known; it is one of {}", key, quoted(value), join(valid, ", "));
}

void within(const char* key, double value, double low, double high) {
  if (value >= low && value <= high) return;
  fail_user("{} is {}; it is a number from {} to {}", key, value, low, high);
}

double cosine(double from, double to, double share) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

nlohmann::json to_json(const TrainOptions& o) {
  nlohmann::json out = {{"epochs", o.epochs},
                        {"batch", o.batch},
                        {"seed", o.seed},
                        {"optimizer",
                         {{"kind", o.optimizer.kind},
                          {"lr", o.optimizer.lr},
                          {"momentum", o.optimizer.momentum},
                          {"nesterov", o.optimizer.nesterov},
                          {"beta1", o.optimizer.beta1},
                          {"beta2", o.optimizer.beta2},
                          {"eps", o.optimizer.eps},
                          {"weight_decay", o.optimizer.weight_decay},
                          {"decay_norms", o.optimizer.decay_norms}}},
                        {"schedule",
                         {{"kind", o.schedule.kind},
                          {"warmup", o.schedule.warmup},
                          {"final", o.schedule.final},
                          {"every", o.schedule.every},
                          {"factor", o.schedule.factor},
                          {"peak", o.schedule.peak}}},
                        {"clip", o.clip},
                        {"precision", o.precision},
                        {"channels_last", o.channels_last},
                        {"patience", o.patience}};
  if (!o.monitor.empty()) out["monitor"] = o.monitor;
  return out;
}

void check(const TrainOptions& o) {
  within("epochs", static_cast<double>(o.epochs), 1, 1e6);
  within("batch", static_cast<double>(o.batch), 1, 1e6);
  within("eval_batch", static_cast<double>(o.eval_batch), 0, 1e6);
  one_of("optimizer.kind", o.optimizer.kind, {"sgd", "adam", "adamw"});
  within("optimizer.lr", o.optimizer.lr, 0, 1e6);
  within("optimizer.momentum", o.optimizer.momentum, 0, 1);
  within("optimizer.beta1", o.optimizer.beta1, 0, 1);
  within("optimizer.beta2", o.optimizer.beta2, 0, 1);
  within("optimizer.weight_decay", o.optimizer.weight_decay, 0, 1e6);
  one_of("schedule.kind", o.schedule.kind, {"constant", "cosine", "step", "one_cycle"});
  within("schedule.warmup", o.schedule.warmup, 0, 1e6);
  within("schedule.every", static_cast<double>(o.schedule.every), 1, 1e6);
  within("schedule.peak", o.schedule.peak, 0, 1);
  within("clip", o.clip, 0, 1e30);
  one_of("precision", o.precision, {"f32", "bf16"});
  within("patience", static_cast<double>(o.patience), 0, 1e6);
  within("threads", o.threads, 0, 4096);
}

double rate_at(const TrainOptions& options, int64_t epoch, int64_t step, int64_t steps) {
  const ScheduleOptions& s = options.schedule;
  const double lr = options.optimizer.lr;
  const double now = static_cast<double>(epoch) +
                     static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, steps));
  const double share = now / static_cast<double>(options.epochs);
  double rate = lr;
  if (s.kind == "cosine") {
    const double start = s.warmup / static_cast<double>(options.epochs);
    rate =
        cosine(lr, lr * s.final, std::clamp((share - start) / std::max(1e-9, 1 - start), 0., 1.));
  } else if (s.kind == "step") {
    rate = lr * std::pow(s.factor, static_cast<double>(epoch / s.every));
  } else if (s.kind == "one_cycle") {
    rate = share < s.peak ? cosine(lr / 25, lr, share / s.peak)
                          : cosine(lr, lr * s.final, (share - s.peak) / std::max(1e-9, 1 - s.peak));
  }
  if (now < s.warmup) {  // the first step moves already
    rate *= (now * static_cast<double>(steps) + 1) / (s.warmup * static_cast<double>(steps) + 1);
  }
  return rate;
}

}  // namespace rung
