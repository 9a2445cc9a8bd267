#include "rung/train/confusion.h"

#include <limits>

namespace rung {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Confusion::Counts::iou() const { return seen() ? ratio(hits, hits + wrong + missed) : 1; }
double Confusion::Counts::dice() const {
  return seen() ? ratio(2 * hits, 2 * hits + wrong + missed) : 1;
}
double Confusion::Counts::precision() const { return seen() ? ratio(hits, hits + wrong) : 1; }
double Confusion::Counts::recall() const { return seen() ? ratio(hits, hits + missed) : 1; }

Confusion::Confusion(std::vector<std::string> names, bool exclusive)
    : names_(std::move(names)), exclusive_(exclusive) {
  if (exclusive_) {
    table_.resize(names_.size() * names_.size());
  } else {
    counts_.resize(names_.size());
  }
}

void Confusion::add(const at::Tensor& found, const at::Tensor& truth) {
  const auto classes = static_cast<int64_t>(names_.size());
  if (exclusive_) {
    const at::Tensor counted = truth.ge(0);
    const at::Tensor pairs = (truth * classes + found).masked_select(counted);
    const at::Tensor sums = at::bincount(pairs.flatten(), {}, classes * classes).cpu();
    const int64_t* sum = sums.data_ptr<int64_t>();
    for (size_t i = 0; i < table_.size(); ++i) table_[i] += sum[i];
    return;
  }
  const at::Tensor counted = truth.ge(0), there = truth.gt(0.5);
  const auto sums = [&](const at::Tensor& mask) {
    return (mask & counted).transpose(0, 1).flatten(1).sum(1).cpu();
  };
  const at::Tensor hits = sums(found & there), wrong = sums(found & ~there),
                   missed = sums(~found & there);
  for (int64_t c = 0; c < classes; ++c) {
    Counts& counts = counts_[static_cast<size_t>(c)];
    counts.hits += hits[c].item<int64_t>();
    counts.wrong += wrong[c].item<int64_t>();
    counts.missed += missed[c].item<int64_t>();
  }
  right_ += (found.eq(there) & counted).sum().item<int64_t>();
  all_ += counted.sum().item<int64_t>();
}

Confusion::Counts Confusion::of(size_t c) const {
  if (!exclusive_) return counts_[c];
  Counts counts{.hits = at(c, c)};
  for (size_t k = 0; k < names_.size(); ++k) {
    if (k == c) continue;
    counts.wrong += at(k, c);
    counts.missed += at(c, k);
  }
  return counts;
}

double Confusion::mean(double (Counts::*figure)() const) const {
  double sum = 0;
  int64_t classes = 0;
  for (size_t c = 0; c < names_.size(); ++c) {
    const Counts counts = of(c);
    if (!counts.seen()) continue;
    sum += (counts.*figure)();
    ++classes;
  }
  return classes > 0 ? sum / static_cast<double>(classes) : 0;
}

double Confusion::accuracy() const {
  if (!exclusive_) return all_ > 0 ? ratio(right_, all_) : 0;
  int64_t right = 0, all = 0;
  for (size_t c = 0; c < names_.size(); ++c) right += at(c, c);
  for (const int64_t count : table_) all += count;
  return all > 0 ? ratio(right, all) : 0;
}

nlohmann::json Confusion::to_json() const {
  nlohmann::json out = {{"classes", nlohmann::json::array()}};
  for (size_t c = 0; c < names_.size(); ++c) {
    const Counts counts = of(c);
    out["classes"].push_back({{"name", names_[c]},
                              {"iou", counts.iou()},
                              {"dice", counts.dice()},
                              {"precision", counts.precision()},
                              {"recall", counts.recall()},
                              {"count", counts.hits + counts.missed}});
  }
  if (!exclusive_) return out;
  for (size_t c = 0; c < names_.size(); ++c) {
    std::vector<int64_t> row;
    for (size_t k = 0; k < names_.size(); ++k) row.push_back(at(c, k));
    out["confusion"].push_back(row);
  }
  return out;
}

double roc_auc(const at::Tensor& scores, const at::Tensor& truth) {
  const int64_t yes = truth.sum().item<int64_t>(), no = truth.numel() - yes;
  if (yes == 0 || no == 0) return std::numeric_limits<double>::quiet_NaN();
  // The sum of the ranks of the yes, ties sharing the mean of theirs.
  const at::Tensor x = scores.to(at::kDouble).contiguous();
  const auto [sorted, order] = x.sort();
  const at::Tensor first = at::searchsorted(sorted, x),
                   last = at::searchsorted(sorted, x, /*out_int32=*/false, /*right=*/true);
  const at::Tensor ranks = (first + 1 + last).to(at::kDouble) / 2;
  const double sum = ranks.masked_select(truth).sum().item<double>();
  const auto n = static_cast<double>(yes);
  return (sum - n * (n + 1) / 2) / (n * static_cast<double>(no));
}

}  // namespace rung
