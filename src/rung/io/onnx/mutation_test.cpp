// ONNX files, damaged at random, byte by byte and field by field: each is read or refused, in
// bounded time and memory.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "rung/base/error.h"
#include "rung/io/onnx/import.h"
#include "support/mutation.h"
#include "support/onnx_model.h"

namespace rung {
namespace {

using testing::add_graph;
using testing::add_node;
using testing::OnnxModel;
using testing::set;

constexpr int kCount = 3000;
constexpr int64_t kMemory = 512;  ///< MiB that reading may add

/// Everything that the importer treats in a way of its own: sizes as numbers, branches, loops,
/// functions, weights in the file and in its lists.
std::string valid_bytes() {
  OnnxModel m;
  m.input("x", {-1, 2, -1, 8});
  m.floats("w", {32, 2, 3, 3});
  m.floats("scale", {32});
  set(m.node("Conv", {"x", "w"}, {"conv"}), "pads", {1, 1, 1, 1});
  m.node("BatchNormalization", {"conv", "scale", "scale", "scale", "scale"}, {"norm"});
  m.node("Relu", {"norm"}, {"relu"});
  m.node("Shape", {"relu"}, {"sizes"});
  m.number("zero", 0);
  m.node("Gather", {"sizes", "zero"}, {"batch"});
  m.integers("front", {0});
  m.node("Unsqueeze", {"batch", "front"}, {"batch_list"});
  m.integers("rest", {32, -1});
  set(m.node("Concat", {"batch_list", "rest"}, {"shape"}), "axis", 0);
  m.node("Reshape", {"relu", "shape"}, {"tokens"});
  set(m.node("Transpose", {"tokens"}, {"swapped"}), "perm", {0, 2, 1});
  m.integers("ends", {4});
  m.integers("last", {2});
  m.node("Slice", {"swapped", "front", "ends", "last"}, {"cut"});
  m.integers("twos", {2, 3});
  m.node("ConstantOfShape", {"twos"}, {"zeros"});
  m.node("Tile", {"zeros", "twos"}, {"tiled"});
  m.node("ReduceMax", {"tiled"}, {"most"});
  m.node("Equal", {"zero", "zero"}, {"yes"});
  auto& branch = m.node("If", {"yes"}, {"branched"});
  for (const char* name : {"then_branch", "else_branch"}) {
    auto& graph = add_graph(branch, name);
    add_node(*graph.mutable_node(), "Sigmoid", {"cut"}, {"chosen"});
    graph.add_output()->set_name("chosen");
  }
  m.number("turns", 3);
  auto& body = add_graph(m.node("Loop", {"turns", "yes", "branched"}, {"looped"}), "body");
  for (const char* name : {"turn", "more", "carried"}) body.add_input()->set_name(name);
  add_node(*body.mutable_node(), "Tanh", {"carried"}, {"next"});
  for (const char* name : {"more", "next"}) body.add_output()->set_name(name);
  auto& function = *m.proto.add_functions();
  function.set_name("Twice");
  function.set_domain("own");
  function.add_input("a");
  function.add_output("b");
  add_node(*function.mutable_node(), "Add", {"a", "a"}, {"b"});
  m.node("Twice", {"looped"}, {"twice"}).set_domain("own");
  m.node("Add", {"twice", "most"}, {"y"});
  m.output("y");
  return m.proto.SerializeAsString();
}

/// One number that breaks something, most likely.
int64_t odd_number(Rng& rng) {
  constexpr int64_t kOdd[] = {0,
                              -1,
                              1,
                              2,
                              3,
                              7,
                              65536,
                              int64_t{1} << 31,
                              int64_t{1} << 40,
                              -5,
                              INT64_MAX,
                              INT64_MIN,
                              1 << 20,
                              100000000,
                              3037000500};
  return kOdd[rng.integer(0, std::ssize(kOdd) - 1)];
}

template <typename List>
auto* any(List* list, Rng& rng) {
  return list->Mutable(static_cast<int>(rng.integer(0, list->size() - 1)));
}

void change_node(onnx::GraphProto& graph, Rng& rng) {
  auto& node = *any(graph.mutable_node(), rng);
  const auto& other = *any(graph.mutable_node(), rng);
  switch (rng.integer(0, 5)) {
    case 0:
      if (node.input_size() > 0 && other.output_size() > 0) {
        *any(node.mutable_input(), rng) = other.output(0);
      }
      break;
    case 1:
      node.set_op_type(other.op_type());
      break;
    case 2:
      if (node.input_size() > 0) node.mutable_input()->RemoveLast();
      break;
    case 3:
      node.add_output("one_more");
      break;
    case 4:
      node.clear_attribute();
      break;
    case 5:
      if (node.attribute_size() == 0) break;
      if (auto& a = *any(node.mutable_attribute(), rng); a.ints_size() > 0) {
        a.set_ints(static_cast<int>(rng.integer(0, a.ints_size() - 1)), odd_number(rng));
      } else {
        a.set_i(odd_number(rng));
      }
      break;
  }
}

void change_tensor(onnx::TensorProto& tensor, Rng& rng) {
  switch (rng.integer(0, 3)) {
    case 0:
      tensor.add_dims(odd_number(rng));
      break;
    case 1:
      if (tensor.dims_size() > 0) tensor.set_dims(0, odd_number(rng));
      break;
    case 2:
      tensor.set_data_type(static_cast<int32_t>(rng.integer(0, 17)));
      break;
    case 3:
      for (auto& value : *tensor.mutable_int64_data()) value = odd_number(rng);
      break;
  }
}

/// A well-formed message that says something else.
std::string changed(const std::string& valid, Rng& rng) {
  onnx::ModelProto model;
  model.ParseFromString(valid);
  auto& graph = *model.mutable_graph();
  for (int64_t i = rng.integer(1, 3); i > 0; --i) {
    switch (rng.integer(0, 5)) {
      case 0:
      case 1:
        change_node(graph, rng);
        break;
      case 2:
      case 3:
        change_tensor(*any(graph.mutable_initializer(), rng), rng);
        break;
      case 4:
        graph.mutable_node()->SwapElements(static_cast<int>(rng.integer(0, graph.node_size() - 1)),
                                           static_cast<int>(rng.integer(0, graph.node_size() - 1)));
        break;
      case 5:
        any(graph.mutable_input(0)
                ->mutable_type()
                ->mutable_tensor_type()
                ->mutable_shape()
                ->mutable_dim(),
            rng)
            ->set_dim_value(odd_number(rng));
        break;
    }
  }
  return model.SerializeAsString();
}

int64_t peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

void survive(const std::function<std::string(Rng&)>& make, uint64_t seed) {
  const int64_t before = peak_mebibytes();
  testing::survive(make, kCount, seed, [](const auto& path) {
    try {
      load_onnx(path);
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(path.string())) << error.what();
      throw;
    }
  });
  EXPECT_LT(peak_mebibytes() - before, kMemory);
}

TEST(Mutation, OnnxBytes) {
  const std::string valid = valid_bytes();
  survive([&](Rng& rng) { return testing::damaged(valid, rng); }, 6000);
}

TEST(Mutation, OnnxFields) {
  const std::string valid = valid_bytes();
  survive([&](Rng& rng) { return changed(valid, rng); }, 20000);
}

}  // namespace
}  // namespace rung
