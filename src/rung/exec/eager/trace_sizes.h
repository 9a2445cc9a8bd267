#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rung/exec/eager/trace_record.h"
#include "rung/graph/model.h"
#include "rung/graph/size_trials.h"

namespace rung::tracing {

/// The sizes of a traced function's inputs: which of them may be others, and records at those that
/// were tried. Same place and size is one size, where the function does not take another in one of
/// them alone; so are those of one size that it takes only together.
class TracedSizes {
 public:
  /// Records the function at inputs; what it throws is its own objection.
  using RecordAt = std::function<Record(const std::vector<at::Tensor>&)>;
  struct Probe {
    std::optional<size_t> symbol;  ///< none: all at once
    int64_t size = 0;              ///< of that symbol
    Record record;
  };

  /// `base` is the record at the examples, and must outlive this.
  TracedSizes(const Record& base, const std::vector<Roles>& roles, RecordAt record_at);

  const std::vector<Probe>& probes() const { return probes_; }
  /// By input: axes of one size only, and why.
  const std::vector<std::map<int64_t, std::string>>& held() const { return held_; }

  /// Records at a size of each symbol at which the graph, as it is so far, tells more than at those
  /// that were tried. False: nothing is left to learn.
  bool learn_more(const Graph& graph);
  /// Gives up the freedom of the size that the probe changed. Throws an unsupported error where it
  /// is the batch.
  void fix(size_t probe, const std::string& what);
  /// Holds the sizes that the function refuses to be others, where the graph would take them.
  /// False: there are none.
  bool hold_refused(const Model& model);

 private:
  /// Axes of inputs that change together.
  struct Symbol {
    int64_t size = 0;
    bool batch = false;
    std::vector<std::pair<size_t, size_t>> axes = {};  ///< input and axis
    size_t tried = 0;                                  ///< of to_try
    std::vector<int64_t> to_try() const;
  };

  std::vector<at::Tensor> inputs_with(const Symbol& symbol, std::vector<at::Tensor> inputs,
                                      int64_t size) const;
  std::optional<Record> try_record(const std::vector<at::Tensor>& inputs, bool& differs) const;
  void probe_all(const std::vector<Roles>& roles);
  void probe_refused();
  void probe_together();
  bool probe(Symbol symbol);
  std::vector<Symbol> apart(Symbol group) const;
  void refuse_other_program(const Symbol& symbol);
  bool learn(size_t symbol, const SizeTrials& known, const Graph& graph, const InputAxes& axes);
  void hold(const Symbol& symbol, const std::string& why);

  const Record& base_;
  RecordAt record_at_;
  std::vector<std::map<int64_t, std::string>> held_;
  std::vector<Symbol> symbols_;
  std::vector<Symbol> refused_;  ///< of which the function took no other size
  std::vector<Probe> probes_;
};

}  // namespace rung::tracing
