#include "rung/cli/train_pictures.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/inspect/chart.h"
#include "rung/inspect/contact_sheet.h"
#include "rung/inspect/palette.h"
#include "rung/io/image.h"
#include "rung/train/run_context.h"

namespace rung::cli {
namespace {

constexpr int64_t kRows = 8;         ///< of a contact sheet
constexpr int64_t kImages = 64;      ///< of a classification's sheet
constexpr int64_t kForecasts = 168;  ///< rows of a forecast's chart
constexpr int64_t kSamples = 200;    ///< of a regression's chart

/// One batch, run in evaluation mode.
struct Seen {
  Batch batch;
  at::Tensor said;
};

Seen look(ModuleImpl& net, const Dataset& data, const Task& task, const TrainOptions& options,
          std::span<const int64_t> indices) {
  const torch::NoGradGuard no_grad;
  net.eval();
  const Batch batch = placed(data.batch(indices, nullptr), options);
  const Autocast autocast(options);
  const at::Tensor said = task.predict(forward(net, batch).at(0), batch);
  return {{batch.input.cpu(), batch.target.cpu()}, said.cpu()};
}

/// `count` numbers spread evenly over 0 … n-1.
std::vector<int64_t> spread(int64_t n, int64_t count) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < std::min(n, count); ++i) out.push_back(i * n / std::min(n, count));
  return out;
}

Tensor as_image(const at::Tensor& unit) {
  return from_torch(unit.clamp(0, 1).mul(255).round().to(at::kByte).contiguous());
}

/// With its darkest and brightest pixel black and white: microscope images are often almost black.
at::Tensor stretched(const at::Tensor& image) {
  const at::Tensor low = image.min(), range = image.max() - low;
  return range.item<float>() > 0 ? (image - low) / range : image;
}

LineChart chart(const TrainLog& log, const std::string& name, auto&& value) {
  Series train{.name = "training", .x = {}, .y = {}},
      validation{.name = "validation", .x = {}, .y = {}};
  for (const auto& epoch : log.epochs) {
    train.x.push_back(static_cast<double>(epoch.epoch));
    train.y.push_back(value(epoch.train));
    if (!epoch.validation) continue;
    validation.x.push_back(static_cast<double>(epoch.epoch));
    validation.y.push_back(value(*epoch.validation));
  }
  LineChart out{.title = name, .x_label = "epoch", .y_label = name, .series = {train}};
  if (!validation.x.empty()) out.series.push_back(validation);
  return out;
}

/// A mask as a picture: [H, W] of exclusive classes in their colours, [1, H, W] black and white, of
/// overlapping classes the last one that is there in its colour.
Tensor mask_picture(const at::Tensor& mask, const OpenedData& data) {
  if (data.names.empty()) return as_image(mask);
  std::vector<Color> colors;
  for (const auto& color : data.colors) colors.push_back(parse_color(color));
  at::Tensor classes = mask;
  if (data.overlapping) {
    classes = at::zeros_like(mask[0]);
    for (int64_t c = 0; c < mask.size(0); ++c) classes.masked_fill_(mask[c].gt(0.5), c + 1);
  } else {
    if (classes.dim() == 3) classes = classes[0];
  }
  const size_t count = data.names.size() + (data.overlapping ? 1 : 0);
  return colored(from_torch(classes.to(at::kInt).contiguous()),
                 colors.size() == count ? colors : class_colors(count));
}

std::string draw_masks(ModuleImpl& net, const OpenedData& opened, const Dataset& data,
                       const Task& task, const TrainOptions& options,
                       const std::filesystem::path& folder) {
  std::vector<std::vector<Tensor>> rows;
  for (const int64_t index : spread(data.size(), kRows)) {
    const Seen seen = look(net, data, task, options, std::vector<int64_t>{index});
    rows.push_back({as_image(stretched(seen.batch.input[0])),
                    mask_picture(seen.batch.target[0], opened),
                    mask_picture(seen.said[0], opened)});
  }
  save_png(folder / "predictions.png", contact_sheet(rows));
  return "predictions.png";
}

/// The image in colour, in a frame.
at::Tensor framed(const at::Tensor& image, bool right) {
  constexpr int64_t kFrame = 2;
  at::Tensor out = at::zeros({3, image.size(1) + 2 * kFrame, image.size(2) + 2 * kFrame});
  out[right ? 1 : 0].fill_(0.75);
  out.narrow(1, kFrame, image.size(1))
      .narrow(2, kFrame, image.size(2))
      .copy_(image.expand({3, -1, -1}));
  return out;
}

std::string draw_classes(ModuleImpl& net, const Dataset& data, const Task& task,
                         const TrainOptions& options, const std::filesystem::path& folder) {
  std::vector<std::pair<bool, Tensor>> images;
  for (const int64_t index : spread(data.size(), kImages)) {
    const Seen seen = look(net, data, task, options, std::vector<int64_t>{index});
    const at::Tensor truth = seen.batch.target[0];
    const bool right = truth.dim() == 0
                           ? seen.said[0].argmax().item<int64_t>() == truth.item<int64_t>()
                           : at::equal(seen.said[0].gt(0.5), truth.gt(0.5));
    images.emplace_back(!right, as_image(framed(seen.batch.input[0], right)));
  }
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::vector<Tensor>> rows;
  for (size_t i = 0; i < images.size(); ++i) {
    if (i % 8 == 0) rows.emplace_back();
    rows.back().push_back(images[i].second);
  }
  save_png(folder / "predictions.png", contact_sheet(rows));
  return "predictions.png";
}

std::string draw_forecast(ModuleImpl& net, const OpenedData& opened, const ShownPart& shown,
                          const Task& task, const TrainOptions& options,
                          const std::filesystem::path& folder) {
  const Dataset& data = shown.data;
  const auto scale = opened.scales.back();
  const auto column = static_cast<int64_t>(opened.scales.size()) - 1;
  Series truth{.name = "truth", .x = {}, .y = {}}, said{.name = "predicted", .x = {}, .y = {}};
  for (int64_t i = 0; i < std::min(data.size(), kForecasts); ++i) {
    const Seen seen = look(net, data, task, options, std::vector<int64_t>{i});
    const auto value = [&](const at::Tensor& rows) {
      return rows[0][0][column].item<double>() * scale.second + scale.first;
    };
    truth.x.push_back(static_cast<double>(i));
    truth.y.push_back(value(seen.batch.target));
    said.x.push_back(static_cast<double>(i));
    said.y.push_back(value(seen.said));
  }
  const std::vector<LineChart> charts = {{.title = opened.names.back() + ", the next row",
                                          .x_label = fmt::format("row of the {} part", shown.name),
                                          .y_label = opened.names.back(),
                                          .series = {truth, said}}};
  write_file(folder / "predictions.svg", line_charts_svg(charts));
  return "predictions.svg";
}

/// Each target's truth, ascending, and what was said of the same samples.
std::string draw_numbers(ModuleImpl& net, const OpenedData& opened, const ShownPart& shown,
                         const Task& task, const TrainOptions& options,
                         const std::filesystem::path& folder) {
  std::vector<at::Tensor> truths, said;
  for (const int64_t index : spread(shown.data.size(), kSamples)) {
    const Seen seen = look(net, shown.data, task, options, std::vector<int64_t>{index});
    truths.push_back(seen.batch.target[0]);
    said.push_back(seen.said[0]);
  }
  const at::Tensor truth = at::stack(truths).to(at::kDouble),
                   guess = at::stack(said).to(at::kDouble);
  std::vector<LineChart> charts;
  for (size_t k = 0; k < opened.scales.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const auto [values, order] = truth.select(1, at).sort();
    const at::Tensor found = guess.select(1, at).index_select(0, order);
    Series is{.name = "truth", .x = {}, .y = {}}, says{.name = "predicted", .x = {}, .y = {}};
    for (int64_t i = 0; i < values.size(0); ++i) {
      is.x.push_back(static_cast<double>(i));
      is.y.push_back(values[i].item<double>() * opened.scales[k].second + opened.scales[k].first);
      says.x.push_back(static_cast<double>(i));
      says.y.push_back(found[i].item<double>());
    }
    charts.push_back({.title = opened.names[k],
                      .x_label = fmt::format("sample of the {} part, by its truth", shown.name),
                      .y_label = opened.names[k],
                      .series = {is, says}});
  }
  write_file(folder / "predictions.svg", line_charts_svg(charts));
  return "predictions.svg";
}

/// Image, target and what was said, the latter two between the same black and white; what is not
/// counted is black.
std::string draw_images(ModuleImpl& net, const OpenedData& opened, const Dataset& data,
                        const Task& task, const TrainOptions& options,
                        const std::filesystem::path& folder) {
  std::vector<std::vector<Tensor>> rows;
  for (const int64_t index : spread(data.size(), kRows)) {
    const Seen seen = look(net, data, task, options, std::vector<int64_t>{index});
    const at::Tensor truth = seen.batch.target[0];
    const at::Tensor counted = truth.masked_select(truth.isfinite());
    double low = 0, high = 1;
    if (!opened.range && counted.numel() > 0) {
      low = counted.min().item<double>();
      high = std::max(counted.max().item<double>(), low + 1e-12);
    }
    const auto picture = [&](const at::Tensor& values) {
      const at::Tensor unit = ((values - low) / (high - low)).nan_to_num(0);
      const bool shown = unit.size(0) == 1 || unit.size(0) == 3;
      return as_image(shown ? unit : unit.narrow(0, 0, 1));
    };
    rows.push_back({as_image(seen.batch.input[0]), picture(truth), picture(seen.said[0])});
  }
  save_png(folder / "predictions.png", contact_sheet(rows));
  return "predictions.png";
}

}  // namespace

void draw_curves(const TrainLog& log, const std::filesystem::path& folder) {
  std::vector<LineChart> charts = {
      chart(log, "loss", [](const PartResult& part) { return part.loss; })};
  for (size_t i = 0; i < log.metrics.size(); ++i) {
    charts.push_back(chart(log, log.metrics[i].name,
                           [i](const PartResult& part) { return part.metrics.at(i); }));
  }
  write_file(folder / "curves.svg", line_charts_svg(charts));
}

std::string draw_predictions(ModuleImpl& net, const OpenedData& opened, const ShownPart& shown,
                             const Task& task, const TrainOptions& options,
                             const std::filesystem::path& folder) {
  if (task.name() == "segmentation")
    return draw_masks(net, opened, shown.data, task, options, folder);
  if (task.name() == "classification") return draw_classes(net, shown.data, task, options, folder);
  if (task.name() == "regression") {
    return opened.scales.empty() ? draw_images(net, opened, shown.data, task, options, folder)
                                 : draw_numbers(net, opened, shown, task, options, folder);
  }
  return draw_forecast(net, opened, shown, task, options, folder);
}

}  // namespace rung::cli
