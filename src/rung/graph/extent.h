#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rung {

/// A size as a function of the inputs' sizes; an index into a SizeTable. Two that are equal stand
/// for sizes that are equal at every input size; two that differ may be equal all the same.
struct Extent {
  int32_t index = 0;
  auto operator<=>(const Extent&) const = default;
};

/// Every size that was asked for, once. Sums, products and quotients are brought to one form, so
/// that sizes that were computed in different ways (two halvings, one quartering) meet.
/// Numbers that 64 bits do not hold make a size of its own, equal to nothing but itself.
class SizeTable {
 public:
  Extent constant(int64_t value);
  /// A size that nothing is known of, such as an input's. Equal `name`s are the same size.
  Extent symbol(const std::string& name);
  Extent plus(Extent a, Extent b) { return scaled_sum(a, b, 1); }
  Extent plus(Extent a, int64_t b) { return plus(a, constant(b)); }
  Extent times(Extent a, Extent b);
  Extent times(Extent a, int64_t b) { return times(a, constant(b)); }
  /// Rounded down; `divisor` > 0.
  Extent quotient(Extent a, int64_t divisor);
  /// What two sizes that meet by NumPy's rules become.
  Extent broadcast(Extent a, Extent b);
  /// Any other rule, by its name, numbers and sizes: the same of all three are the same size.
  Extent function(const std::string& name, std::vector<int64_t> numbers, std::vector<Extent> of);

  std::optional<int64_t> value(Extent a) const;
  /// a / b where that is known to be a whole number without remainder.
  std::optional<Extent> exact_quotient(Extent a, Extent b);
  /// The symbols in it; nothing where it is a function of what nobody knows (one without sizes).
  std::optional<std::set<std::string>> symbols(Extent a) const;
  /// "(x.2 - 1) / 2 + 1", where x.2 is a symbol and / rounds down.
  std::string text(Extent a) const;

 private:
  enum class Kind { kConstant, kSymbol, kSum, kProduct, kQuotient, kFunction };
  struct Entry {
    Kind kind;
    std::string name;              ///< kSymbol, kFunction
    std::vector<int64_t> numbers;  ///< kConstant: it; kSum: constant, factors; kQuotient: divisor
    std::vector<Extent> parts;
    auto operator<=>(const Entry&) const = default;
  };
  /// constant + Σ factor · size; no size is a constant or a sum.
  struct Linear {
    int64_t constant = 0;
    std::map<Extent, int64_t> terms;
    bool fits = true;  ///< every number does in 64 bits
  };

  const Entry& entry(Extent a) const { return entries_[static_cast<size_t>(a.index)]; }
  Extent intern(Entry entry);
  Linear linear(Extent a) const;
  Extent sum_of(Linear sum);
  Extent scaled_sum(Extent a, Extent b, int64_t factor);
  Extent divided(Linear sum, int64_t divisor);
  bool unnest(Linear& sum, int64_t& divisor) const;
  /// The number in front, and the sizes that are multiplied, ascending.
  std::pair<int64_t, std::vector<Extent>> factors(Extent a) const;
  Extent product_of(int64_t number, std::vector<Extent> parts);

  std::vector<Entry> entries_;
  std::map<Entry, Extent> known_;
};

}  // namespace rung
