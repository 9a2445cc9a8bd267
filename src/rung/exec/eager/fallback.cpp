#include "rung/exec/eager/fallback.h"

#include <ATen/core/grad_mode.h>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

void run_node(const Node& node, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> in;
  for (const Tensor& input : inputs) in.push_back(to_torch(input));
  const auto results = run(node.op, in, {});
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].defined()) continue;  // nobody reads it
    at::Tensor out = to_torch(outputs[k]);
    const at::Tensor& result = results.at(k);
    if (result.sizes() != out.sizes() || result.scalar_type() != out.scalar_type()) {
      fail_bug("node {} was to give {}, and LibTorch gave {}", quoted(node.name), type_text(out),
               type_text(result));
    }
    out.copy_(result);
  }
}

}  // namespace

Fallback eager_fallback() {
  return [](const Node& node) -> FallbackRun {
    return [node](const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
      run_node(node, inputs, outputs);
    };
  };
}

}  // namespace rung
