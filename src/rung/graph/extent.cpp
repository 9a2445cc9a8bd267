#include "rung/graph/extent.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace rung {
namespace {

// Longer sums and products are sizes of their own, so that no chain of layers costs its square.
constexpr size_t kMostParts = 32;
constexpr int64_t kMostDivisor = int64_t{1} << 31;

bool add(int64_t& to, int64_t value) { return !__builtin_add_overflow(to, value, &to); }
bool multiply(int64_t& to, int64_t value) { return !__builtin_mul_overflow(to, value, &to); }

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Extent SizeTable::intern(Entry entry) {
  const auto [place, is_new] =
      known_.try_emplace(entry, Extent{static_cast<int32_t>(entries_.size())});
  if (is_new) entries_.push_back(std::move(entry));
  return place->second;
}

Extent SizeTable::constant(int64_t value) { return intern({Kind::kConstant, {}, {value}, {}}); }

Extent SizeTable::symbol(const std::string& name) { return intern({Kind::kSymbol, name, {}, {}}); }

Extent SizeTable::function(const std::string& name, std::vector<int64_t> numbers,
                           std::vector<Extent> of) {
  return intern({Kind::kFunction, name, std::move(numbers), std::move(of)});
}

std::optional<int64_t> SizeTable::value(Extent a) const {
  const Entry& e = entry(a);
  return e.kind == Kind::kConstant ? std::optional(e.numbers[0]) : std::nullopt;
}

SizeTable::Linear SizeTable::linear(Extent a) const {
  const Entry& e = entry(a);
  if (e.kind == Kind::kConstant) return {.constant = e.numbers[0]};
  if (e.kind != Kind::kSum) return {.terms = {{a, 1}}};
  Linear out{.constant = e.numbers[0]};
  for (size_t i = 0; i < e.parts.size(); ++i) out.terms.emplace(e.parts[i], e.numbers[i + 1]);
  return out;
}

Extent SizeTable::sum_of(Linear sum) {
  std::erase_if(sum.terms, [](const auto& term) { return term.second == 0; });
  if (sum.terms.empty()) return constant(sum.constant);
  const auto& [first, factor] = *sum.terms.begin();
  if (sum.terms.size() == 1 && sum.constant == 0 && factor == 1) return first;
  Entry out{Kind::kSum, {}, {sum.constant}, {}};
  for (const auto& [size, number] : sum.terms) {
    out.parts.push_back(size);
    out.numbers.push_back(number);
  }
  return intern(std::move(out));
}

// a + factor · b
Extent SizeTable::scaled_sum(Extent a, Extent b, int64_t factor) {
  Linear sum = linear(a);
  const Linear more = linear(b);
  int64_t constant = more.constant;
  sum.fits = multiply(constant, factor) && add(sum.constant, constant);
  for (auto [size, number] : more.terms) {
    sum.fits = sum.fits && multiply(number, factor) && add(sum.terms[size], number);
  }
  if (!sum.fits || sum.terms.size() > kMostParts) return function("sum", {factor}, {a, b});
  return sum_of(std::move(sum));
}

std::pair<int64_t, std::vector<Extent>> SizeTable::factors(Extent a) const {
  const Entry& e = entry(a);
  if (e.kind == Kind::kConstant) return {e.numbers[0], {}};
  if (e.kind == Kind::kProduct) return {1, e.parts};
  const bool number_in_front = e.kind == Kind::kSum && e.parts.size() == 1 && e.numbers[0] == 0;
  if (!number_in_front) return {1, {a}};
  return {e.numbers[1], factors(e.parts[0]).second};
}

Extent SizeTable::product_of(int64_t number, std::vector<Extent> parts) {
  if (parts.empty()) return constant(number);
  std::sort(parts.begin(), parts.end());
  const Extent all = parts.size() == 1 ? parts[0] : intern({Kind::kProduct, {}, {}, parts});
  return scaled_sum(constant(0), all, number);
}

Extent SizeTable::times(Extent a, Extent b) {
  if (const auto number = value(b)) return scaled_sum(constant(0), a, *number);
  if (const auto number = value(a)) return scaled_sum(constant(0), b, *number);
  auto [number, parts] = factors(a);
  const auto [more, more_parts] = factors(b);
  parts.insert(parts.end(), more_parts.begin(), more_parts.end());
  if (!multiply(number, more) || parts.size() > kMostParts) {
    return function("product", {}, {std::min(a, b), std::max(a, b)});
  }
  return product_of(number, std::move(parts));
}

Extent SizeTable::quotient(Extent a, int64_t divisor) { return divided(linear(a), divisor); }

// (x / a + c) / b = (x + a c) / (a b): two halvings are a quartering. Only where one quotient is
// there, which counts once; then true.
bool SizeTable::unnest(Linear& sum, int64_t& divisor) const {
  std::optional<Extent> inner;
  for (const auto& [size, factor] : sum.terms) {
    if (entry(size).kind != Kind::kQuotient) continue;
    if (inner || factor != 1) return false;
    inner = size;
  }
  if (!inner) return false;
  const int64_t by = entry(*inner).numbers[0];
  Linear whole = linear(entry(*inner).parts[0]);
  int64_t constant = sum.constant;
  bool fits = multiply(constant, by) && add(whole.constant, constant);
  for (auto [size, factor] : sum.terms) {
    if (size == *inner) continue;
    fits = fits && multiply(factor, by) && add(whole.terms[size], factor);
  }
  int64_t both = divisor;
  if (!fits || !multiply(both, by) || both > kMostDivisor) return false;
  sum = std::move(whole);
  divisor = both;
  return true;
}

Extent SizeTable::divided(Linear sum, int64_t divisor) {
  Linear whole;
  const auto take_out_multiples = [&] {
    // What the divisor divides leaves the quotient; the rest has factors and constant below it.
    bool fits = add(whole.constant, floor_div(sum.constant, divisor));
    sum.constant -= floor_div(sum.constant, divisor) * divisor;
    for (auto& [size, factor] : sum.terms) {
      const int64_t out = floor_div(factor, divisor);
      fits = fits && add(whole.terms[size], out);
      factor -= out * divisor;
    }
    std::erase_if(sum.terms, [](const auto& term) { return term.second == 0; });
    return fits;
  };
  const Extent original = sum_of(sum);
  bool fits = take_out_multiples();
  while (fits && unnest(sum, divisor)) fits = take_out_multiples();
  if (!fits) return function("quotient", {divisor}, {original});
  if (sum.terms.empty()) return sum_of(std::move(whole));
  int64_t common = divisor;
  for (const auto& [size, factor] : sum.terms) common = std::gcd(common, factor);
  for (auto& [size, factor] : sum.terms) factor /= common;
  sum.constant = floor_div(sum.constant, common);
  const Extent rest = intern({Kind::kQuotient, {}, {divisor / common}, {sum_of(std::move(sum))}});
  return plus(sum_of(std::move(whole)), rest);
}

Extent SizeTable::broadcast(Extent a, Extent b) {
  if (a == b) return a;
  const auto x = value(a), y = value(b);
  // A size that is not 1 is the result's, whatever it meets.
  if (x) return *x == 1 ? b : a;
  if (y) return *y == 1 ? a : b;
  return function("broadcast", {}, {std::min(a, b), std::max(a, b)});
}

std::optional<Extent> SizeTable::exact_quotient(Extent a, Extent b) {
  if (a == b) return constant(1);
  const auto [number, parts] = factors(a);
  const auto [divisor, other] = factors(b);
  std::vector<Extent> left;
  std::set_difference(parts.begin(), parts.end(), other.begin(), other.end(),
                      std::back_inserter(left));
  const bool whole =
      divisor != 0 && number % divisor == 0 && left.size() + other.size() == parts.size();
  if (!whole) return std::nullopt;
  return product_of(number / divisor, std::move(left));
}

std::optional<std::set<std::string>> SizeTable::symbols(Extent a) const {
  std::set<std::string> out;
  std::set<Extent> met;
  std::vector<Extent> open{a};
  while (!open.empty()) {
    const Extent at = open.back();
    open.pop_back();
    if (!met.insert(at).second) continue;
    const Entry& e = entry(at);
    if (e.kind == Kind::kSymbol) out.insert(e.name);
    if (e.kind == Kind::kFunction && e.parts.empty()) return std::nullopt;
    open.insert(open.end(), e.parts.begin(), e.parts.end());
  }
  return out;
}

std::string SizeTable::text(Extent a) const {
  const Entry& e = entry(a);
  const auto inner = [&](Extent part) {
    const bool atom = entry(part).kind == Kind::kSymbol || entry(part).kind == Kind::kFunction;
    return atom ? text(part) : "(" + text(part) + ")";
  };
  switch (e.kind) {
    case Kind::kConstant:
      return std::to_string(e.numbers[0]);
    case Kind::kSymbol:
      return e.name;
    case Kind::kQuotient:
      return fmt::format("{} / {}", inner(e.parts[0]), e.numbers[0]);
    case Kind::kProduct:
    case Kind::kFunction: {
      std::vector<std::string> parts;
      for (const Extent part : e.parts) parts.push_back(inner(part));
      if (e.kind == Kind::kProduct) return fmt::format("{}", fmt::join(parts, " * "));
      for (const int64_t number : e.numbers) parts.push_back(std::to_string(number));
      return fmt::format("{}({})", e.name, fmt::join(parts, ", "));
    }
    case Kind::kSum:
      break;
  }
  std::string out;
  const auto append = [&](int64_t factor, const std::string& what) {
    if (!out.empty()) out += factor < 0 ? " - " : " + ";
    out += out.empty() && factor < 0 ? "-" + what : what;
  };
  for (size_t i = 0; i < e.parts.size(); ++i) {
    const int64_t factor = e.numbers[i + 1];
    const std::string number = std::to_string(factor < 0 ? -factor : factor);
    append(factor, number == "1" ? text(e.parts[i]) : number + " " + inner(e.parts[i]));
  }
  if (const int64_t c = e.numbers[0]; c != 0) append(c, std::to_string(c < 0 ? -c : c));
  return out;
}

}  // namespace rung
