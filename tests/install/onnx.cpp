// An ONNX file written and read again.
#include <iostream>

#include "every_header_core.h"
#include "every_header_onnx.h"

int main() {
  rung::Model model = rung::zoo("mlp");
  rung::draw_missing(model, 0);
  rung::save_onnx(model, "mlp.onnx");
  const rung::Model read = rung::load_onnx("mlp.onnx");
  if (!(read.graph.size() == model.graph.size())) return 1;
  std::cout << "read " << read.graph.size() << " nodes\n";
}
