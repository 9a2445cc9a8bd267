#include "rung/graph/model.h"

#include <unistd.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/base/text.h"

namespace rung {
namespace {

// Ones where output channel = input channel at the centre of the kernel. Weight [O, I, K…].
void fill_dirac(Tensor& tensor) {
  const Shape& shape = tensor.shape();
  if (shape.size() < 2)
    fail_bug("dirac needs a weight of rank 2 or more, got {}", to_string(shape));
  int64_t kernel = 1, centre = 0;
  for (size_t axis = 2; axis < shape.size(); ++axis) {
    kernel *= shape[axis];
    centre = centre * shape[axis] + shape[axis] / 2;
  }
  const int64_t diagonal = std::min(shape[0], shape[1]);
  for (int64_t c = 0; c < diagonal; ++c) tensor.set((c * shape[1] + c) * kernel + centre, 1);
}

// A writer per dtype is worth it: networks have tens of millions of weights.
template <typename Draw>
void fill(Tensor& tensor, Draw draw) {
  if (tensor.dtype() == DType::kF32) {
    for (float& x : tensor.as<float>()) x = static_cast<float>(draw());
    return;
  }
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set(i, draw());
}

}  // namespace

Tensor draw(const std::string& name, const ops::Param& param, uint64_t seed) {
  Tensor tensor(param.dtype, param.shape);
  Rng rng(seed, name);
  switch (param.init) {
    case ops::InitKind::kZeros:
      break;
    case ops::InitKind::kOnes:
      fill(tensor, [] { return 1.0; });
      break;
    case ops::InitKind::kConstant:
      fill(tensor, [&] { return param.value; });
      break;
    case ops::InitKind::kUniform:
      fill(tensor, [&] { return rng.uniform(-param.value, param.value); });
      break;
    case ops::InitKind::kNormal:
      fill(tensor, [&] { return rng.normal() * param.value; });
      break;
    case ops::InitKind::kDirac:
      fill_dirac(tensor);
      break;
  }
  return tensor;
}

namespace {

// Where memory is promised freely, the machine would grind to a halt before it says no.
void check_memory(const Model& model) {
  const auto machine =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  double bytes = 0;
  for (const NodeId id : model.graph.params()) {
    if (!model.weights.contains(model.graph.node(id).name)) {
      bytes += static_cast<double>(model.graph.type({id, 0}).bytes());
    }
  }
  if (machine <= 0 || bytes <= machine) return;
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  fail_user("the network's weights need {:.0f} GiB, and this machine has {:.0f} GiB of memory",
            bytes / kGiB, machine / kGiB);
}

}  // namespace

void draw_missing(Model& model, uint64_t seed) {
  check_memory(model);
  for (const NodeId id : model.graph.params()) {
    const Node& node = model.graph.node(id);
    if (!model.weights.contains(node.name)) {
      model.weights.emplace(node.name, draw(node.name, std::get<ops::Param>(node.op), seed));
    }
  }
}

void check_weights(const Model& model) {
  for (const NodeId id : model.graph.params()) {
    const Node& node = model.graph.node(id);
    const auto found = model.weights.find(node.name);
    if (found == model.weights.end()) continue;
    const auto& param = std::get<ops::Param>(node.op);
    if (found->second.shape() != param.shape || found->second.dtype() != param.dtype) {
      fail_user("weight {} is {}{}, but the network needs {}{}", quoted(node.name),
                name(found->second.dtype()), to_string(found->second.shape()), name(param.dtype),
                to_string(param.shape));
    }
  }
}

}  // namespace rung
