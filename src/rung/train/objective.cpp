#include "rung/train/objective.h"

#include <torch/torch.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/passes/rebuild.h"
#include "rung/graph/rewrite.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

/// The batch as the goal's task sees it.
Batch seen_by(const Goal& goal, const Batch& batch) {
  if (goal.target == 0) return {batch.input, batch.target};
  return {batch.input, batch.more_targets.at(goal.target - 1)};
}

size_t place_of(const std::string& name, const std::vector<std::string>& outputs) {
  const auto found = std::find(outputs.begin(), outputs.end(), name);
  if (found == outputs.end()) {
    fail_user("the network has no output {}; its outputs are {}", quoted(name),
              join(outputs, ", "));
  }
  return static_cast<size_t>(found - outputs.begin());
}

/// KL(teacher || student) over axis 1, a mean over all others.
at::Tensor divergence(const at::Tensor& student, const at::Tensor& teacher, double temperature) {
  const at::Tensor s = (student / temperature).log_softmax(1);
  const at::Tensor t = (teacher / temperature).log_softmax(1);
  return (t.exp() * (t - s)).sum(1).mean() * (temperature * temperature);
}

void check_alike(const Hint& hint, const at::Tensor& student, const at::Tensor& teacher) {
  if (student.sizes() != teacher.sizes()) {
    fail_unlike(hint, type_text(student), type_text(teacher));
  }
  if (hint.term.kind == "kl" && student.dim() < 2) {
    fail_user("a hint of kind kl needs values [N, C, …]");
  }
}

}  // namespace

std::vector<std::string> hint_loss_kinds() {
  auto kinds = number_loss_kinds();
  kinds.push_back("kl");
  return kinds;
}

void fail_unlike(const Hint& hint, const std::string& student, const std::string& teacher) {
  fail_user(
      "the hint from {} {} to {} {} needs two values of one shape\n"
      "  fix     taps whose shapes agree, or a layer of the student that brings it to the "
      "teacher's",
      quoted(hint.teacher), teacher, quoted(hint.student), student);
}

at::Tensor hint_loss(const Hint& hint, const at::Tensor& student, const at::Tensor& teacher) {
  check_alike(hint, student, teacher);
  const at::Tensor s = student.to(at::kFloat), t = teacher.detach().to(at::kFloat);
  if (hint.term.kind == "kl") {
    return divergence(s, t, hint.temperature);
  }
  LossTerm term = hint.term;
  term.weight = 1;
  return number_loss({.terms = {term}}, s, t);
}

Objective::Objective(const Task& task)
    : goals_{{.name = "", .task = {&task, [](const Task*) {}}}} {}

Objective::Objective(std::vector<Goal> goals, std::vector<Hint> hints,
                     const std::vector<std::string>& outputs)
    : goals_(std::move(goals)), hints_(std::move(hints)) {
  for (size_t i = 0; i < goals_.size(); ++i) {
    if (place_of(goals_[i].name, outputs) == i) continue;
    fail_bug("the goal of output {} stands at another place", goals_[i].name);
  }
  for (const Hint& hint : hints_) {
    places_.push_back({place_of(hint.student, outputs), place_of(hint.teacher, outputs)});
  }
}

std::string Objective::name() const {
  if (goals_.size() == 1) return goals_[0].task->name();
  std::vector<std::string> names;
  for (const Goal& goal : goals_) names.push_back(goal.name + ": " + goal.task->name());
  return join(names, ", ");
}

void Objective::check(const std::vector<at::Tensor>& outputs, const Batch& batch) const {
  for (size_t i = 0; i < goals_.size(); ++i) {
    goals_[i].task->check(outputs.at(i), seen_by(goals_[i], batch));
  }
  for (size_t i = 0; i < hints_.size(); ++i) {
    check_alike(hints_[i], outputs.at(places_[i].student), outputs.at(places_[i].teacher));
  }
}

at::Tensor Objective::loss(const std::vector<at::Tensor>& outputs, const Batch& batch) const {
  at::Tensor sum;
  const auto add = [&](const at::Tensor& loss, double weight) {
    const at::Tensor term = weight == 1 ? loss : loss * weight;
    sum = sum.defined() ? sum + term : term;
  };
  for (size_t i = 0; i < goals_.size(); ++i) {
    add(goals_[i].task->loss(outputs.at(i), seen_by(goals_[i], batch)), goals_[i].weight);
  }
  for (size_t i = 0; i < hints_.size(); ++i) {
    add(hint_loss(hints_[i], outputs.at(places_[i].student), outputs.at(places_[i].teacher)),
        hints_[i].term.weight);
  }
  return sum;
}

std::vector<Metric> Objective::metrics() const {
  std::vector<Metric> out;
  for (const Goal& goal : goals_) {
    for (Metric metric : goal.task->metrics()) {
      if (goals_.size() > 1) metric.name = goal.name + "." + metric.name;
      out.push_back(std::move(metric));
    }
  }
  for (const Hint& hint : hints_) {
    out.push_back({"hint." + hint.student, /*higher_is_better=*/false});
  }
  return out;
}

class Objective::JointScore : public Objective::Score {
 public:
  explicit JointScore(const Objective& objective)
      : objective_(objective), hints_(objective.hints_.size()) {
    for (const Goal& goal : objective.goals_) scores_.push_back(goal.task->score());
  }
  void add(const std::vector<at::Tensor>& outputs, const Batch& batch) override {
    for (size_t i = 0; i < scores_.size(); ++i) {
      scores_[i]->add(outputs.at(i), seen_by(objective_.goals_[i], batch));
    }
    const auto count = static_cast<double>(batch.target.size(0));
    for (size_t i = 0; i < hints_.size(); ++i) {
      const auto& at = objective_.places_[i];
      const at::Tensor loss =
          hint_loss(objective_.hints_[i], outputs.at(at.student), outputs.at(at.teacher));
      hints_[i] += loss.item<double>() * count;
    }
    samples_ += count;
  }
  std::vector<double> values() const override {
    std::vector<double> out;
    for (const auto& score : scores_) {
      const auto values = score->values();
      out.insert(out.end(), values.begin(), values.end());
    }
    for (const double sum : hints_) out.push_back(samples_ > 0 ? sum / samples_ : 0);
    return out;
  }
  nlohmann::json details() const override {
    if (scores_.size() == 1) return scores_[0]->details();
    nlohmann::json out;
    for (size_t i = 0; i < scores_.size(); ++i) {
      const auto details = scores_[i]->details();
      if (!details.is_null()) out[objective_.goals_[i].name] = details;
    }
    return out;
  }

 private:
  const Objective& objective_;
  std::vector<std::unique_ptr<rung::Score>> scores_;
  std::vector<double> hints_;  ///< sums over samples
  double samples_ = 0;
};

std::unique_ptr<Objective::Score> Objective::score() const {
  return std::make_unique<JointScore>(*this);
}

Model Objective::without_hints(const Model& model) const {
  if (hints_.empty()) return model;
  const auto& outputs = model.graph.outputs();
  const std::vector<Output> kept(outputs.begin(),
                                 outputs.begin() + static_cast<ptrdiff_t>(goals_.size()));
  return with_graph(model, extract(model.graph, kept));
}

}  // namespace rung
