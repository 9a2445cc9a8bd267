#include "rung/exec/eager/pt2_json.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/dtype_eager.h"

namespace rung::pt2 {

bool is_set(const nlohmann::json& object, std::string_view name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && !found->is_null();
}

const nlohmann::json& field(const nlohmann::json& object, std::string_view name,
                            std::string_view what) {
  if (!is_set(object, name)) fail_user("{} lacks {}", what, quoted(name));
  return object.at(name);
}

std::string text(const nlohmann::json& object, std::string_view name, std::string_view what) {
  const auto& value = field(object, name, what);
  if (!value.is_string())
    fail_user("{}: {} is {}, not text", what, quoted(name), value.type_name());
  return value.get<std::string>();
}

int64_t whole(const nlohmann::json& value, const std::string& what) {
  if (!value.is_number_integer()) fail_user("{}: a whole number is {}", what, value.type_name());
  return value.get<int64_t>();
}

std::pair<std::string, const nlohmann::json*> member(const nlohmann::json& tagged,
                                                     const std::string& what) {
  if (!tagged.is_object()) fail_user("{}: a tagged value is {}", what, tagged.type_name());
  for (const auto& [name, value] : tagged.items()) {
    if (!value.is_null()) return {name, &value};
  }
  fail_user("{}: a tagged value has no member", what);
}

c10::ScalarType scalar_type(const nlohmann::json& value, const std::string& what) {
  const int64_t number = whole(value, what);
  if (number >= 1 && number <= 12) return static_cast<c10::ScalarType>(number - 1);
  static constexpr std::pair<int64_t, DType> kLater[] = {
      {13, DType::kBF16},   {28, DType::kU16},        {29, DType::kF8E4M3},
      {30, DType::kF8E5M2}, {31, DType::kF8E4M3Fnuz}, {32, DType::kF8E5M2Fnuz},
      {34, DType::kU32},    {35, DType::kU64}};
  for (const auto& [theirs, dtype] : kLater) {
    if (theirs == number) return to_torch(dtype);
  }
  fail_unsupported("{} is of PyTorch's type {}, which rung lacks", what, number);
}

Shape fixed_sizes(const nlohmann::json& value, const std::string& what) {
  Shape out;
  if (!value.is_array()) fail_user("{}: a list of sizes is {}", what, value.type_name());
  for (const auto& size : value) {
    const auto [tag, number] = member(size, what);
    if (tag != "as_int") fail_user("{}: a size is {}, not as_int", what, quoted(tag));
    out.push_back(whole(*number, what));
  }
  return out;
}

}  // namespace rung::pt2
