#include "rung/tensor/tensor_type.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "rung/base/error.h"

namespace rung {

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto& entry : kDTypes) {
    if (entry.name == name) return entry.dtype;
  }
  return std::nullopt;
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0) fail_user("shape {} has a negative size", to_string(shape));
    if (size != 0 && count > (int64_t{1} << 59) / size) {
      fail_user("shape {} has too many elements", to_string(shape));
    }
    count *= size;
  }
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

namespace {
constexpr std::string_view kRoleNames[] = {"?", "batch", "channel", "space", "time", "feature"};
}

std::string_view name(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

Role role_from_name(std::string_view text) {
  for (size_t i = 0; i < std::size(kRoleNames); ++i) {
    if (kRoleNames[i] == text) return static_cast<Role>(i);
  }
  fail_user("unknown axis role '{}'; the roles are {}", text, fmt::join(kRoleNames, ", "));
}

Roles map_roles(size_t rank) {
  Roles roles(rank, Role::kSpace);
  if (rank > 0) roles[0] = Role::kBatch;
  if (rank > 1) roles[1] = Role::kChannel;
  return roles;
}

Roles sequence_roles() { return {Role::kBatch, Role::kTime, Role::kFeature}; }
Roles vector_roles() { return {Role::kBatch, Role::kFeature}; }

Roles roles_by_rank(size_t rank) {
  if (rank == 2) return vector_roles();
  if (rank == 4 || rank == 5) return map_roles(rank);
  Roles roles(rank, Role::kNone);
  if (rank > 0) roles[0] = Role::kBatch;
  return roles;
}

TensorType::TensorType(DType dtype, Shape shape, Roles roles)
    : dtype(dtype), shape(std::move(shape)), roles(std::move(roles)) {
  if (this->roles.size() != this->shape.size()) {
    fail_bug("{} roles for shape {}", this->roles.size(), to_string(this->shape));
  }
}

TensorType::TensorType(DType dtype, Shape shape)
    : dtype(dtype), shape(std::move(shape)), roles(this->shape.size(), Role::kNone) {}

size_t TensorType::axis_of(Role role) const {
  return static_cast<size_t>(std::find(roles.begin(), roles.end(), role) - roles.begin());
}

std::vector<size_t> TensorType::axes_of(Role role) const {
  std::vector<size_t> axes;
  for (size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] == role) axes.push_back(i);
  }
  return axes;
}

bool TensorType::is_map() const {
  if (rank() < 3 || roles[0] != Role::kBatch || roles[1] != Role::kChannel) return false;
  return std::all_of(roles.begin() + 2, roles.end(),
                     [](Role r) { return r == Role::kSpace || r == Role::kTime; });
}
bool TensorType::is_sequence() const {
  return rank() == 3 && roles[0] == Role::kBatch &&
         (roles[1] == Role::kTime || roles[1] == Role::kSpace) &&
         (roles[2] == Role::kFeature || roles[2] == Role::kChannel);
}
bool TensorType::is_vector() const {
  return rank() == 2 && roles[0] == Role::kBatch &&
         (roles[1] == Role::kFeature || roles[1] == Role::kChannel);
}

std::string to_string(const TensorType& type) {
  std::string out = fmt::format("{}[", name(type.dtype));
  for (size_t i = 0; i < type.rank(); ++i) {
    if (i > 0) out += ", ";
    out += type.roles[i] == Role::kBatch ? "N" : std::to_string(type.shape[i]);
  }
  return out + "]";
}

std::string roles_text(const TensorType& type) {
  std::vector<std::string_view> names;
  for (const Role role : type.roles) names.push_back(name(role));
  return fmt::format("({})", fmt::join(names, ", "));
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      fail_user("shapes {} and {} do not broadcast: axis {} is {} on one side and {} on the other",
                to_string(a), to_string(b), -static_cast<int>(i) - 1, x, y);
    }
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

size_t resolve_axis(int64_t axis, size_t rank) {
  const auto n = static_cast<int64_t>(rank);
  if (axis < -n || axis >= n) fail_user("axis {} is out of range for rank {}", axis, rank);
  return static_cast<size_t>(axis < 0 ? axis + n : axis);
}

}  // namespace rung
