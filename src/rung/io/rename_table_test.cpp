#include "rung/io/rename_table.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"

namespace rung {
namespace {

TEST(RenameTable, FollowsTheFirstRuleThatFits) {
  const RenameTable table = parse_rename_table(
      "# torchvision's names of 2017\n"
      "fc.weight -> head.weight\n"
      "\n"
      "  backbone.layer1.*  ->  encoder/first.*\n"
      "backbone.* -> encoder/*\n"
      "*.norm.?.* -> never.*.*\n"
      "*.norm.1.* -> *.norm1.*\n"
      "optimizer.* ->\n",
      "names.txt");
  EXPECT_EQ(table.apply("fc.weight"), "head.weight");
  EXPECT_EQ(table.apply("fc.weights"), "fc.weights");
  EXPECT_EQ(table.apply("my.fc.weight"), "my.fc.weight");
  EXPECT_EQ(table.apply("backbone.layer1.0.conv1.weight"), "encoder/first.0.conv1.weight");
  EXPECT_EQ(table.apply("backbone.conv1.weight"), "encoder/conv1.weight");
  EXPECT_EQ(table.apply("d.norm.1.weight"), "d.norm1.weight");
  EXPECT_EQ(table.apply("d.norm.1.norm.1.bias"), "d.norm1.norm.1.bias")
      << "the first star is short";
  EXPECT_EQ(table.apply("optimizer.state"), "");
  const Weights names = {{"fc.weight", {}}, {"backbone.a", {}}, {"optimizer.x", {}}};
  EXPECT_EQ(table.unused(names),
            (std::vector<std::string>{"names.txt:4: backbone.layer1.* -> encoder/first.*",
                                      "names.txt:6: *.norm.?.* -> never.*.*",
                                      "names.txt:7: *.norm.1.* -> *.norm1.*"}));
}

TEST(RenameTable, NamesTheLineThatIsWrong) {
  const auto wrong = [](const std::string& line) {
    return user_error([&] { parse_rename_table("a -> b\n" + line, "names.txt"); });
  };
  EXPECT_EQ(wrong("a = b"), "names.txt:2: 'a = b' is no rule; the form is OLD -> NEW");
  EXPECT_EQ(wrong("a -> b -> c"), "names.txt:2: 'a -> b -> c' is no rule; the form is OLD -> NEW");
  EXPECT_EQ(wrong("-> b"), "names.txt:2: '-> b' has no name before the arrow");
  EXPECT_EQ(wrong("a.* -> b"),
            "names.txt:2: 'a.* -> b' has 1 * before the arrow and 0 behind it; there must be as "
            "many");
}

}  // namespace
}  // namespace rung
