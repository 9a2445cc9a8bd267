#include "rung/train/dataset.h"

#include <cmath>
#include <map>
#include <numeric>

#include "rung/base/error.h"

namespace rung {

nlohmann::json OpenedData::facts() const {
  nlohmann::json out = nlohmann::json::object();
  if (size) out["size"] = {size->first, size->second};
  if (range) out["range"] = {range->first, range->second};
  const auto column = [](const std::string& name, double mean, double deviation) {
    return nlohmann::json{{"name", name}, {"mean", mean}, {"deviation", deviation}};
  };
  for (const auto& input : inputs) {
    out["inputs"].push_back(column(input.name, input.mean, input.deviation));
  }
  if (scales.empty()) {
    if (!names.empty()) out["classes"] = names;
    if (!colors.empty()) out["colors"] = colors;
    if (overlapping) out["overlapping"] = true;
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    out["targets"].push_back(column(names.at(i), scales[i].first, scales[i].second));
  }
  return out;
}

std::vector<int64_t> in_order(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<int64_t> shuffled(int64_t n, Rng& rng) {
  auto order = in_order(n);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1],
              order[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(i) - 1))]);
  }
  return order;
}

std::vector<std::vector<int64_t>> make_batches(const Dataset& data, std::span<const int64_t> order,
                                               int64_t size, bool training) {
  std::map<std::vector<int64_t>, std::vector<int64_t>> open;
  std::map<std::vector<int64_t>, size_t> last;  // where the last full batch of a shape stands
  std::vector<std::vector<int64_t>> out;
  for (const int64_t index : order) {
    const auto shape = data.shape(index, training);
    auto& batch = open[shape];
    batch.push_back(index);
    if (static_cast<int64_t>(batch.size()) < size) continue;
    last[shape] = out.size();
    out.push_back(std::move(batch));
    batch.clear();
  }
  for (auto& [shape, batch] : open) {
    // A single sample has no statistics that a batch norm could learn from.
    const auto before = last.find(shape);
    if (training && batch.size() == 1 && before != last.end()) {
      out[before->second].push_back(batch.front());
    } else if (!batch.empty()) {
      out.push_back(std::move(batch));
    }
  }
  return out;
}

PartSizes split_parts(int64_t count, double validation, double test, const std::string& what) {
  PartSizes parts;
  const auto share = [&](double part) {
    const auto n = static_cast<int64_t>(std::llround(part * static_cast<double>(count)));
    return part > 0 && n == 0 && count > 2 ? 1 : n;
  };
  parts.validation = share(validation);
  parts.test = share(test);
  parts.train = count - parts.validation - parts.test;
  if (parts.train <= 0) {
    fail_user("{}: of {} samples none is left to train on (validation {}, test {})", what, count,
              validation, test);
  }
  return parts;
}

}  // namespace rung
