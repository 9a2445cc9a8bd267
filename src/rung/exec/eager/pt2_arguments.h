#pragma once

#include <ATen/core/function_schema.h>

#include "rung/exec/eager/pt2_run.h"

namespace rung::pt2 {

/// What a name stands for. Throws a user error that begins with `what`.
const c10::IValue& look_up(const Values& values, const std::string& name, const std::string& what);

/// The value of an argument of a node. Throws a user error that begins with `what`; an unsupported
/// error for what is no tensor, number or text.
c10::IValue value_of(const nlohmann::json& argument, const Values& values, const std::string& what);

/// The arguments of a node in the order of the operator's schema, defaults filled in.
/// Throws a user error that begins with `what`: an argument that the operator does not take, one
/// that is missing or of another type.
std::vector<c10::IValue> arguments_of(const nlohmann::json& node, const c10::FunctionSchema& schema,
                                      const Values& values, const std::string& what);

}  // namespace rung::pt2
