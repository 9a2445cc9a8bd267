#include "rung/io/pytorch/find_state_dict.h"

#include <map>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

using Object = PickleObject;
using Kind = PickleObject::Kind;

constexpr std::string_view kUsual[] = {"state_dict", "model_state_dict", "model",  "net",
                                       "network",    "weights",          "params", "module"};
constexpr int kDeepest = 4;
constexpr size_t kShown = 8;

const Object* member(const Object& dict, std::string_view key) {
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    if (dict.items[i]->kind == Kind::kText && dict.items[i]->text == key) return dict.items[i + 1];
  }
  return nullptr;
}

bool holds_tensors(const Object& object) {
  if (object.kind != Kind::kDict) return false;
  for (size_t i = 1; i < object.items.size(); i += 2) {
    if (object.items[i]->kind == Kind::kTensor) return true;
  }
  return false;
}

std::string key_text(const Object& key) {
  return key.kind == Kind::kText ? quoted(key.text) : std::string(name(key.kind));
}

std::string keys_text(const Object& dict) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < dict.items.size() && keys.size() < kShown; i += 2) {
    keys.push_back(key_text(*dict.items[i]));
  }
  if (dict.items.size() / 2 > kShown) keys.emplace_back("…");
  return join(keys, ", ");
}

std::string note_of(const std::string& path, const Object& dict) {
  std::vector<std::string> others;
  size_t count = 0;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    if (dict.items[i + 1]->kind == Kind::kTensor) continue;
    if (++count <= kShown) others.push_back(key_text(*dict.items[i]));
  }
  if (count > kShown) others.emplace_back("…");
  std::string note = path.empty() ? "" : "its " + path;
  if (!others.empty()) note += (note.empty() ? "" : "; ") + ("left out: " + join(others, ", "));
  return note;
}

// The values of a dict that are dicts with tensors. One dict under two keys stands once, and is
// looked through once.
std::vector<std::pair<const Object*, const Object*>> candidates(const Object& dict) {
  std::map<const Object*, bool> seen;
  std::vector<std::pair<const Object*, const Object*>> out;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    const Object* value = dict.items[i + 1];
    if (seen.contains(value)) continue;
    seen[value] = true;
    if (holds_tensors(*value)) out.emplace_back(dict.items[i], value);
  }
  return out;
}

FoundDict search(const Object& dict, const std::string& path, int depth, const std::string& file) {
  const std::string where = path.empty() ? file : fmt::format("{} of {}", path, file);
  if (dict.kind != Kind::kDict) {
    fail_user("{} holds {}, not a dict of tensors; in Python: torch.save(model.state_dict(), path)",
              where, name(dict.kind));
  }
  if (holds_tensors(dict)) return {&dict, note_of(path, dict)};
  if (depth < kDeepest) {
    for (const auto usual : kUsual) {
      const Object* inner = member(dict, usual);
      if (inner == nullptr || inner->kind != Kind::kDict) continue;
      return search(*inner, path + (path.empty() ? "" : " ") + quoted(usual), depth + 1, file);
    }
  }
  const auto found = candidates(dict);
  if (found.size() == 1)
    return {found[0].second, note_of(key_text(*found[0].first), *found[0].second)};
  if (found.empty()) {
    fail_user("{} holds no tensors{}", where,
              dict.items.empty() ? "" : "; it has " + keys_text(dict));
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < found.size() && i < kShown; ++i) {
    names.push_back(key_text(*found[i].first));
  }
  if (found.size() > kShown) names.emplace_back("…");
  fail_user("{} holds {} dicts of tensors: {}; choose one as {}:KEY", where, found.size(),
            join(names, ", "), file);
}

}  // namespace

FoundDict find_state_dict(const Object& root, const std::string& key, const std::string& file) {
  if (key.empty()) return search(root, "", 0, file);
  const Object* chosen = root.kind == Kind::kDict ? member(root, key) : nullptr;
  if (chosen == nullptr) {
    fail_user("{} has no {}{}", file, quoted(key),
              root.kind == Kind::kDict ? "; it has " + keys_text(root) : "");
  }
  return search(*chosen, quoted(key), 0, file);
}

}  // namespace rung
