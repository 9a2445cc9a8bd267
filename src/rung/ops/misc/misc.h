#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// In training zeroes elements (whole channels where `channels`) with probability p and scales the
/// rest by 1 / (1 - p); the identity in evaluation.
struct Dropout {
  static constexpr std::string_view kName = "Dropout";
  double p = 0.5;
  bool channels = false;
  static constexpr auto fields() {
    return std::make_tuple(field("p", &Dropout::p), field("channels", &Dropout::channels));
  }
  bool operator==(const Dropout&) const = default;
};

/// Converts the elements.
struct Cast {
  static constexpr std::string_view kName = "Cast";
  DType dtype = DType::kF32;
  static constexpr auto fields() { return std::make_tuple(field("dtype", &Cast::dtype)); }
  bool operator==(const Cast&) const = default;
};

/// The identity, through which no gradient flows back (side mode).
struct Detach {
  static constexpr std::string_view kName = "Detach";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const Detach&) const = default;
};

/// A tensor of x's type with one value everywhere (a skip that was switched off).
struct FullLike {
  static constexpr std::string_view kName = "FullLike";
  static constexpr size_t kReadsSizesOf = 0;
  double value = 0;
  static constexpr auto fields() { return std::make_tuple(field("value", &FullLike::value)); }
  bool operator==(const FullLike&) const = default;
};

/// Counts along an axis of another tensor (the places of a sequence, say): 0, 1, 2, …
///   input  like [S…];  output  [size of like's axis], with that axis's role
struct ArangeLike {
  static constexpr std::string_view kName = "ArangeLike";
  static constexpr size_t kReadsSizesOf = 0;
  int64_t axis = 0;  ///< negative counts from the end
  DType dtype = DType::kI64;
  static constexpr auto fields() {
    return std::make_tuple(field("axis", &ArangeLike::axis), field("dtype", &ArangeLike::dtype));
  }
  bool operator==(const ArangeLike&) const = default;
};

/// An operator that rung has no op for: it runs on LibTorch, can be tapped and joined around, and
/// says so where it cannot go on.  `arguments` is a JSON list with one entry per schema argument:
/// {"input": k} for the k-th input, {"inputs": [k, …]} for a list, or {"value": …, "kind": …}.
/// Its shape rule is what was seen at import, with the batch size of its first input, or the sizes
/// of the input `like` (an operator on every element).
struct Opaque {
  static constexpr std::string_view kName = "Opaque";
  std::string schema;  ///< such as "aten::grid_sampler(Tensor input, …) -> Tensor"
  std::string arguments;
  std::vector<TensorType> types;  ///< outputs, as seen at import
  int64_t like = -1;              ///< the outputs have the sizes and roles of this input; -1: none
  static constexpr auto fields() {
    return std::make_tuple(field("schema", &Opaque::schema), field("arguments", &Opaque::arguments),
                           field("types", &Opaque::types), field("like", &Opaque::like));
  }
  bool operator==(const Opaque&) const = default;
};

std::vector<TensorType> infer(const Dropout&, Types in);
std::vector<TensorType> infer(const Cast&, Types in);
std::vector<TensorType> infer(const Detach&, Types in);
std::vector<TensorType> infer(const FullLike&, Types in);
std::vector<TensorType> infer(const ArangeLike&, Types in);
std::vector<TensorType> infer(const Opaque&, Types in);
int64_t macs(const Dropout&, Types in, Types out);
int64_t macs(const Cast&, Types in, Types out);
int64_t macs(const Detach&, Types in, Types out);
int64_t macs(const FullLike&, Types in, Types out);
int64_t macs(const ArangeLike&, Types in, Types out);
int64_t macs(const Opaque&, Types in, Types out);

}  // namespace rung::ops
