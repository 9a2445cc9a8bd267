#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "rung/tensor/weights.h"

namespace rung {

/// Rules that turn a file's names of weights into a network's, one a line:
///
///     # a comment
///     fc.weight -> head.weight
///     backbone.* -> encoder/*
///     *.norm.1.* -> *.norm1.*
///     optimizer.* ->
///
/// Each `*` stands for any text, and the n-th on the right for what the n-th on the left stood for:
/// each as short as can be, the last one as long as it must. Of several rules that fit a name the
/// first one counts; a name that none fits stays. Nothing behind the arrow leaves the tensor out.
class RenameTable {
 public:
  struct Rule {
    std::vector<std::string> from;  ///< the texts between the stars
    std::vector<std::string> to;    ///< as many, or none
    std::string text;               ///< "names.txt:3: backbone.* -> encoder/*"
  };

  RenameTable() = default;
  explicit RenameTable(std::vector<Rule> rules) : rules_(std::move(rules)) {}
  /// The new name; empty: leave the tensor out.
  std::string apply(const std::string& name) const;
  /// The texts of the rules that change none of these names.
  std::vector<std::string> unused(const Weights& tensors) const;

 private:
  std::vector<Rule> rules_;
};

/// Throws a user error with the line (after `name`, the file's) where it has no arrow or more than
/// one, nothing on the left, or another number of stars on the right.
RenameTable parse_rename_table(std::string_view text, const std::string& name);
RenameTable load_rename_table(const std::filesystem::path& path);

}  // namespace rung
