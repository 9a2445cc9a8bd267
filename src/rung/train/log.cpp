#include "rung/train/log.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rung {
namespace {

using Json = nlohmann::json;

Json to_json(const PartResult& part) {
  Json out = {{"loss", part.loss}, {"metrics", part.metrics}};
  if (!part.details.is_null()) out["details"] = part.details;
  return out;
}

PartResult part_from_json(const Json& json) {
  return {json.at("loss").get<double>(), json.at("metrics").get<std::vector<double>>(),
          json.value("details", Json())};
}

/// The place of the metric that chooses the best epoch, or nothing for the loss.
std::optional<size_t> monitored(const TrainLog& log) {
  if (log.monitor.empty()) return 0;
  for (size_t i = 0; i < log.metrics.size(); ++i) {
    if (log.metrics[i].name == log.monitor) return i;
  }
  return std::nullopt;
}

std::string cells(const PartResult& part) {
  std::string out = fmt::format(",{:.6g}", part.loss);
  for (const double value : part.metrics) out += fmt::format(",{:.6g}", value);
  return out;
}

}  // namespace

double TrainLog::figure(const EpochResult& epoch) const {
  const PartResult& part = epoch.validation ? *epoch.validation : epoch.train;
  const auto metric = monitored(*this);
  return metric ? part.metrics.at(*metric) : part.loss;
}

bool TrainLog::better(double a, double b) const {
  const auto metric = monitored(*this);
  return metric && metrics.at(*metric).higher_is_better ? a > b : a < b;
}

double TrainLog::seconds() const {
  double sum = 0;
  for (const auto& epoch : epochs) sum += epoch.seconds;
  return sum;
}

std::string to_csv(const TrainLog& log) {
  std::string out = "epoch,rate,seconds,train_loss";
  for (const auto& metric : log.metrics) out += ",train_" + metric.name;
  const bool validated = !log.epochs.empty() && log.epochs.front().validation;
  if (validated) {
    out += ",loss";
    for (const auto& metric : log.metrics) out += "," + metric.name;
  }
  out += "\n";
  for (const auto& epoch : log.epochs) {
    out += fmt::format("{},{:.6g},{:.2f}", epoch.epoch, epoch.rate, epoch.seconds);
    out += cells(epoch.train);
    if (validated && epoch.validation) out += cells(*epoch.validation);
    out += "\n";
  }
  return out;
}

Json to_json(const TrainLog& log) {
  Json metrics = Json::array(), epochs = Json::array();
  for (const auto& metric : log.metrics) {
    metrics.push_back({{"name", metric.name}, {"higher_is_better", metric.higher_is_better}});
  }
  for (const auto& epoch : log.epochs) {
    Json entry = {{"epoch", epoch.epoch},
                  {"rate", epoch.rate},
                  {"seconds", epoch.seconds},
                  {"train", to_json(epoch.train)}};
    if (epoch.validation) entry["validation"] = to_json(*epoch.validation);
    epochs.push_back(std::move(entry));
  }
  Json out = {{"task", log.task},
              {"metrics", std::move(metrics)},
              {"monitor", log.monitor},
              {"epochs", std::move(epochs)},
              {"best_epoch", log.best_epoch},
              {"stopped_early", log.stopped_early}};
  if (log.test) out["test"] = to_json(*log.test);
  return out;
}

TrainLog log_from_json(const Json& json) {
  TrainLog log;
  log.task = json.at("task").get<std::string>();
  for (const Json& metric : json.at("metrics")) {
    log.metrics.push_back(
        {metric.at("name").get<std::string>(), metric.at("higher_is_better").get<bool>()});
  }
  log.monitor = json.value("monitor", std::string());
  for (const Json& entry : json.at("epochs")) {
    EpochResult epoch{.epoch = entry.at("epoch").get<int64_t>(),
                      .rate = entry.at("rate").get<double>(),
                      .seconds = entry.at("seconds").get<double>(),
                      .train = part_from_json(entry.at("train"))};
    if (entry.contains("validation")) epoch.validation = part_from_json(entry.at("validation"));
    log.epochs.push_back(std::move(epoch));
  }
  log.best_epoch = json.at("best_epoch").get<int64_t>();
  log.stopped_early = json.at("stopped_early").get<bool>();
  if (json.contains("test")) log.test = part_from_json(json.at("test"));
  return log;
}

}  // namespace rung
