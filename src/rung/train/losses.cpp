#include "rung/train/losses.h"

#include <torch/torch.h>

#include <algorithm>
#include <map>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

namespace F = torch::nn::functional;

/// The mean of f32 [N, C, …] or [N, 1, …] over what is counted; 0 where nothing is.
at::Tensor counted_mean(const at::Tensor& values, const at::Tensor& counted) {
  const at::Tensor mask = counted.expand_as(values);
  return (values * mask).sum() / mask.sum().clamp_min(1);
}

/// f32 [C], or nothing.
at::Tensor weights_of(const LossOptions& options, const Classes& classes) {
  if (options.class_weights.empty()) return {};
  const int64_t count = classes.logits.size(1);
  if (static_cast<int64_t>(options.class_weights.size()) != count) {
    fail_user("there are {} class weights and {} classes", options.class_weights.size(), count);
  }
  return at::tensor(options.class_weights, classes.logits.options().requires_grad(false));
}

/// f32 [C] as [1, C, 1, …], to be multiplied with values of classes.
at::Tensor along_classes(const at::Tensor& weights, const at::Tensor& like) {
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[1] = weights.numel();
  return weights.view(shape);
}

/// The binary cross entropy of every overlapping class, [N, C, …].
at::Tensor binary_entropies(const LossOptions& options, const Classes& classes) {
  at::Tensor truth = classes.shares();
  if (options.label_smoothing > 0) {
    truth = truth * (1 - options.label_smoothing) + options.label_smoothing / 2;
  }
  at::Tensor values =
      at::binary_cross_entropy_with_logits(classes.logits, truth, {}, {}, at::Reduction::None);
  const at::Tensor weights = weights_of(options, classes);
  return weights.defined() ? values * along_classes(weights, values) : values;
}

at::Tensor exclusive_entropies(const LossOptions& options, const Classes& classes, bool mean) {
  auto how = F::CrossEntropyFuncOptions()
                 .ignore_index(kIgnored)
                 .label_smoothing(options.label_smoothing)
                 .weight(weights_of(options, classes));
  if (!mean) how.reduction(torch::kNone);
  return F::cross_entropy(classes.logits, classes.truth, how);
}

at::Tensor cross_entropy(const LossOptions& options, const LossTerm&, const Classes& classes) {
  if (!classes.exclusive()) {
    const at::Tensor values = binary_entropies(options, classes);
    const bool all = classes.truth.ge(0).all().item<bool>();
    return all ? values.mean() : counted_mean(values, classes.counted());
  }
  // The mean over nothing is no number; nor is that over classes without a weight.
  const at::Tensor counted = classes.truth.masked_select(classes.truth.ge(0));
  const at::Tensor weights = weights_of(options, classes);
  const bool nothing = weights.defined()
                           ? weights.index_select(0, counted).sum().item<double>() <= 0
                           : counted.numel() == 0;
  if (nothing) return classes.logits.sum() * 0;
  return exclusive_entropies(options, classes, true);
}

/// 1 - p, a little above 0, where a power below 1 has no gradient.
at::Tensor unsure(const at::Tensor& right) { return (1 - right).clamp_min(1e-6); }

at::Tensor focal(const LossOptions& options, const LossTerm& term, const Classes& classes) {
  if (!classes.exclusive()) {
    const at::Tensor p = classes.probabilities(), t = classes.shares();
    const at::Tensor right = p * t + (1 - p) * (1 - t);
    return counted_mean(binary_entropies(options, classes) * unsure(right).pow(term.gamma),
                        classes.counted());
  }
  const at::Tensor right = (classes.probabilities() * classes.shares()).sum(1);
  const at::Tensor values = exclusive_entropies(options, classes, false);
  return counted_mean(values * unsure(right).pow(term.gamma), classes.counted().squeeze(1));
}

/// Sums over all axes but image and class: [N, C].
at::Tensor by_image(const at::Tensor& x) { return x.flatten(2).sum(2); }

/// The mean over images and classes, by the classes' weights.
at::Tensor class_mean(const LossOptions& options, const Classes& classes,
                      const at::Tensor& values) {
  const at::Tensor weights = weights_of(options, classes);
  if (!weights.defined()) return values.mean();
  return (values * weights).sum() / (weights.sum().clamp_min(1e-12) * values.size(0));
}

struct Overlap {
  at::Tensor p, t;  ///< [N, C, M]
  explicit Overlap(const Classes& classes) {
    const at::Tensor counted = classes.counted();
    p = (classes.probabilities() * counted);
    t = classes.shares() * counted;
    if (p.dim() == 2) {
      p = p.unsqueeze(2);
      t = t.unsqueeze(2);
    }
  }
};

at::Tensor dice(const LossOptions& options, const LossTerm&, const Classes& classes) {
  const Overlap o(classes);
  const at::Tensor score = (2 * by_image(o.p * o.t) + 1) / (by_image(o.p) + by_image(o.t) + 1);
  return class_mean(options, classes, 1 - score);
}

at::Tensor tversky(const LossOptions& options, const LossTerm& term, const Classes& classes) {
  const Overlap o(classes);
  const at::Tensor hit = by_image(o.p * o.t);
  const at::Tensor score = (hit + 1) / (hit + term.alpha * (by_image(o.p) - hit) +
                                        term.beta * (by_image(o.t) - hit) + 1);
  return class_mean(options, classes, 1 - score);
}

/// Lovász' extension of the Jaccard loss of one class: its errors, largest first, each weighted by
/// how much the loss grows when this one joins those before it.
at::Tensor lovasz_of_class(const at::Tensor& p, const at::Tensor& t) {
  const auto [errors, order] = (t - p).abs().sort(/*dim=*/0, /*descending=*/true);
  const at::Tensor truth = t.index_select(0, order);
  const at::Tensor total = truth.sum();
  const at::Tensor jaccard = 1 - (total - truth.cumsum(0)) / (total + (1 - truth).cumsum(0));
  const at::Tensor growth = at::cat({jaccard.narrow(0, 0, 1), jaccard.diff()});
  return (errors * growth.detach()).sum();
}

at::Tensor lovasz(const LossOptions& options, const LossTerm&, const Classes& classes) {
  const at::Tensor p = classes.probabilities(), t = classes.shares();
  const at::Tensor counted = classes.counted().expand_as(p);
  const at::Tensor weights = weights_of(options, classes);
  at::Tensor sum = classes.logits.sum() * 0;
  double whole = 0;
  for (int64_t c = 0; c < p.size(1); ++c) {
    const at::Tensor chosen = counted.select(1, c).gt(0);
    const at::Tensor truth = t.select(1, c).masked_select(chosen);
    if (truth.numel() == 0 || !truth.gt(0).any().item<bool>()) continue;
    const double weight = weights.defined() ? weights[c].item<double>() : 1;
    sum = sum + weight * lovasz_of_class(p.select(1, c).masked_select(chosen), truth);
    whole += weight;
  }
  return whole > 0 ? sum / whole : sum;
}

using ClassLoss = at::Tensor (*)(const LossOptions&, const LossTerm&, const Classes&);
/// The one table of losses of classes.
const std::map<std::string, ClassLoss>& class_losses() {
  static const std::map<std::string, ClassLoss> table = {{"cross_entropy", cross_entropy},
                                                         {"focal", focal},
                                                         {"dice", dice},
                                                         {"tversky", tversky},
                                                         {"lovasz", lovasz}};
  return table;
}

using NumberLoss = at::Tensor (*)(const LossTerm&, const at::Tensor&, const at::Tensor&);
const std::map<std::string, NumberLoss>& number_losses() {
  static const std::map<std::string, NumberLoss> table = {
      {"mse", [](const LossTerm&, const at::Tensor& a,
                 const at::Tensor& b) { return at::mse_loss(a, b); }},
      {"mae",
       [](const LossTerm&, const at::Tensor& a, const at::Tensor& b) { return at::l1_loss(a, b); }},
      {"huber", [](const LossTerm& term, const at::Tensor& a, const at::Tensor& b) {
         return at::huber_loss(a, b, at::Reduction::Mean, term.delta);
       }}};
  return table;
}

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : table) names.push_back(name);
  return names;
}

template <typename Table, typename Run>
at::Tensor sum_of_terms(const Table& table, const LossOptions& options, const Run& run) {
  at::Tensor sum;
  for (const LossTerm& term : options.terms) {
    const auto found = table.find(term.kind);
    if (found == table.end()) {
      fail_user("loss {} is not known; it is one of {}", quoted(term.kind),
                join(names_of(table), ", "));
    }
    if (term.weight == 0) continue;
    const at::Tensor value = run(found->second, term);
    const at::Tensor part = term.weight == 1 ? value : term.weight * value;
    sum = sum.defined() ? sum + part : part;
  }
  if (!sum.defined()) fail_user("the loss has no term with a weight");
  return sum;
}

}  // namespace

at::Tensor as_logits(const at::Tensor& output, OutputForm form) {
  constexpr double kLeast = 1e-6;
  const at::Tensor x = output.to(at::kFloat);
  switch (form) {
    case OutputForm::kSigmoid:
      return at::logit(x, kLeast);
    case OutputForm::kSoftmax:
      return x.clamp_min(kLeast).log();
    default:
      return x;
  }
}

at::Tensor Classes::probabilities() const {
  return exclusive() ? logits.softmax(1) : logits.sigmoid();
}

at::Tensor Classes::shares() const {
  if (!exclusive()) return truth.clamp_min(0);
  const at::Tensor one = at::zeros_like(logits, logits.options().requires_grad(false));
  return one.scatter(1, truth.clamp_min(0).unsqueeze(1), 1.0) * counted();
}

at::Tensor Classes::counted() const {
  const at::Tensor mask = truth.ge(0).to(logits.scalar_type());
  return exclusive() ? mask.unsqueeze(1) : mask;
}

std::vector<std::string> class_loss_kinds() { return names_of(class_losses()); }
std::vector<std::string> number_loss_kinds() { return names_of(number_losses()); }

at::Tensor class_loss(const LossOptions& options, const Classes& classes) {
  return sum_of_terms(class_losses(), options, [&](ClassLoss loss, const LossTerm& term) {
    return loss(options, term, classes);
  });
}

at::Tensor number_loss(const LossOptions& options, const at::Tensor& said,
                       const at::Tensor& truth) {
  return sum_of_terms(number_losses(), options, [&](NumberLoss loss, const LossTerm& term) {
    return loss(term, said, truth);
  });
}

}  // namespace rung
