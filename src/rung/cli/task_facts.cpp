#include "rung/cli/task_facts.h"

#include "rung/base/error.h"
#include "rung/io/json.h"

namespace rung::cli {

TaskFacts task_facts(const Model& model) {
  TaskFacts facts;
  const auto about = model.about.find("task");
  if (about == model.about.end()) return facts;
  try {
    const auto json = parse_json(about->second, "what the network says of its task");
    facts.task = json.at("task").get<std::string>();
    facts.classes = json.value("classes", facts.classes);
    facts.overlapping = json.value("overlapping", false);
    const auto size = json.value("size", std::vector<int64_t>());
    if (size.size() == 2 && size[0] > 0 && size[1] > 0) facts.size = {size[0], size[1]};
    for (const auto& color : json.value("colors", std::vector<std::string>())) {
      facts.colors.push_back(parse_color(color));
    }
    for (const auto& target : json.value("targets", nlohmann::json::array())) {
      facts.targets.push_back({target.at("name").get<std::string>(),
                               target.at("mean").get<double>(),
                               target.at("deviation").get<double>()});
    }
    const auto range = json.value("range", std::vector<double>());
    if (range.size() == 2) facts.range = {range[0], range[1]};
  } catch (const nlohmann::json::exception&) {
    fail_user("what the network says of its task cannot be read: {}", about->second.substr(0, 200));
  }
  return facts;
}

}  // namespace rung::cli
