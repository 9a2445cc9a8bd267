#pragma once

#include "rung/base/error.h"
#include "rung/io/toml.h"
#include "rung/train/recipe.h"

namespace rung {

/// A path of a recipe: ${NAME} stands for an environment variable, relative ones start at `base`.
/// Throws a user error where the variable is not set. `where` names the key.
std::filesystem::path recipe_path(const std::string& text, const std::filesystem::path& base,
                                  const std::string& where);

/// The same error with its place in front: "net.toml:3: models.net.zoo: …".
inline Error placed(const Error& error, const std::string& place) {
  return Error(error.kind(), place + ": " + error.what());
}

/// What stands in masks: classes = { NAME = NUMBER or "#rrggbb", … }, or ["NAME", …] with a folder
/// of masks each; ignore, threshold, instances.
MaskMeaning read_meaning(TomlReader& table);

enum class Truth { kClasses, kMasks, kNumbers };
/// What the data's targets are.
Truth truth_of(const Recipe& recipe, size_t target);

/// A loss: the terms that are given, and those of the target's task that are not named:
/// { focal = 1, dice = 0 }.
void read_loss(TomlReader& table, const Recipe& recipe, size_t target, LossChoice& out);

/// The [[output]] tables, or `outputs`; their names go to `spec`. Needs the data and [train].
void read_outputs(TomlReader& root, Recipe& recipe, JoinSpec& spec);
/// The [[hint]] tables.
void read_hints(TomlReader& root, Recipe& recipe);
/// Puts a table's inputs in the order of the network's. Throws a user error where one has no data,
/// or data have no input.
void match_inputs(Recipe& recipe);
/// Joins the networks, hints among the outputs, and finds those that only hints read.
void plan_hints(Recipe& recipe, JoinSpec& spec);

/// The [data] and [train] tables.
void read_data(TomlReader table, const std::filesystem::path& base, Recipe& recipe);
void read_train(TomlReader table, const std::filesystem::path& base, Recipe& recipe);

}  // namespace rung
