#include "rung/train/split.h"

#include <algorithm>
#include <map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/train/dataset.h"

namespace rung {
namespace {

using Units = std::vector<std::vector<int64_t>>;  ///< samples that stay together

Units units_of(int64_t count, const std::vector<std::string>& groups) {
  if (groups.empty()) {
    Units units;
    for (int64_t i = 0; i < count; ++i) units.push_back({i});
    return units;
  }
  std::map<std::string, std::vector<int64_t>> by_name;
  for (int64_t i = 0; i < count; ++i) by_name[groups[static_cast<size_t>(i)]].push_back(i);
  Units units;
  for (auto& [name, samples] : by_name) units.push_back(std::move(samples));
  return units;
}

/// One stratum's units, in a drawn order, to the parts. `next` counts those that folds were dealt.
void deal(const Units& units, const SplitOptions& options, bool small_is_training,
          const std::string& what, int64_t& next, Split& out) {
  const auto count = static_cast<int64_t>(units.size());
  const auto put = [&](int64_t from, int64_t to, std::vector<int64_t>& part) {
    for (int64_t i = from; i < to; ++i) {
      const auto& unit = units[static_cast<size_t>(i)];
      part.insert(part.end(), unit.begin(), unit.end());
    }
  };
  if (small_is_training && count < 3) return put(0, count, out.train);
  const PartSizes shares =
      split_parts(count, options.fold ? 0 : options.validation, options.test, what);
  const int64_t rest = count - shares.test;
  put(rest, count, out.test);
  if (!options.fold) {
    put(0, shares.train, out.train);
    return put(shares.train, rest, out.validation);
  }
  const auto [which, of] = *options.fold;
  for (int64_t i = 0; i < rest; ++i) {
    put(i, i + 1, next++ % of == which ? out.validation : out.train);
  }
}

}  // namespace

Split draw_split(int64_t count, const std::vector<int64_t>& labels,
                 const std::vector<std::string>& groups, const SplitOptions& options,
                 const std::string& what) {
  Rng rng(options.seed, "parts");
  const Units units = units_of(count, groups);
  const auto order = shuffled(static_cast<int64_t>(units.size()), rng);
  const bool stratified = groups.empty() && !labels.empty();
  std::map<int64_t, Units> strata;
  for (const int64_t i : order) {
    const auto& unit = units[static_cast<size_t>(i)];
    strata[stratified ? labels[static_cast<size_t>(unit.front())] : 0].push_back(unit);
  }
  Split out;
  int64_t next = 0;
  for (const auto& [label, members] : strata) deal(members, options, stratified, what, next, out);
  if (options.fold && out.validation.empty()) {
    fail_user("{}: fold {} of {} is empty; there are {} samples or groups to share out", what,
              options.fold->first + 1, options.fold->second, next);
  }
  if (out.train.empty()) {
    fail_user("{}: of {} samples none is left to train on (validation {}, test {})", what, count,
              options.validation, options.test);
  }
  // Classes stand one behind the other by now; the first samples should be of all of them.
  const auto mix = [&](std::vector<int64_t>& part) {
    const auto place = shuffled(static_cast<int64_t>(part.size()), rng);
    std::vector<int64_t> mixed;
    for (const int64_t i : place) mixed.push_back(part[static_cast<size_t>(i)]);
    part = std::move(mixed);
  };
  for (auto* part : {&out.train, &out.validation, &out.test}) mix(*part);
  return out;
}

void draw_validation(Split& split, const std::vector<int64_t>& labels,
                     const std::vector<std::string>& groups, const SplitOptions& options,
                     const std::string& what) {
  const std::vector<int64_t> rest = split.train;
  std::vector<int64_t> own_labels;
  std::vector<std::string> own_groups;
  for (const int64_t i : rest) {
    if (!labels.empty()) own_labels.push_back(labels[static_cast<size_t>(i)]);
    if (!groups.empty()) own_groups.push_back(groups[static_cast<size_t>(i)]);
  }
  const Split drawn = draw_split(static_cast<int64_t>(rest.size()), own_labels, own_groups,
                                 {.validation = options.validation, .seed = options.seed}, what);
  split.train.clear();
  for (const int64_t i : drawn.train) split.train.push_back(rest[static_cast<size_t>(i)]);
  for (const int64_t i : drawn.validation) split.validation.push_back(rest[static_cast<size_t>(i)]);
}

Split read_split(const Csv& csv, size_t column) {
  Split split;
  const std::map<std::string, std::vector<int64_t>*> parts = {{"train", &split.train},
                                                              {"val", &split.validation},
                                                              {"validation", &split.validation},
                                                              {"test", &split.test}};
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    const auto part = parts.find(csv.rows[row][column]);
    if (part == parts.end()) {
      fail_user("{}:{}: split is {}; it is one of train, val, test", csv.file, csv.lines[row],
                quoted(csv.rows[row][column]));
    }
    part->second->push_back(static_cast<int64_t>(row));
  }
  return split;
}

Split split_table(const Csv& csv, const std::vector<int64_t>& labels, const SplitOptions& options) {
  const auto has = [&](const char* name) {
    return std::find(csv.columns.begin(), csv.columns.end(), name) != csv.columns.end();
  };
  std::vector<std::string> groups;
  for (size_t row = 0; has("group") && row < csv.rows.size(); ++row) {
    groups.push_back(csv.rows[row][csv.column("group")]);
  }
  if (!has("split")) {
    return draw_split(static_cast<int64_t>(csv.rows.size()), labels, groups, options, csv.file);
  }
  if (options.fold) {
    fail_user("{}: the column split says the parts; leave out data.fold", csv.file);
  }
  Split split = read_split(csv, csv.column("split"));
  if (split.train.empty()) fail_user("{}: no image is left to train on", csv.file);
  if (split.validation.empty() && options.validation > 0) {
    draw_validation(split, labels, groups, options, csv.file);
  }
  return split;
}

}  // namespace rung
