#include "rung/train/checkpoint.h"

#include <torch/torch.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/json.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

using Json = nlohmann::json;

constexpr const char* kWeight = "weight/";
constexpr const char* kOptimizer = "optimizer";
constexpr const char* kSettings = "rung.settings";
constexpr const char* kLog = "rung.log";
constexpr const char* kData = "rung.data";
constexpr const char* kThreads = "rung.threads";

/// "optimizer.lr was 0.1 and is 0.01", one per leaf that differs.
void differences(const Json& was, const Json& is, const std::string& path,
                 std::vector<std::string>& out) {
  if (was.is_object() && is.is_object()) {
    for (const auto& [key, value] : is.items()) {
      differences(was.value(key, Json()), value, path.empty() ? key : path + "." + key, out);
    }
  } else if (was != is) {
    out.push_back(was.is_null() ? fmt::format("{} was not given and is {}", path, is.dump())
                                : fmt::format("{} was {} and is {}", path, was.dump(), is.dump()));
  }
}

Json data_json(const std::vector<FileDigest>& digests) {
  Json out = Json::object();
  for (const auto& [name, digest] : digests) out[name] = fmt::format("{:016x}", digest);
  return out;
}

/// Refuses data that are not those of the run's beginning.
void check_data(const std::string& file, const Json& was, const std::vector<FileDigest>& digests) {
  constexpr size_t kShown = 10;
  const Json is = data_json(digests);
  std::vector<std::string> changed;
  for (const auto& [name, digest] : is.items()) {
    if (!was.contains(name)) {
      changed.push_back(name + " is new");
    } else if (was.at(name) != digest) {
      changed.push_back(name + " has changed");
    }
  }
  for (const auto& [name, unused] : was.items()) {
    if (!is.contains(name)) changed.push_back(name + " is gone");
  }
  if (changed.empty()) return;
  const size_t count = changed.size();
  if (count > kShown) {
    changed.resize(kShown);
    changed.push_back(fmt::format("and {} more", count - kShown));
  }
  fail_user(
      "cannot resume from {}: the data differ from those that the run began with\n  {}\n"
      "  fix     the old files, or a new run in another folder",
      file, join(changed, "\n  "));
}

Json all_settings(const TrainOptions& options, const Json& settings) {
  return {{"train", to_json(options)}, {"recipe", settings}};
}

/// Whether the rate of an epoch is the same in a run of more epochs.
bool can_go_on(const TrainOptions& options) {
  return options.schedule.kind == "constant" || options.schedule.kind == "step";
}

void check_settings(const std::string& file, Json was, const TrainOptions& options,
                    const Json& settings) {
  if (can_go_on(options) && was.contains("train") &&
      was["train"].value("epochs", int64_t{0}) < options.epochs) {
    was["train"]["epochs"] = options.epochs;
  }
  std::vector<std::string> changed;
  const Json is = all_settings(options, settings);
  for (const char* part : {"train", "recipe"}) {
    differences(was.value(part, Json::object()), is.at(part), "", changed);
    // Keys that were given and are no longer.
    std::vector<std::string> reverse;
    differences(is.at(part), was.value(part, Json::object()), "", reverse);
    for (const auto& text : reverse) {
      const std::string key = text.substr(0, text.find(' '));
      const bool known = std::any_of(changed.begin(), changed.end(), [&](const auto& other) {
        return other.starts_with(key + " ");
      });
      if (!known) changed.push_back(key + " was given and is no longer");
    }
  }
  if (changed.empty()) return;
  fail_user(
      "cannot resume from {}: the run was started with other settings\n  {}\n"
      "  fix     the old settings, or a new run in another folder",
      file, join(changed, "\n  "));
}

void restore_weights(const std::string& file, const Weights& tensors, ModuleImpl& net) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, weight] : net.weights()) {
    const auto found = tensors.find(kWeight + name);
    if (found == tensors.end()) {
      fail_user("cannot resume from {}: it is of another network, without the weight {}", file,
                quoted(name));
    }
    const at::Tensor saved = to_torch(found->second);
    if (saved.sizes() != weight.sizes() || saved.scalar_type() != weight.scalar_type()) {
      fail_user(
          "cannot resume from {}: it is of another network, whose weight {} is {}, and not {}",
          file, quoted(name), to_string(Shape(saved.sizes().vec())),
          to_string(Shape(weight.sizes().vec())));
    }
    at::Tensor(weight).copy_(saved);
  }
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const ModuleImpl& net,
                     const torch::optim::Optimizer& optimizer, const TrainLog& log,
                     const RunSettings& run) {
  Safetensors content;
  for (const auto& [name, weight] : net.weights()) {
    content.tensors.emplace(kWeight + name, from_torch(weight.detach().cpu().contiguous()));
  }
  content.tensors.emplace(kOptimizer, from_torch(save_state(optimizer)));
  content.metadata.emplace(kSettings, all_settings(run.options, run.settings).dump());
  content.metadata.emplace(kData, data_json(run.digests).dump());
  content.metadata.emplace(kThreads, std::to_string(run.threads));
  content.metadata.emplace(kLog, to_json(log).dump());
  save_safetensors(path, content);
}

RestoredRun load_checkpoint(const std::filesystem::path& path, ModuleImpl& net,
                            torch::optim::Optimizer& optimizer, const RunSettings& run) {
  const std::string file = path.string();
  if (!std::filesystem::exists(path)) {
    fail_user("cannot resume: there is no checkpoint {}", file);
  }
  const Safetensors content = load_safetensors(path);
  const auto saved = content.metadata.find(kSettings), log = content.metadata.find(kLog);
  const auto state = content.tensors.find(kOptimizer);
  if (saved == content.metadata.end() || log == content.metadata.end() ||
      state == content.tensors.end()) {
    fail_user("cannot resume from {}: it is no checkpoint of rung", file);
  }
  check_settings(file, parse_json(saved->second, file), run.options, run.settings);
  if (const auto data = content.metadata.find(kData); data != content.metadata.end()) {
    check_data(file, parse_json(data->second, file), run.digests);
  }
  RestoredRun out;
  const auto threads = content.metadata.find(kThreads);
  if (threads != content.metadata.end() && threads->second != std::to_string(run.threads)) {
    out.notes.push_back(
        fmt::format("the run began with {} threads and goes on with {}: it does not end with the "
                    "bits of an uninterrupted one",
                    threads->second, run.threads));
  }
  restore_weights(file, content.tensors, net);
  try {
    load_state(optimizer, to_torch(state->second));
    out.log = log_from_json(parse_json(log->second, file));
    return out;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    fail_user("cannot resume from {}: the optimiser's state or the log in it is damaged", file);
  }
}

std::string differs_from_run(const std::filesystem::path& path, const RunSettings& run) {
  const Safetensors content = load_safetensors(path);
  const std::string file = path.string();
  const auto saved = content.metadata.find(kSettings), data = content.metadata.find(kData);
  if (saved == content.metadata.end() || data == content.metadata.end()) return {};
  try {
    check_settings(file, parse_json(saved->second, file), run.options, run.settings);
    check_data(file, parse_json(data->second, file), run.digests);
    return {};
  } catch (const Error& error) {
    const std::string text = error.what();
    const size_t first = text.find('\n'), fix = text.rfind("\n  fix");
    return first == std::string::npos ? text : text.substr(first + 1, fix - first - 1);
  }
}

}  // namespace rung
