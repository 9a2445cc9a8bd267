#include "rung/io/onnx/names.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "rung/base/text.h"

namespace rung {
namespace {

bool plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "Conv", "Conv_3" for the operator Conv.
bool names_operator(std::string_view part, std::string_view op) {
  if (!part.starts_with(op)) return false;
  part.remove_prefix(op.size());
  return part.empty() || (part[0] == '_' && is_number(part.substr(1)));
}

/// A node's name, cut up.
struct Path {
  std::string module;    ///< layer1.0.conv1
  std::string own;       ///< "conv": the operator's part, where there is one
  bool counted = false;  ///< the operator's part is one of several of its module
};

Path parse(const std::string& name, const std::string& op) {
  if (name.find('/') == std::string::npos) return {"", in_small_letters(name)};
  Path out;
  const auto parts = split(name, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) continue;
    if (i + 1 == parts.size() && names_operator(part, op)) {
      out.own = in_small_letters(op);
      out.counted = true;
      continue;
    }
    // PyTorch repeats a list's name: layer1, then layer1.0.
    const auto dot = part.rfind('.');
    const std::string list = dot == std::string::npos ? "" : part.substr(0, dot);
    const bool repeats = !list.empty() && (out.module == list || out.module.ends_with("." + list));
    out.module += repeats ? part.substr(dot) : (out.module.empty() ? "" : ".") + part;
  }
  return out;
}

/// Follows calls of modules, so that the second one of a module has another name.
class Calls {
 public:
  /// The path of the call that a node within these modules belongs to.
  std::string enter(const std::vector<std::string>& modules) {
    size_t same = 0;
    while (same < modules.size() && same < open_.size() && open_[same].module == modules[same]) {
      ++same;
    }
    open_.resize(same);
    for (size_t i = same; i < modules.size(); ++i) {
      const std::string& module = modules[i];
      const bool below = i > 0 && module.starts_with(modules[i - 1] + ".");
      std::string name = below ? open_[i - 1].name + module.substr(modules[i - 1].size()) : module;
      if (const size_t before = entered_[name]++; before > 0) {
        name += "_" + std::to_string(before);
      }
      open_.push_back({module, name});
    }
    return open_.empty() ? "" : open_.back().name;
  }

 private:
  struct Open {
    std::string module, name;
  };
  std::vector<Open> open_;
  std::map<std::string, size_t> entered_;
};

/// Gives nodes of the newer exporter that lack their modules, because an optimiser made them, those
/// that the nodes in front of and behind them share.
std::vector<NodeOrigin> with_modules(std::vector<NodeOrigin> nodes) {
  const NodeOrigin* before = nullptr;
  const auto lacks = [](const NodeOrigin& node) {
    return !node.modules && !node.op.empty() && node.name.find('/') == std::string::npos;
  };
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].modules) before = &nodes[i];
    if (!lacks(nodes[i]) || before == nullptr) continue;
    size_t next = i + 1;
    while (next < nodes.size() && !nodes[next].modules) ++next;
    if (next == nodes.size()) break;
    const auto &a = *before->modules, &b = *nodes[next].modules;
    const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
    nodes[i].modules = std::vector<std::string>(a.begin(), end);
  }
  return nodes;
}

}  // namespace

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string plain_name(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  std::string out;
  for (const char c : name) {
    if (plain(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  return out;
}

std::string kept_name(const std::string& name) {
  for (size_t i = 0; i < name.size();) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const size_t bytes = byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const bool fits = bytes > 0 && byte >= 0x20 && byte != 0x7f && byte < 0xf5 &&
                      i + bytes <= name.size() &&
                      std::all_of(name.begin() + static_cast<int64_t>(i + 1),
                                  name.begin() + static_cast<int64_t>(i + bytes),
                                  [](char c) { return (c & 0xc0) == 0x80; });
    if (!fits) return plain_name(name);
    i += bytes;
  }
  return name;
}

std::optional<std::vector<std::string>> modules_of_scopes(std::string_view scopes) {
  std::vector<std::string> items;
  for (size_t at = scopes.find_first_of("'\""); at != std::string_view::npos;
       at = scopes.find_first_of("'\"", at + 1)) {
    const size_t end = scopes.find(scopes[at], at + 1);
    if (end == std::string_view::npos) break;
    items.emplace_back(scopes.substr(at + 1, end - at - 1));
    at = end;
  }
  if (items.size() < 2 || !items.front().empty()) return std::nullopt;
  return std::vector<std::string>(items.begin() + 1, items.end() - 1);
}

std::string module_of(const NodeOrigin& node) {
  if (node.modules) return node.modules->empty() ? "" : node.modules->back();
  return node.name.find('/') == std::string::npos ? "" : parse(node.name, node.op).module;
}

std::vector<std::string> layer_names(const std::vector<NodeOrigin>& nodes) {
  std::vector<Path> paths;
  Calls calls;
  std::map<std::string, size_t> members;  // nodes by the module that they belong to
  std::set<std::string> blocks;           // modules that hold others
  for (const auto& node : with_modules(nodes)) {
    paths.push_back(node.modules ? Path{calls.enter(*node.modules), in_small_letters(node.op), true}
                                 : parse(node.name, node.op));
    if (paths.back().counted && !node.called.empty()) paths.back().own = node.called;
    std::string& module = paths.back().module;
    if (!node.part.empty()) module += (module.empty() ? "" : ".") + node.part;
    ++members[module];
    for (auto dot = module.find('.'); dot != std::string::npos; dot = module.find('.', dot + 1)) {
      blocks.insert(module.substr(0, dot));
    }
  }
  std::map<std::string, size_t> counts;
  std::vector<std::string> out;
  for (const Path& path : paths) {
    const bool alone = members[path.module] == 1 && !blocks.contains(path.module);
    if (path.own.empty() || (alone && !path.module.empty())) {
      out.push_back(plain_name(path.module));
      continue;
    }
    std::string name = path.module.empty() ? path.own : path.module + "." + path.own;
    if (path.counted) {
      if (const size_t before = counts[name]++; before > 0) name += "_" + std::to_string(before);
    }
    out.push_back(plain_name(name));
  }
  return out;
}

bool is_made_up(std::string_view name) {
  if (name.find("::") != std::string_view::npos) return true;
  if (name.starts_with("val_")) name.remove_prefix(4);
  return name.empty() || is_number(name);
}

}  // namespace rung
