#include "rung/ops/torchscript.h"

namespace rung::ops {

double AtenCall::number(size_t i) const {
  check_fixed(i);
  const auto& v = value(i);
  if (v.isBool()) return v.toBool() ? 1 : 0;
  return v.isInt() ? static_cast<double>(v.toInt()) : v.toDouble();
}

int64_t AtenCall::integer(size_t i) const {
  check_fixed(i);
  return value(i).toInt();
}

bool AtenCall::flag(size_t i) const {
  check_fixed(i);
  const auto& v = value(i);
  return v.isInt() ? v.toInt() != 0 : v.toBool();
}

Sizes AtenCall::integers(size_t i) const {
  check_fixed(i);
  const auto& v = value(i);
  if (v.isInt()) return {v.toInt()};
  return v.toIntVector();
}

std::string_view AtenCall::text(size_t i) const { return value(i).toStringRef(); }

AtenRule find_rule(std::string_view name) {
  for (const AtenRules rules :
       {activation_rules(), attention_rules(), conv_rules(), cut_rules(), elementwise_rules(),
        embedding_rules(), layout_rules(), linear_rules(), misc_rules(), norm_rules(), pool_rules(),
        recurrent_rules(), reduce_rules(), resize_rules()}) {
    for (const auto& entry : rules) {
      if (entry.name == name) return entry.rule;
    }
  }
  return nullptr;
}

}  // namespace rung::ops
