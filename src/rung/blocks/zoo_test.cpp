#include "rung/blocks/zoo.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "support/networks.h"

namespace rung {
namespace {

using testing::error_of;
using testing::output_shape;

TEST(Zoo, BuildsEveryNetworkWithItsDefaults) {
  std::set<std::string> names;
  for (const ZooNetwork& network : zoo_networks()) {
    EXPECT_TRUE(names.insert(network.name).second) << network.name;
    EXPECT_FALSE(network.doc.empty()) << network.name;
    const Model model = zoo(network.name);
    EXPECT_EQ(model.graph.inputs().size(), 1u) << network.name;
    ASSERT_EQ(model.graph.outputs().size(), 1u) << network.name;
    EXPECT_EQ(model.graph.outputs()[0].name, "output") << network.name;
    EXPECT_FALSE(testing::tap_shape(model, "output").empty()) << network.name;
  }
}

TEST(Zoo, RunsAtAnotherBatchSize) {
  for (const ZooNetwork& network : zoo_networks()) {
    const Model model = zoo(network.name);
    Shape shape = model.graph.type({model.graph.inputs()[0], 0}).shape;
    shape[0] = 3;
    EXPECT_EQ(output_shape(testing::at_shape(model, shape))[0], 3) << network.name;
  }
}

TEST(Zoo, TakesSettings) {
  const Model model = zoo("skip_connection_block", {{"in", "3"}, {"out", "5"}, {"size", "7x9"}});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 5, 7, 9}));
  EXPECT_EQ(output_shape(zoo("resnet18", {{"classes", "10"}}).graph), (Shape{1, 10}));
  EXPECT_TRUE(zoo("skip_net", {{"block", "concat"}}).graph.find("block1.concat_projection"));
  EXPECT_FALSE(zoo("skip_net", {{"norm", "no"}}).graph.find("norm1"));
}

TEST(Zoo, ListsTheNamesWhereOneIsUnknown) {
  EXPECT_EQ(error_of([] { zoo("resnet19"); }).substr(0, 77),
            "there is no built-in network 'resnet19'; nearest: resnet18, resnet34, resnet5");
}

TEST(Zoo, ListsTheSettingsWhereOneIsUnknown) {
  EXPECT_EQ(error_of([] {
              zoo("resnet18", {{"clases", "10"}});
            }),
            "zoo:resnet18 has no setting 'clases'; it has in, classes, size");
}

TEST(Zoo, RefusesValuesOutOfRange) {
  EXPECT_EQ(error_of([] {
              zoo("skip_net", {{"width", "-1"}});
            }),
            "zoo:skip_net: width = '-1' is not a whole number from 1 to 65536");
  EXPECT_EQ(error_of([] {
              zoo("skip_net", {{"depth", "1000000000"}});
            }),
            "zoo:skip_net: depth = '1000000000' is not a whole number from 4 to 1000");
  for (const char* value : {"", "ten", "1e3", "3.5", " 3", "99999999999999999999", "0x10"}) {
    EXPECT_NE(error_of([&] {
                zoo("resnet18", {{"classes", value}});
              }).find("whole number"),
              std::string::npos)
        << value;
  }
}

TEST(Zoo, RefusesWrongWordsAndSizes) {
  EXPECT_EQ(error_of([] {
              zoo("skip_net", {{"block", "mul"}});
            }),
            "zoo:skip_net: block = 'mul' is not one of add, concat, none");
  for (const char* value : {"", "x", "3x", "1x2x3", "0", "12x-3", "99999"}) {
    EXPECT_NE(error_of([&] {
                zoo("resnet18", {{"size", value}});
              }).find("a size such as"),
              std::string::npos)
        << value;
  }
}

TEST(Zoo, RefusesNetworksThatNoMachineHolds) {
  const std::string error = error_of([] { zoo("mlp", {{"width", "65536"}, {"hidden", "1000"}}); });
  EXPECT_NE(error.find("weights"), std::string::npos) << error;
}

TEST(Zoo, DescribesWithoutDrawing) {
  const auto start = std::chrono::steady_clock::now();
  const Model model = zoo("resnet50");
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(model.weights.empty());
  EXPECT_LT(spent.count(), 0.1);
}

}  // namespace
}  // namespace rung
