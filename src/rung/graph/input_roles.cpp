#include "rung/graph/input_roles.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

/// What is known of a value's axes so far, and the axes of which two readers differ.
struct Said {
  Roles roles;
  std::set<size_t> disputed;

  void say(size_t axis, Role role) {
    if (role == Role::kNone || axis >= roles.size() || disputed.contains(axis)) return;
    Role& mine = roles[axis];
    // A convolution's channels are a linear layer's features, and places are steps.
    const auto kind = [](Role r) {
      return r == Role::kFeature ? Role::kChannel : r == Role::kTime ? Role::kSpace : r;
    };
    if (mine == Role::kNone || (kind(mine) == kind(role) && role == Role::kChannel)) {
      mine = role;
    } else if (kind(mine) != kind(role)) {
      mine = Role::kNone;
      disputed.insert(axis);
    }
  }
};

/// A node, the types of its inputs, what is said of its outputs, and where to say it of its inputs.
struct RoleCall {
  const Graph& graph;
  const Node& node;
  std::vector<Said>& of_node;  ///< its outputs
  std::vector<std::vector<Said>>& of_all;

  const TensorType& type(size_t input) const { return graph.type(node.inputs[input]); }
  Said& in(size_t input) const {
    const Value value = node.inputs[input];
    return of_all[static_cast<size_t>(value.node.index)][static_cast<size_t>(value.port)];
  }
  const Roles& out(size_t port = 0) const { return of_node[port].roles; }
  void say(size_t input, const Roles& roles) const {
    for (size_t i = 0; i < roles.size(); ++i) in(input).say(i, roles[i]);
  }
};

// --- ops that say something

void say_map(const RoleCall& c) {
  if (c.type(0).rank() > 2) c.say(0, map_roles(c.type(0).rank()));
  if (c.type(0).rank() == 2) c.say(0, vector_roles());
}
void say(const ops::Conv&, const RoleCall& c) { say_map(c); }
void say(const ops::ConvTranspose&, const RoleCall& c) { say_map(c); }
void say(const ops::BatchNorm&, const RoleCall& c) { say_map(c); }
void say(const ops::GroupNorm&, const RoleCall& c) { say_map(c); }
void say(const ops::InstanceNorm&, const RoleCall& c) { say_map(c); }
void say(const ops::Pool&, const RoleCall& c) { say_map(c); }
void say(const ops::AdaptivePool&, const RoleCall& c) { say_map(c); }
void say(const ops::Resize&, const RoleCall& c) { say_map(c); }
void say(const ops::TokensToMap&, const RoleCall& c) {
  c.say(0, sequence_roles());
  c.say(1, map_roles(4));
}
void say(const ops::Recurrent& op, const RoleCall& c) {
  c.say(0, op.batch_first ? sequence_roles() : Roles{Role::kTime, Role::kBatch, Role::kFeature});
}
void say(const ops::Embedding&, const RoleCall& c) {
  if (c.type(0).rank() == 2) c.say(0, {Role::kBatch, Role::kTime});
}

// Features last; what is in front is as in the output. Three axes are a sequence.
void say_features(const RoleCall& c, const Roles& out) {
  const size_t rank = c.type(0).rank();
  Roles roles = out;
  roles.resize(rank, Role::kNone);
  roles.back() = Role::kFeature;
  c.say(0, roles);
  if (rank == 2) c.say(0, vector_roles());
  if (rank == 3 && roles[0] == Role::kNone && roles[1] == Role::kNone) c.say(0, sequence_roles());
}
void say(const ops::Linear&, const RoleCall& c) { say_features(c, c.out()); }
void say(const ops::LayerNorm& op, const RoleCall& c) {
  if (op.axes == 1) say_features(c, c.out());
  if (op.axes != 1) c.say(0, c.out());
}
void say(const ops::MatMul&, const RoleCall& c) {
  const bool weight = c.graph.op_as<ops::Param>(c.node.inputs[1].node) != nullptr;
  if (weight && c.type(1).rank() == 2 && c.type(0).rank() > 1) say_features(c, c.out());
}

// --- ops that keep, turn or merge axes

void say_same(const RoleCall& c) { c.say(0, c.out()); }

void say_broadcast(const RoleCall& c) {
  const Shape& shape = c.node.types[0].shape;
  for (size_t input = 0; input < c.node.inputs.size(); ++input) {
    if (c.type(input).rank() != shape.size()) continue;
    c.say(input, c.out());
  }
}
void say(const ops::Binary&, const RoleCall& c) { say_broadcast(c); }
void say(const ops::Where&, const RoleCall& c) { say_broadcast(c); }
void say(const ops::Concat&, const RoleCall& c) { say_broadcast(c); }

void say(const ops::Split& op, const RoleCall& c) {
  for (size_t port = 0; port < op.sizes.size(); ++port) c.say(0, c.out(port));
}
void say(const ops::Transpose& op, const RoleCall& c) {
  const size_t rank = c.type(0).rank();
  for (size_t i = 0; i < rank; ++i) c.in(0).say(resolve_axis(op.order[i], rank), c.out()[i]);
}
void say(const ops::Flatten& op, const RoleCall& c) {
  const size_t rank = c.type(0).rank();
  const size_t first = resolve_axis(op.first, rank), last = resolve_axis(op.last, rank);
  for (size_t i = 0; i < rank; ++i) {
    if (i < first) c.in(0).say(i, c.out()[i]);
    if (i > last) c.in(0).say(i, c.out()[i - (last - first)]);
    // Places of a map whose tokens are read.
    const bool tokens = i >= first && i <= last && first < last;
    if (tokens && c.out()[first] == Role::kTime) c.in(0).say(i, Role::kSpace);
  }
}
void say(const ops::Reshape&, const RoleCall& c) {
  const Shape &from = c.type(0).shape, &to = c.node.types[0].shape;
  const size_t common = std::min(from.size(), to.size());
  size_t front = 0;
  for (; front < common && from[front] == to[front]; ++front) c.in(0).say(front, c.out()[front]);
  for (size_t i = 1; i + front <= common; ++i) {
    const size_t a = from.size() - i, b = to.size() - i;
    if (from[a] != to[b]) break;
    c.in(0).say(a, c.out()[b]);
  }
}

// The axes of x that are not in `gone`, in order, are those of the output.
void say_left(const RoleCall& c, const ops::Sizes& gone, bool kept) {
  const size_t rank = c.type(0).rank();
  std::vector<bool> marked(rank, gone.empty());
  for (const int64_t axis : gone) marked[resolve_axis(axis, rank)] = true;
  for (size_t i = 0, next = 0; i < rank; ++i) {
    if (marked[i] && !kept) continue;
    c.in(0).say(i, c.out()[next++]);
  }
}
void say(const ops::Squeeze& op, const RoleCall& c) { say_left(c, op.axes, false); }
void say(const ops::Reduce& op, const RoleCall& c) {
  say_left(c, op.axes, op.keep_axes);
  // Map pooled to a vector: over all axes between batch and channels, these are places.
  const size_t rank = c.type(0).rank();
  if (rank != 4 || op.axes.size() != 2) return;
  std::vector<size_t> axes;
  for (const int64_t axis : op.axes) axes.push_back(resolve_axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  if (axes == std::vector<size_t>{2, 3}) c.say(0, map_roles(4));
  if (axes == std::vector<size_t>{1, 2}) {
    c.say(0, {Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel});
  }
}
void say(const ops::Unsqueeze& op, const RoleCall& c) {
  const size_t rank = c.node.types[0].rank();
  std::vector<bool> added(rank, false);
  for (const int64_t axis : op.axes) added[resolve_axis(axis, rank)] = true;
  for (size_t i = 0, next = 0; i < rank; ++i) {
    if (!added[i]) c.in(0).say(next++, c.out()[i]);
  }
}
void say(const ops::Expand&, const RoleCall& c) {
  const size_t more = c.node.types[0].rank() - c.type(0).rank();
  for (size_t i = 0; i < c.type(0).rank(); ++i) c.in(0).say(i, c.out()[i + more]);
}

void say(const ops::ResizeLike&, const RoleCall& c) { say_same(c); }
void say(const ops::CropLike&, const RoleCall& c) { say_same(c); }
void say(const ops::PadLike&, const RoleCall& c) { say_same(c); }
void say(const ops::Pad&, const RoleCall& c) { say_same(c); }
void say(const ops::Slice&, const RoleCall& c) { say_same(c); }
void say(const ops::Softmax&, const RoleCall& c) { say_same(c); }
void say(const ops::Unary&, const RoleCall& c) { say_same(c); }
void say(const ops::LeakyRelu&, const RoleCall& c) { say_same(c); }
void say(const ops::Elu&, const RoleCall& c) { say_same(c); }
void say(const ops::Gelu&, const RoleCall& c) { say_same(c); }
void say(const ops::Softplus&, const RoleCall& c) { say_same(c); }
void say(const ops::Clamp&, const RoleCall& c) { say_same(c); }
void say(const ops::PRelu&, const RoleCall& c) { say_same(c); }
void say(const ops::Dropout&, const RoleCall& c) { say_same(c); }
void say(const ops::Cast&, const RoleCall& c) { say_same(c); }
void say(const ops::Detach&, const RoleCall& c) { say_same(c); }
void say(const ops::Attention&, const RoleCall& c) { say_same(c); }

// --- nothing follows

void say(const ops::Input&, const RoleCall&) {}
void say(const ops::Param&, const RoleCall&) {}
void say(const ops::Constant&, const RoleCall&) {}
void say(const ops::Stack&, const RoleCall&) {}
void say(const ops::Gather&, const RoleCall&) {}
void say(const ops::FullLike&, const RoleCall&) {}
void say(const ops::ArangeLike&, const RoleCall&) {}
void say(const ops::Opaque&, const RoleCall&) {}

bool says_nothing(const Roles& roles) {
  return std::all_of(roles.begin(), roles.end(), [](Role role) { return role == Role::kNone; });
}

}  // namespace

InputRoles roles_from_readers(const Graph& graph) {
  std::vector<std::vector<Said>> all;
  for (const Node& node : graph.nodes()) {
    all.emplace_back();
    for (const TensorType& type : node.types) all.back().push_back({Roles(type.rank()), {}});
  }
  for (size_t i = graph.size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    if (node.inputs.empty()) continue;
    const RoleCall call{graph, node, all[i], all};
    std::visit([&](const auto& op) { say(op, call); }, node.op);
  }
  InputRoles out;
  for (const NodeId id : graph.inputs()) {
    out[graph.node(id).name] = all[static_cast<size_t>(id.index)][0].roles;
  }
  return out;
}

InputRoles infer_input_roles(const Graph& graph) {
  InputRoles out = roles_from_readers(graph);
  for (auto& [name, roles] : out) {
    const TensorType& type = graph.type({*graph.find(name), 0});
    if (says_nothing(roles)) {
      roles = type.roles;
      continue;
    }
    const bool batch = std::find(roles.begin(), roles.end(), Role::kBatch) != roles.end();
    if (!batch && roles[0] == Role::kNone) roles[0] = Role::kBatch;
  }
  return out;
}

Graph with_input_roles(const Graph& graph, const InputRoles& roles) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs()) names.push_back(graph.node(id).name);
  std::map<std::string, TensorType, std::less<>> types;
  for (const auto& [given, list] : roles) {
    const std::string name = given.empty() && names.size() == 1 ? names[0] : given;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::vector<std::string> known;
      for (const auto& n : names) known.push_back(quoted(n));
      fail_user("there is no input {}; the inputs are {}", quoted(name), join(known, ", "));
    }
    TensorType type = graph.type({*graph.find(name), 0});
    if (list.size() != type.rank()) {
      fail_user("the input {} is {}, of {} axes, and {} roles are given; give one per axis",
                quoted(name), to_string(type), type.rank(), list.size());
    }
    type.roles = list;
    types.emplace(name, std::move(type));
  }
  return types.empty() ? graph : retype(graph, types);
}

Roles parse_roles(const std::string& text) {
  Roles out;
  for (const auto& part : split(text, ',')) out.push_back(role_from_name(part));
  return out;
}

}  // namespace rung
