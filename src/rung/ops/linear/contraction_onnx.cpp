#include "rung/ops/linear/contraction_onnx.h"

#include <algorithm>

namespace rung::ops {
namespace {

bool has(const std::string& letters, char c) { return letters.find(c) != std::string::npos; }

bool repeats(std::string letters) {
  std::sort(letters.begin(), letters.end());
  return std::adjacent_find(letters.begin(), letters.end()) != letters.end();
}

Ref in_order(OnnxCall& call, Ref x, const std::string& from, const std::string& to) {
  if (from == to) return x;
  Transpose op;
  for (const char c : to) op.order.push_back(static_cast<int64_t>(from.find(c)));
  return call.add(op, {x});
}

Ref with_axis(OnnxCall& call, Ref x, int64_t axis, bool missing) {
  return missing ? call.add(Unsqueeze{.axes = {axis}}, {x}) : x;
}

}  // namespace

std::optional<Ref> contraction(OnnxCall& call, const std::string& equation) {
  const auto comma = equation.find(','), arrow = equation.find("->");
  if (call.size() != 2 || comma == std::string::npos || arrow == std::string::npos) return {};
  if (comma > arrow || has(equation, '.') || has(equation.substr(comma + 1), ',')) return {};
  const std::string a = equation.substr(0, comma),
                    b = equation.substr(comma + 1, arrow - comma - 1);
  const std::string result = equation.substr(arrow + 2);
  if (a.size() != call.rank(0) || b.size() != call.rank(1)) return {};
  if (repeats(a) || repeats(b) || repeats(result)) return {};
  std::string batch, rows, columns, summed;
  for (const char c : a) (has(result, c) ? (has(b, c) ? batch : rows) : summed) += c;
  for (const char c : b) {
    if (!has(a, c)) columns += c;
  }
  const auto known = [&](char c) { return has(a, c) || has(b, c); };
  const auto in_both = [&](char c) { return has(a, c) && has(b, c); };
  const auto kept = [&](char c) { return has(result, c); };
  if (!std::all_of(result.begin(), result.end(), known) ||
      !std::all_of(summed.begin(), summed.end(), in_both) ||
      !std::all_of(columns.begin(), columns.end(), kept)) {
    return {};
  }
  if (rows.size() > 1 || columns.size() > 1 || summed.size() > 1) return {};
  const auto front = static_cast<int64_t>(batch.size());
  Ref x = in_order(call, call.tensor(0), a, batch + rows + summed);
  x = with_axis(call, with_axis(call, x, front, rows.empty()), front + 1, summed.empty());
  Ref y = in_order(call, call.tensor(1), b, batch + summed + columns);
  y = with_axis(call, with_axis(call, y, front, summed.empty()), front + 1, columns.empty());
  Ref out = call.add(MatMul{}, {x, y});
  Sizes extra;
  if (rows.empty()) extra.push_back(front);
  if (columns.empty()) extra.push_back(front + 1);
  if (!extra.empty()) out = call.add(Squeeze{.axes = extra}, {out});
  return in_order(call, out, batch + rows + columns, result);
}

}  // namespace rung::ops
