#include "rung/exec/onednn/plan_cache.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/io/json.h"

namespace rung::onednn {
namespace {

/// To be raised when a way changes what it does under the same name, or a further one comes.
constexpr int kWays = 7;

/// Servers hide models behind one name; family and model tell them apart.
unsigned cpu_signature() {
  unsigned signature = 0, b = 0, c = 0, d = 0;
  __get_cpuid(1, &signature, &b, &c, &d);
  return signature;
}

nlohmann::json read(const std::filesystem::path& path) {
  try {
    if (path.empty() || !path_exists(path)) return nlohmann::json::object();
    auto all = parse_json(read_file(path), path.string());
    return all.is_object() ? all : nlohmann::json::object();
  } catch (const Error&) {
    return nlohmann::json::object();
  }
}

}  // namespace

std::string machine_key() {
  const dnnl_version_t& version = *dnnl::version();
  return fmt::format("{} ({:x}), isa {:x}, oneDNN {}.{}.{}, ways {}", cpu_name(), cpu_signature(),
                     static_cast<unsigned>(dnnl::get_effective_cpu_isa()), version.major,
                     version.minor, version.patch, kWays);
}

PlanCache::PlanCache(std::filesystem::path path) : path_(std::move(path)) {
  const auto all = read(path_);
  const auto ours = all.find(machine_key());
  if (ours == all.end() || !ours->is_object()) return;
  for (const auto& [key, way] : ours->items()) {
    if (way.is_string()) known_.emplace(key, way.get<std::string>());
  }
}

std::optional<std::string> PlanCache::find(const std::string& key) const {
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void PlanCache::remember(const std::string& key, const std::string& way) {
  known_.insert_or_assign(key, way);
  fresh_.insert_or_assign(key, way);
}

void PlanCache::save() {
  if (path_.empty() || fresh_.empty()) return;
  static std::mutex mutex;  // else programs of one process would forget each other's
  const std::lock_guard lock(mutex);
  auto all = read(path_);
  auto& ours = all[machine_key()];
  if (!ours.is_object()) ours = nlohmann::json::object();
  for (const auto& [key, way] : fresh_) ours[key] = way;
  try {
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path());
    write_file(path_, all.dump(1) + "\n");
    fresh_.clear();
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace rung::onednn
