// A compiled network, and a file of it for the C program.
#include <iostream>

#include "every_header_core.h"
#include "every_header_onednn.h"

int main() {
  rung::Model model = rung::zoo("mlp");
  rung::draw_missing(model, 0);
  rung::save_model(model, "mlp.rung");
  const rung::Program program = rung::compile(model, {.measure = false, .cache = ""});
  std::vector<rung::Tensor> inputs;
  for (const rung::NodeId id : model.graph.inputs()) {
    const rung::TensorType& type = model.graph.type({id, 0});
    inputs.emplace_back(type.dtype, type.shape);
  }
  std::cout << "outputs " << program.run(inputs).size() << '\n';
}
