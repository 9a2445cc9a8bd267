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

/// The [data] and [train] tables.
void read_data(TomlReader table, const std::filesystem::path& base, Recipe& recipe);
void read_train(TomlReader table, const std::filesystem::path& base, Recipe& recipe);

}  // namespace rung
