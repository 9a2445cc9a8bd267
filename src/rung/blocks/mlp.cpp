#include "rung/blocks/mlp.h"

#include <fmt/format.h>

#include "rung/graph/builder.h"

namespace rung::blocks {

Model mlp(const MlpOptions& options) {
  Builder b;
  Value x = b.input("input", {DType::kF32, {1, options.in}, vector_roles()});
  x = b.flatten("flatten", x);
  for (int64_t i = 1; i <= options.hidden; ++i) {
    x = b.linear(fmt::format("fc{}", i), x, options.width);
    x = b.relu(fmt::format("relu{}", i), x);
    if (options.dropout > 0) x = b.dropout(fmt::format("dropout{}", i), x, options.dropout);
  }
  b.output("output", b.linear(fmt::format("fc{}", options.hidden + 1), x, options.out));
  return std::move(b).finish();
}

}  // namespace rung::blocks
