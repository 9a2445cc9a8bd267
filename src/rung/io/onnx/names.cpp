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

/// "Conv", "Conv_3" for the operator Conv.
bool names_operator(std::string_view part, std::string_view op) {
  if (!part.starts_with(op)) return false;
  part.remove_prefix(op.size());
  return part.empty() || (part[0] == '_' && part.size() > 1 &&
                          std::all_of(part.begin() + 1, part.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; }));
}

/// A node's name, cut up.
struct Path {
  std::string module;  ///< layer1.0.conv1
  std::string own;     ///< "conv", "conv_3": the operator's part, where there is one
};

Path parse(const std::string& name, const std::string& op) {
  if (name.find('/') == std::string::npos) return {"", in_small_letters(name)};
  Path out;
  const auto parts = split(name, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) continue;
    if (i + 1 == parts.size() && names_operator(part, op)) {
      out.own = in_small_letters(part);
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

std::vector<std::string> layer_names(
    const std::vector<std::pair<std::string, std::string>>& nodes) {
  std::vector<Path> paths;
  std::map<std::string, size_t> calls;  // nodes by the module that they belong to
  std::set<std::string> blocks;         // modules that hold others
  for (const auto& [name, op] : nodes) {
    paths.push_back(parse(name, op));
    const std::string& module = paths.back().module;
    ++calls[module];
    for (auto dot = module.find('.'); dot != std::string::npos; dot = module.find('.', dot + 1)) {
      blocks.insert(module.substr(0, dot));
    }
  }
  std::vector<std::string> out;
  for (const Path& path : paths) {
    const bool alone = calls[path.module] == 1 && !blocks.contains(path.module);
    const bool whole = path.own.empty() || (alone && !path.module.empty());
    out.push_back(plain_name(whole                 ? path.module
                             : path.module.empty() ? path.own
                                                   : path.module + "." + path.own));
  }
  return out;
}

bool is_made_up(std::string_view name) {
  if (name.find("::") != std::string_view::npos) return true;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace rung
