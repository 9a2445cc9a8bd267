#include "rung/cli/bench_report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/statistics.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/cli/program_options.h"
#include "rung/inspect/chart.h"
#include "rung/inspect/program_report.h"

namespace rung::cli {
namespace {

std::optional<double> ratio(const BenchReport& report, const BenchRow& row) {
  if (!report.yardstick || row.ms.empty()) return std::nullopt;
  return median(row.ms) / median(report.rows[*report.yardstick].ms);
}

std::string rows_text(const BenchReport& report) {
  TextTable table({{""},
                   {"median ms", Column::kRight},
                   {"quartiles"},
                   {"least", Column::kRight},
                   {"ratio", Column::kRight},
                   {"runs", Column::kRight},
                   {"opened in ms", Column::kRight},
                   {"memory", Column::kRight},
                   {"difference", Column::kRight}});
  std::string left_out;
  for (const BenchRow& row : report.rows) {
    if (!row.error.empty()) {
      left_out += fmt::format("not measured: {}: {}\n", row.name, row.error);
      continue;
    }
    const auto share = ratio(report, row);
    table.add({row.name, fmt::format("{:.4g}", median(row.ms)),
               fmt::format("{:.4g} – {:.4g}", quantile(row.ms, 0.25), quantile(row.ms, 0.75)),
               fmt::format("{:.4g}", quantile(row.ms, 0)),
               share ? fmt::format("{:.3f}", *share) : "-", std::to_string(row.ms.size()),
               fmt::format("{:.1f}", row.load_ms), bytes_text(row.memory_bytes),
               row.difference ? fmt::format("{:.1e}", *row.difference) : "-"});
  }
  return table.text() + left_out;
}

nlohmann::ordered_json row_json(const BenchReport& report, const BenchRow& row) {
  nlohmann::ordered_json json{{"name", row.name}};
  if (!row.error.empty()) {
    json["error"] = row.error;
    return json;
  }
  const auto share = ratio(report, row);
  json["median_ms"] = median(row.ms);
  json["quartiles_ms"] = {quantile(row.ms, 0.25), quantile(row.ms, 0.75)};
  json["least_ms"] = quantile(row.ms, 0);
  json["ratio"] = share ? nlohmann::ordered_json(*share) : nlohmann::ordered_json();
  json["load_ms"] = row.load_ms;
  json["memory_bytes"] = row.memory_bytes;
  if (row.difference) json["difference"] = *row.difference;
  json["ms"] = row.ms;
  return json;
}

nlohmann::ordered_json program_json(const BenchProgram& program) {
  auto json = nlohmann::ordered_json::parse(rung::to_json(program.report));
  double sum = 0;
  for (size_t i = 0; i < program.times.steps.size(); ++i) {
    json["steps"][i]["ms"] = 1e3 * program.times.steps[i];
    sum += program.times.steps[i];
  }
  json["precision"] = name(program.precision);
  json["sum_ms"] = 1e3 * sum;
  json["whole_ms"] = 1e3 * program.times.whole;
  json["peak_gflops"] = program.peak.gflops;
  json["peak_how"] = program.peak.how;
  return json;
}

}  // namespace

std::string to_text(const BenchReport& report) {
  std::string text =
      fmt::format("{}  {}; {} thread{} of {}\n", report.network, join(report.inputs, ", "),
                  report.threads, report.threads == 1 ? "" : "s", report.machine);
  text += rows_text(report);
  if (report.yardstick) {
    text += fmt::format("ratio: to the median of {}; difference: relative RMS to {}\n",
                        report.rows[*report.yardstick].name, report.rows.front().name);
  }
  for (const BenchProgram& program : report.programs) {
    text += fmt::format("\nrung {}: where the time goes; peak {:.0f} GFLOP/s, measured ({})\n{}{}",
                        name(program.precision), program.peak.gflops, program.peak.how,
                        times_text(program.report, program.times, program.peak.gflops),
                        summary_text(program.report));
  }
  return text;
}

std::string to_json(const BenchReport& report) {
  nlohmann::ordered_json json{{"network", report.network},
                              {"machine", report.machine},
                              {"threads", report.threads},
                              {"inputs", report.inputs}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const BenchRow& row : report.rows) json["rows"].push_back(row_json(report, row));
  json["programs"] = nlohmann::ordered_json::array();
  for (const auto& program : report.programs) json["programs"].push_back(program_json(program));
  return json.dump(1) + "\n";
}

std::string to_svg(const BenchReport& report) {
  BarChart chart{.title = fmt::format("{}, {} thread{}", report.network, report.threads,
                                      report.threads == 1 ? "" : "s"),
                 .y_label = "ms a run (median)"};
  for (const BenchRow& row : report.rows) {
    if (!row.error.empty()) continue;
    chart.bars.push_back({.label = row.name, .value = median(row.ms)});
  }
  return bar_chart_svg(chart);
}

}  // namespace rung::cli
