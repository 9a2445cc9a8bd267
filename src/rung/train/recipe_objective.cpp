#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/output_form.h"
#include "rung/train/recipe_parts.h"

namespace rung {
namespace {

/// One weight per class: those that the recipe names, or such that every class counts alike, with a
/// mean of 1 over the classes that are there.
std::vector<double> class_weights(const LossChoice& loss, const OpenedData& data) {
  const auto& names = data.names;
  const bool any = loss.weigh_classes || !loss.class_weights.empty();
  if (any && (names.empty() || (loss.weigh_classes && data.overlapping))) {
    fail_user(
        "loss.class_weights{} weigh one class against another, and here {}\n"
        "  fix     focal or tversky, which count what is rare or missed for more",
        loss.weigh_classes ? " = \"frequency\"" : "",
        names.empty() ? "there is a foreground alone" : "each class is a yes or no of its own");
  }
  for (const auto& [name, unused] : loss.class_weights) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail_user("loss.class_weights: {} is none of the classes, which are {}", quoted(name),
              join(names, ", "));
  }
  std::vector<double> weights;
  if (loss.weigh_classes) {
    double sum = 0, there = 0;
    for (const int64_t count : data.counts) {
      weights.push_back(count > 0 ? 1 / static_cast<double>(count) : 0);
      sum += weights.back();
      there += count > 0 ? 1 : 0;
    }
    for (double& weight : weights) weight *= there / sum;
  } else if (!loss.class_weights.empty()) {
    for (const auto& name : names) {
      const auto found = loss.class_weights.find(name);
      weights.push_back(found == loss.class_weights.end() ? 1 : found->second);
    }
  }
  return weights;
}

/// What the network's output is. Refuses a softmax where classes are a yes or no each, and what
/// cannot be logits.
OutputForm form_for(const Graph& graph, Value output, bool exclusive) {
  const OutputForm form = output_form(graph, output);
  const std::string end = output_form_text(graph, output);
  if (form == OutputForm::kAboveZero) {
    fail_user(
        "the network ends in {}, which gives nothing below 0, and the loss wants logits of both "
        "signs\n  fix     a network that ends in the layer before, or in a {}",
        end, exclusive ? "softmax" : "sigmoid");
  }
  const bool softmax = form == OutputForm::kSoftmax || form == OutputForm::kLogSoftmax;
  if (softmax && !exclusive) {
    fail_user(
        "the network ends in {}, whose numbers add up to 1, and here each channel is a yes or no "
        "of its own\n  fix     a network that ends in the layer before, or in a sigmoid; or data "
        "with one class a pixel (data.classes)",
        end);
  }
  if (form == OutputForm::kSigmoid && exclusive) {
    fail_user(
        "the network ends in {}, a yes or no for each class, and here every sample is of one "
        "class\n  fix     a network that ends in the layer before, or in a softmax",
        end);
  }
  return form;
}

/// Refuses outputs that cannot hold what the data want: numbers of both signs of a table (they are
/// scaled), no shares of one of images.
void check_numbers(const Graph& graph, Value output, bool both_signs) {
  const OutputForm form = output_form(graph, output);
  const bool shares = form == OutputForm::kSoftmax || form == OutputForm::kLogSoftmax;
  if (form == OutputForm::kLogits || (!both_signs && !shares)) return;
  fail_user("the network ends in {}, and {}\n  fix     a network that ends in the layer before",
            output_form_text(graph, output),
            both_signs
                ? "targets of a table are numbers of both signs (less their mean, divided by their "
                  "deviation)"
                : "targets are numbers that do not add up to 1");
}

std::vector<ColumnScale> scales_of(const OpenedData& data) {
  std::vector<ColumnScale> out;
  for (size_t i = 0; i < data.scales.size(); ++i) {
    out.push_back({data.names.at(i), data.scales[i].first, data.scales[i].second});
  }
  return out;
}

std::unique_ptr<Task> make_task(const Recipe& recipe, const OutputChoice& choice,
                                const OpenedData& all, const Graph& network, Value output) {
  const OpenedData& data = all.target(choice.target);
  LossOptions loss = choice.loss.options;
  if (const auto* forecasting = std::get_if<ForecastingData>(&recipe.data)) {
    return forecasting_task({.horizon = forecasting->horizon,
                             .places = data.places,
                             .dense = recipe.dense,
                             .relative = recipe.relative,
                             .loss = loss});
  }
  const Truth kind = truth_of(recipe, choice.target);
  if (std::holds_alternative<ImageRegressionData>(recipe.data)) {
    check_numbers(network, output, /*both_signs=*/false);
    return image_regression_task({.unit = data.range.has_value(), .loss = loss});
  }
  if (kind == Truth::kNumbers) {
    check_numbers(network, output, /*both_signs=*/true);
    return regression_task({.targets = scales_of(data), .loss = loss});
  }
  loss.class_weights = class_weights(choice.loss, data);
  if (kind == Truth::kClasses) {
    return classification_task({.classes = static_cast<int64_t>(data.names.size()),
                                .names = data.names,
                                .overlapping = data.overlapping,
                                .loss = loss,
                                .form = form_for(network, output, !data.overlapping)});
  }
  const bool exclusive = !data.names.empty() && !data.overlapping;
  return segmentation_task({.classes = data.names,
                            .overlapping = data.overlapping,
                            .loss = loss,
                            .form = form_for(network, output, exclusive)});
}

}  // namespace

Objective make_objective(const Recipe& recipe, const OpenedData& data, const Graph& network) {
  std::vector<std::string> names;
  for (const Output& output : network.outputs()) names.push_back(output.name);
  const auto has = [&](const std::string& tap) {
    return std::find(names.begin(), names.end(), tap) != names.end();
  };
  std::vector<Goal> goals;
  for (size_t i = 0; i < recipe.outputs.size(); ++i) {
    const OutputChoice& choice = recipe.outputs[i];
    if (i >= names.size()) {
      fail_user("the network has {} outputs and the recipe trains {}", names.size(),
                recipe.outputs.size());
    }
    // The outputs of another network may have other names.
    goals.push_back({.name = names[i],
                     .task = make_task(recipe, choice, data, network, network.outputs()[i].value),
                     .weight = choice.weight,
                     .target = choice.target});
  }
  std::vector<Hint> hints;
  for (const Hint& hint : recipe.hints) {
    if (has(hint.student) && has(hint.teacher)) hints.push_back(hint);
  }
  return {std::move(goals), std::move(hints), names};
}

}  // namespace rung
