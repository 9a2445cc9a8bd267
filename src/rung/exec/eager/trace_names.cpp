#include "rung/exec/eager/trace_names.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "rung/base/text.h"

namespace rung::tracing {
namespace {

/// "LeakyRelu" -> "leaky_relu"
std::string snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string under(const std::string& scope, const std::string& name) {
  return scope.empty() ? name : scope + "." + name;
}
std::string parent(const std::string& path) { return std::string(parent_of(path)); }

/// The scopes from `path` to the top, itself first.
std::vector<std::string> upwards(std::string path) {
  std::vector<std::string> out{path};
  while (!path.empty()) out.push_back(path = parent(path));
  return out;
}

/// The registered modules, as far as names need them.
class ModuleTree {
 public:
  explicit ModuleTree(const std::vector<TracedModule>& modules) {
    for (const auto& module : modules) {
      if (module.type == "Sequential") sequential_.insert(module.path);
      if (module.children) {
        branches_.insert(module.path);
      } else if (!module.weights) {
        plain_.emplace_back(module.path, module.type);
      }
    }
  }

  bool is_leaf(const std::string& path) const { return !path.empty() && !branches_.contains(path); }
  bool is_sequential(const std::string& path) const { return sequential_.contains(path); }

  /// The module without weights in this scope that does such an op, the least used first.
  std::optional<std::string> take(const std::string& scope, const std::string& op) {
    const std::string* best = nullptr;
    for (const auto& [path, type] : plain_) {
      if (!holds(scope, path) || !does(type, op)) continue;
      if (best == nullptr || uses_[path] < uses_[*best]) best = &path;
    }
    if (best == nullptr) return std::nullopt;
    ++uses_[*best];
    return *best;
  }

 private:
  static bool holds(const std::string& scope, const std::string& path) {
    return parent(path) == scope;
  }
  static bool does(const std::string& type, const std::string& op) {
    const auto starts = [&](std::string_view prefix) { return type.starts_with(prefix); };
    if (op == "max_pool") return starts("MaxPool");
    if (op == "average_pool") return starts("AvgPool");
    if (op == "adaptive_average_pool") return starts("AdaptiveAvgPool");
    if (op == "adaptive_max_pool") return starts("AdaptiveMaxPool");
    if (op == "dropout") return type.find("Dropout") != std::string::npos;
    if (op == "clamp") return type == "Hardtanh" || type == "ReLU6";
    if (op == "pad") return type.find("Pad") != std::string::npos;
    if (op == "resize" || op == "resize_like") return type == "Upsample";
    if (op == "reshape") return type == "Unflatten" || type == "Flatten";
    if (op == "log_softmax") return type == "LogSoftmax";
    if (op == "batch_norm" || op == "instance_norm")
      return starts(op == "batch_norm" ? "Batch" : "Instance");
    std::string plain, lower;
    for (const char c : op) {
      if (c != '_') plain += c;
    }
    for (const char c : type) {
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return plain == lower || (plain == "softmax" && lower == "softmax2d");
  }

  std::set<std::string> branches_, sequential_;
  std::vector<std::pair<std::string, std::string>> plain_;
  std::map<std::string, int> uses_;
};

/// The nodes that one call became, in order; the last is the one that carries its name.
struct Step {
  std::vector<size_t> nodes;
  std::string op;
  std::optional<std::string> scope;  ///< of the weights that it reads
  std::string name;
};

class Namer {
 public:
  Namer(const Lowered& lowered, const std::vector<TracedModule>& modules)
      : lowered_(lowered), tree_(modules), names_(lowered.nodes.size()) {}

  std::vector<std::string> run() {
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto& node = lowered_.nodes[i];
      if (!node.leaf.empty() && !std::holds_alternative<ops::Constant>(node.op)) {
        names_[i] = unique(node.leaf);
      }
    }
    collect();
    for (size_t i = 0; i < steps_.size();) {
      if (steps_[i].scope) {
        ++i;
        continue;
      }
      size_t end = i;
      while (end < steps_.size() && !steps_[end].scope) ++end;
      name_between(i, end);
      i = end;
    }
    write();
    return std::move(names_);
  }

 private:
  void collect() {
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto& node = lowered_.nodes[i];
      if (!node.call || std::holds_alternative<ops::Constant>(node.op)) continue;
      if (last_call_ != node.call) steps_.push_back({});
      last_call_ = node.call;
      steps_.back().nodes.push_back(i);
    }
    for (Step& step : steps_) describe(step);
    name_scoped();
  }

  const std::optional<std::string>& scope_of(const Step& step) const {
    return lowered_.scopes[*lowered_.nodes[step.nodes.back()].call];
  }

  /// Calls whose module is known, and that read no weights. A module that does one thing is what
  /// it is called.
  void name_scoped() {
    std::map<std::string, std::set<std::string>> does;
    for (const Step& step : steps_) {
      if (const auto& scope = scope_of(step)) does[*scope].insert(step.op);
    }
    for (Step& step : steps_) {
      const auto& scope = scope_of(step);
      if (!scope || step.scope) continue;
      const bool one = tree_.is_leaf(*scope) && does.at(*scope).size() == 1;
      step.scope = one ? parent(*scope) : *scope;
      step.name = one ? *scope : under(*scope, step.op);
    }
  }

  void describe(Step& step) {
    const auto& node = lowered_.nodes[step.nodes.back()];
    std::string call = lowered_.calls[*node.call];
    const bool opaque = std::holds_alternative<ops::Opaque>(node.op);
    step.op = step.nodes.size() == 1 && !opaque ? snake_case(op_name(node.op)) : call;
    while (step.op.starts_with('_')) step.op.erase(0, 1);
    std::optional<std::string> first;
    for (const size_t i : step.nodes) {
      for (const ops::Ref ref : lowered_.nodes[i].inputs) {
        const auto& input = lowered_.nodes[lowered_.refs[static_cast<size_t>(ref)].first];
        if (!std::holds_alternative<ops::Param>(input.op)) continue;
        if (!first) first = input.leaf;
      }
    }
    if (!first) return;
    const std::string owner = parent(*first);
    if (tree_.is_leaf(owner)) {
      step.scope = parent(owner);
      step.name = owner;
      return;
    }
    step.scope = owner;
    std::string stem = first->substr(owner.empty() ? 0 : owner.size() + 1);
    const bool suffix = stem.ends_with("_weight");
    step.name = under(owner, suffix ? stem.substr(0, stem.size() - 7) : step.op);
  }

  /// Scopes from the block that was left to the one that comes next.
  std::vector<std::string> chain(size_t begin, size_t end, size_t& common) const {
    const auto down = upwards(end < steps_.size() ? *steps_[end].scope : "");
    const auto up = upwards(begin > 0 ? *steps_[begin - 1].scope : "");
    std::vector<std::string> out;
    auto meeting = down.end();
    for (const auto& scope : up) {
      out.push_back(scope);
      meeting = std::find(down.begin(), down.end(), scope);
      if (meeting != down.end()) break;
    }
    common = out.size() - 1;
    out.insert(out.end(), std::make_reverse_iterator(meeting), down.rend());
    return out;
  }

  /// Whether a step joins nothing but what was made in a block or enters it, at node `entry`.
  bool stays_inside(const Step& step, size_t entry) const {
    size_t computed = 0;
    for (const size_t i : step.nodes) {
      for (const ops::Ref ref : lowered_.nodes[i].inputs) {
        const size_t from = lowered_.refs[static_cast<size_t>(ref)].first;
        if (!lowered_.nodes[from].call) continue;
        ++computed;
        if (from < entry) return false;
      }
    }
    return computed > 1;
  }
  /// The earliest node that a block's layers with weights read.
  size_t first_needed_by(const std::string& block) const {
    size_t first = SIZE_MAX;
    for (const Step& step : steps_) {
      if (!step.scope || !step.name.starts_with(block + ".")) continue;
      for (const size_t i : step.nodes) {
        for (const ops::Ref ref : lowered_.nodes[i].inputs) {
          const size_t from = lowered_.refs[static_cast<size_t>(ref)].first;
          const auto& node = lowered_.nodes[from];
          if (node.call || std::holds_alternative<ops::Input>(node.op)) {
            first = std::min(first, from);
          }
        }
      }
    }
    return first;
  }

  /// Steps without weights between two that have some.
  void name_between(size_t begin, size_t end) {
    size_t common = 0;
    const auto scopes = chain(begin, end, common);
    size_t block = 0;  // a Sequential runs its parts and nothing else
    while (block < common && tree_.is_sequential(scopes[block])) ++block;
    const size_t tail = tail_end(begin, end, scopes[block], block == common);
    std::vector<std::optional<size_t>> fixed(end - begin);
    size_t place = 0;
    for (size_t i = begin; i < end; ++i) {
      const size_t last = i < tail ? block + 1 : scopes.size();
      for (size_t k = place; k < last; ++k) {
        const auto name = tree_.take(scopes[k], steps_[i].op);
        if (!name) continue;
        steps_[i].name = *name;
        fixed[i - begin] = place = k;
        break;
      }
    }
    place = block;
    for (size_t i = begin; i < end; ++i) {
      if (fixed[i - begin]) {
        place = std::max(block, *fixed[i - begin]);
        continue;
      }
      size_t limit = common;
      for (size_t k = i; k < end; ++k) {
        if (fixed[k - begin]) {
          limit = std::min(limit, *fixed[k - begin]);
          break;
        }
      }
      if (i >= tail && !tree_.is_sequential(scopes[common])) place = std::max(place, limit);
      steps_[i].name = under(scopes[place], steps_[i].op);
    }
  }

  /// Behind the last step that belongs to the block that is left.
  size_t tail_end(size_t begin, size_t end, const std::string& block, bool stays) const {
    if (stays || block.empty()) return begin;
    size_t tail = begin;
    const size_t entry = first_needed_by(block);
    for (size_t i = begin; i < end; ++i) {
      if (stays_inside(steps_[i], entry)) tail = i + 1;
    }
    const auto is_activation = [&](size_t i) {
      const Op& op = lowered_.nodes[steps_[i].nodes.back()].op;
      return std::holds_alternative<ops::Unary>(op) || std::holds_alternative<ops::Gelu>(op) ||
             std::holds_alternative<ops::LeakyRelu>(op);
    };
    if ((tail > begin || begin > 0) && tail < end && is_activation(tail)) ++tail;
    return tail;
  }

  void write() {
    for (const Step& step : steps_) {
      const std::string name = unique(step.name);
      for (size_t i = 0; i < step.nodes.size(); ++i) {
        const size_t node = step.nodes[i];
        const bool last = i + 1 == step.nodes.size();
        const std::string own = snake_case(op_name(lowered_.nodes[node].op));
        names_[node] = last ? name : unique(name + "." + own);
      }
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].empty()) names_[i] = unique("constant");
    }
  }

  std::string unique(const std::string& name) {
    std::string out = name;
    for (int i = 2; !taken_.insert(out).second; ++i) out = fmt::format("{}_{}", name, i);
    return out;
  }

  const Lowered& lowered_;
  ModuleTree tree_;
  std::vector<std::string> names_;
  std::vector<Step> steps_;
  std::optional<size_t> last_call_;
  std::set<std::string> taken_;
};

}  // namespace

std::vector<std::string> name_nodes(const Lowered& lowered,
                                    const std::vector<TracedModule>& modules) {
  return Namer(lowered, modules).run();
}

}  // namespace rung::tracing
