#include "rung/cli/run_results.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/cli/pictures.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/safetensors.h"

namespace rung::cli {
namespace {

constexpr std::string_view kNpy = ".npy";
constexpr std::string_view kPng = ".png";
constexpr std::string_view kSafetensors = ".safetensors";

std::string type_text(const Tensor& value) {
  return std::string(name(value.dtype())) + to_string(value.shape());
}

// min, mean, max of the finite numbers, and what else there is.
std::vector<std::string> statistics(const Tensor& value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low = kInfinity, high = -kInfinity, sum = 0;
  int64_t finite = 0, nan = 0;
  for (int64_t i = 0; i < value.elements(); ++i) {
    const double number = value.at(i);
    if (std::isnan(number)) ++nan;
    if (!std::isfinite(number)) continue;
    ++finite;
    low = std::min(low, number);
    high = std::max(high, number);
    sum += number;
  }
  const int64_t others = value.elements() - finite;
  const std::string note = others > 0 ? fmt::format("{} NaN, {} infinite", nan, others - nan) : "";
  if (finite == 0) return {"-", "-", "-", note};
  const auto text = [](double number) { return fmt::format("{:.6g}", number); };
  return {text(low), text(sum / static_cast<double>(finite)), text(high), note};
}

void write_picture(const Result& result, const std::string& path) {
  const bool turned =
      result.channels_last && result.value.shape().size() == 4 && result.value.shape()[0] == 1;
  save_png(path,
           result_picture(turned ? with_channels_first(result.value) : result.value, result.picture,
                          fmt::format("-o {}: {}", quoted(path), type_text(result.value))));
}

}  // namespace

void check_result_file(const std::optional<std::string>& file) {
  if (!file) return;
  const std::string extension = std::filesystem::path(*file).extension().string();
  if (extension != kNpy && extension != kPng && extension != kSafetensors) {
    fail_user("-o {}: results are written as .npy or .png (one) or .safetensors (any number)",
              quoted(*file));
  }
  check_writable(*file);
}

void check_result_count(const std::optional<std::string>& file, size_t count) {
  if (!file || file->ends_with(kSafetensors) || count == 1) return;
  fail_user(
      "-o {}: a {} file holds one result, and these are {}; write .safetensors, or choose "
      "one with --tap",
      quoted(*file), std::filesystem::path(*file).extension().string(), count);
}

void print_results(const Inputs& inputs, const std::vector<Result>& results,
                   const std::string& weights) {
  TextTable table({{""},
                   {"name"},
                   {"type and shape"},
                   {"min", Column::kRight},
                   {"mean", Column::kRight},
                   {"max", Column::kRight},
                   {""}});
  const auto add = [&](const char* kind, const std::string& name, const Tensor& value) {
    std::vector<std::string> row{kind, name, type_text(value)};
    for (auto& cell : statistics(value)) row.push_back(std::move(cell));
    table.add(std::move(row));
  };
  for (const auto& [name, value] : inputs) add("input", name, value);
  for (const Result& result : results) add("output", result.name, result.value);
  std::printf("%sweights  %s\n", table.text().c_str(), weights.c_str());
}

void write_results(const std::vector<Result>& results, const std::string& path) {
  if (path.ends_with(kNpy)) {
    save_npy(path, results.front().value);
  } else if (path.ends_with(kPng)) {
    write_picture(results.front(), path);
  } else {
    Safetensors file;
    for (const Result& result : results) file.tensors.insert_or_assign(result.name, result.value);
    save_safetensors(path, file);
  }
  std::printf("wrote %s\n", path.c_str());
}

}  // namespace rung::cli
