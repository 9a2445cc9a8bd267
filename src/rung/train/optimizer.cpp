#include "rung/train/optimizer.h"

#include <torch/torch.h>

#include <sstream>

#include "rung/base/error.h"

namespace rung {
namespace {

using Groups = std::vector<torch::optim::OptimizerParamGroup>;

template <typename Options>
Groups groups(const std::vector<at::Tensor>& weights, const std::vector<at::Tensor>& vectors,
              const Options& options, double vector_decay) {
  Groups out;
  const auto add = [&](const std::vector<at::Tensor>& tensors, double decay) {
    if (tensors.empty()) return;
    auto own = std::make_unique<Options>(options);
    own->weight_decay(decay);
    out.emplace_back(tensors, std::move(own));
  };
  add(weights, options.weight_decay());
  add(vectors, vector_decay);
  return out;
}

}  // namespace

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const ModuleImpl& net,
                                                        const OptimizerOptions& o) {
  std::vector<at::Tensor> weights, vectors;
  for (const auto& parameter : net.parameters()) {
    if (!parameter.requires_grad()) continue;
    (parameter.dim() > 1 ? weights : vectors).push_back(parameter);
  }
  if (weights.empty() && vectors.empty()) {
    fail_user("the network has no weight to train: all of its {} are frozen",
              net.parameters().size());
  }
  const double vector_decay = o.decay_norms ? o.weight_decay : 0;
  if (o.kind == "sgd") {
    const auto options = torch::optim::SGDOptions(o.lr)
                             .momentum(o.momentum)
                             .nesterov(o.nesterov && o.momentum > 0)
                             .weight_decay(o.weight_decay);
    return std::make_unique<torch::optim::SGD>(groups(weights, vectors, options, vector_decay),
                                               options);
  }
  const std::tuple<double, double> betas(o.beta1, o.beta2);
  if (o.kind == "adam") {
    const auto options =
        torch::optim::AdamOptions(o.lr).betas(betas).eps(o.eps).weight_decay(o.weight_decay);
    return std::make_unique<torch::optim::Adam>(groups(weights, vectors, options, vector_decay),
                                                options);
  }
  const auto options =
      torch::optim::AdamWOptions(o.lr).betas(betas).eps(o.eps).weight_decay(o.weight_decay);
  return std::make_unique<torch::optim::AdamW>(groups(weights, vectors, options, vector_decay),
                                               options);
}

void set_rate(torch::optim::Optimizer& optimizer, double rate) {
  for (auto& group : optimizer.param_groups()) group.options().set_lr(rate);
}

at::Tensor save_state(const torch::optim::Optimizer& optimizer) {
  std::ostringstream stream;
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  archive.save_to(stream);
  const std::string bytes = stream.str();
  return at::from_blob(const_cast<char*>(bytes.data()), {static_cast<int64_t>(bytes.size())},
                       at::kByte)
      .clone();
}

void load_state(torch::optim::Optimizer& optimizer, const at::Tensor& bytes) {
  const at::Tensor dense = bytes.contiguous();
  torch::serialize::InputArchive archive;
  archive.load_from(reinterpret_cast<const char*>(dense.data_ptr<uint8_t>()),
                    static_cast<size_t>(dense.numel()));
  optimizer.load(archive);
}

}  // namespace rung
