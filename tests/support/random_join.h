#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rung/blocks/zoo.h"
#include "rung/join/plan.h"

// Joins drawn from a seed: which networks, which taps, every field of a skip, and other sizes to
// run at. Most are sensible; some must be refused.
namespace rung::testing {

struct DrawnNetwork {
  std::string name;  ///< in the join; empty where it is the only one
  std::string zoo;
  ZooSettings settings;
};

struct DrawnJoin {
  uint64_t seed = 0;
  std::vector<DrawnNetwork> networks;
  std::vector<Wire> wires;
  std::vector<Skip> skips;
  std::map<std::string, Shape, std::less<>> sizes;  ///< what every input is given at run time
  bool training = false;
};

/// Same seed, same join. The networks are small, but for those of torchvision, which are drawn
/// less often.
DrawnJoin draw_join(uint64_t seed);

/// The networks as drawn. Weights of the large ones are drawn once and shared by all joins.
std::vector<Model> models_of(const DrawnJoin& join);

/// The seed, the sizes, and the command that plans the same join.
std::string to_string(const DrawnJoin& join);

/// The types of the joined graph's inputs at the drawn sizes, by name.
std::map<std::string, TensorType, std::less<>> run_types(const Graph& graph, const DrawnJoin& join);

/// The smallest join that is wrong too: things are taken away (a skip, a field that is not at its
/// default, …) for as long as it stays wrong.
DrawnJoin shrink(DrawnJoin join, const std::function<bool(const DrawnJoin&)>& is_wrong);

/// A whole number from the environment.
int64_t environment(const char* name, int64_t otherwise);

/// Judges the joins of one part, or as many as RUNG_JOIN_COUNT says from RUNG_JOIN_SEED on, and
/// gives their number. `judge(join)` gives a Verdict, with `outcome` and `text`, or throws what is
/// wrong; `seen(seed, verdict)` counts it. One that is wrong fails the test, and so does the
/// smallest like it.
template <typename Verdict, typename Judge, typename Seen>
int64_t judge_joins(int64_t part, int64_t in_part, const Judge& judge, const Seen& seen) {
  constexpr auto kWrong = decltype(Verdict::outcome)::kWrong;
  const auto verdict_of = [&](const DrawnJoin& join) -> Verdict {
    try {
      return judge(join);
    } catch (const std::exception& error) {
      return {kWrong, error.what()};
    }
  };
  const int64_t count = environment("RUNG_JOIN_COUNT", in_part);
  const int64_t first = environment("RUNG_JOIN_SEED", 0) + part * count;
  for (int64_t seed = first; seed < first + count; ++seed) {
    const DrawnJoin join = draw_join(static_cast<uint64_t>(seed));
    const Verdict verdict = verdict_of(join);
    seen(seed, verdict);
    if (verdict.outcome != kWrong) continue;
    const DrawnJoin small =
        shrink(join, [&](const DrawnJoin& other) { return verdict_of(other).outcome == kWrong; });
    ADD_FAILURE() << verdict.text << "\n"
                  << to_string(join) << "\nsmallest: " << verdict_of(small).text << "\n"
                  << to_string(small);
  }
  return count;
}

}  // namespace rung::testing
