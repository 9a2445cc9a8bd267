#include "rung/inspect/program_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "rung/base/error.h"
#include "rung/base/table.h"
#include "rung/base/text.h"

namespace rung {
namespace {

using Step = CompileReport::Step;

template <typename Get>
int64_t total(const CompileReport& report, const Get& get) {
  return std::accumulate(report.steps.begin(), report.steps.end(), int64_t{0},
                         [&](int64_t sum, const Step& step) { return sum + get(step); });
}

std::string bytes_or_dash(int64_t bytes) { return bytes == 0 ? "-" : bytes_text(bytes); }
std::string macs_or_dash(int64_t macs) {
  return macs == 0 ? "-" : with_unit(static_cast<double>(macs));
}

std::string considered_text(const CompileReport& report) {
  std::string text;
  for (size_t i = 0; i < report.steps.size(); ++i) {
    if (report.steps[i].considered.empty()) continue;
    text += fmt::format("  {:>3}  {}: {}\n", i, report.steps[i].way,
                        join(report.steps[i].considered, "; "));
  }
  return text.empty() ? "" : "\nchosen, and what else there was\n" + text;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// Steps by falling time.
std::vector<size_t> slowest_first(const std::vector<double>& seconds) {
  std::vector<size_t> order(seconds.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return seconds[a] > seconds[b]; });
  return order;
}

std::vector<std::string> time_row(size_t index, const Step& step, double seconds, double sum,
                                  double peak_gflops) {
  const double gflops = share(2e-9 * static_cast<double>(step.macs), seconds);
  const double gbytes = share(1e-9 * static_cast<double>(step.reads + step.writes), seconds);
  const bool computes = step.macs > 0;
  return {std::to_string(index),
          fmt::format("{:.4f}", 1e3 * seconds),
          fmt::format("{:.1f}", 100 * share(seconds, sum)),
          computes ? fmt::format("{:.0f}", gflops) : "-",
          computes && peak_gflops > 0 ? fmt::format("{:.0f}", 100 * gflops / peak_gflops) : "-",
          fmt::format("{:.1f}", gbytes),
          step.what,
          step.way + (step.slow ? " (slow)" : ""),
          step.nodes};
}

}  // namespace

std::string summary_text(const CompileReport& report) {
  const auto slow = total(report, [](const Step& step) { return step.slow ? 1 : 0; });
  std::string text = fmt::format(
      "{} steps, {} MACs; {} of them only moved\n"
      "weights {} as packed; arena {}, {:.3f} times the most that lives at once ({})\n"
      "compiled in {:.3f} s, {:.3f} of them for measuring\n",
      report.steps.size(),
      with_unit(static_cast<double>(total(report, [](const Step& s) { return s.macs; }))),
      bytes_text(total(report, [](const Step& s) { return s.moved; })),
      bytes_text(report.weight_bytes), bytes_text(report.arena_bytes),
      share(static_cast<double>(report.arena_bytes), static_cast<double>(report.arena_lower_bound)),
      bytes_text(report.arena_lower_bound), report.compile_s, report.measure_s);
  if (slow > 0) {
    text += fmt::format("slow: {} of the steps, on reference kernels or LibTorch\n", slow);
  }
  return text;
}

std::string steps_text(const CompileReport& report) {
  TextTable table({{"step", Column::kRight},
                   {"MACs", Column::kRight},
                   {"reads", Column::kRight},
                   {"writes", Column::kRight},
                   {"moved", Column::kRight},
                   {"what"},
                   {"way"},
                   {"nodes"}});
  for (size_t i = 0; i < report.steps.size(); ++i) {
    const Step& step = report.steps[i];
    table.add({std::to_string(i), macs_or_dash(step.macs), bytes_or_dash(step.reads),
               bytes_or_dash(step.writes), bytes_or_dash(step.moved), step.what,
               step.way + (step.slow ? " (slow)" : ""), step.nodes});
  }
  std::string text = table.text() + considered_text(report);
  if (!report.notes.empty()) text += "\nfolded, fused and placed\n";
  for (const auto& note : report.notes) text += "  " + note + "\n";
  return text;
}

std::string to_json(const CompileReport& report) {
  nlohmann::ordered_json json;
  json["steps"] = nlohmann::ordered_json::array();
  for (const Step& step : report.steps) {
    json["steps"].push_back({{"nodes", step.nodes},
                             {"what", step.what},
                             {"way", step.way},
                             {"slow", step.slow},
                             {"macs", step.macs},
                             {"reads", step.reads},
                             {"writes", step.writes},
                             {"moved", step.moved},
                             {"considered", step.considered}});
  }
  json["notes"] = report.notes;
  json["arena_bytes"] = report.arena_bytes;
  json["arena_lower_bound"] = report.arena_lower_bound;
  json["weight_bytes"] = report.weight_bytes;
  json["compile_s"] = report.compile_s;
  json["measure_s"] = report.measure_s;
  return json.dump(2) + "\n";
}

std::string times_text(const CompileReport& report, const Program::Times& times, double peak_gflops,
                       size_t count) {
  if (times.steps.size() != report.steps.size()) {
    fail_bug("{} steps were timed, and the report has {}", times.steps.size(), report.steps.size());
  }
  const double sum = std::accumulate(times.steps.begin(), times.steps.end(), 0.0);
  const auto order = slowest_first(times.steps);
  TextTable table({{"step", Column::kRight},
                   {"ms", Column::kRight},
                   {"%", Column::kRight},
                   {"GFLOP/s", Column::kRight},
                   {"% of peak", Column::kRight},
                   {"GB/s", Column::kRight},
                   {"what"},
                   {"way"},
                   {"nodes"}});
  double shown = 0;
  for (size_t i = 0; i < std::min(count, order.size()); ++i) {
    const double seconds = times.steps[order[i]];
    table.add(time_row(order[i], report.steps[order[i]], seconds, sum, peak_gflops));
    shown += seconds;
  }
  std::string text = table.text();
  if (order.size() > count) {
    text += fmt::format("… and {} more steps: {:.1f} %\n", order.size() - count,
                        100 * share(sum - shown, sum));
  }
  return text + fmt::format("whole run {:.4f} ms, {:.3f} times the sum of its steps ({:.4f} ms)\n",
                            1e3 * times.whole, share(times.whole, sum), 1e3 * sum);
}

}  // namespace rung
