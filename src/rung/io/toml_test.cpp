#include "rung/io/toml.h"

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

TomlDocument document(const std::string& text) {
  const TempFolder folder;
  write_file(folder / "r.toml", text);
  TomlDocument out = load_toml(folder / "r.toml");
  out.file = "r.toml";
  return out;
}

const char* kText =
    "top = 1\n"
    "[train]\n"
    "lr = 1e-3\n"
    "sizes = [2, 3]\n"
    "[[skip]]\n"
    "from = 'a'\n"
    "[[skip]]\n"
    "from = 'b'\n";

TEST(Toml, ReadsValuesOfTheRightType) {
  const TomlDocument doc = document(kText);
  TomlReader root(doc);
  EXPECT_EQ(root.integer("top"), 1);
  auto train = root.table("train");
  ASSERT_TRUE(train);
  EXPECT_EQ(train->number("lr"), 1e-3);
  EXPECT_EQ(train->integers("sizes"), (std::vector<int64_t>{2, 3}));
  train->finish();
  auto skips = root.tables("skip");
  ASSERT_EQ(skips.size(), 2u);
  EXPECT_EQ(skips[1].text("from"), "b");
  EXPECT_EQ(skips[1].where("from"), "r.toml:8: skip.1.from");
  root.finish();
}

TEST(Toml, RefusesUnknownKeysAndWrongTypesWithTheirLine) {
  const TomlDocument doc = document(kText);
  TomlReader root(doc);
  root.integer("tap");
  root.table("train");
  root.tables("skip");
  const auto unknown = user_error([&] { root.finish(); });
  EXPECT_EQ(unknown,
            "r.toml:1: top: there is no such key, did you mean tap?; the keys here are skip, tap, "
            "train");
  EXPECT_EQ(user_error([&] { root.text("top"); }), "r.toml:1: top must be a text, and it is 1");
  auto train = root.table("train");
  EXPECT_EQ(user_error([&] { train->integer("lr"); }),
            "r.toml:3: train.lr must be a whole number, and it is 0.001");
  double lr = 0;
  EXPECT_EQ(user_error([&] { train->read("lr", lr, 1, 2); }),
            "r.toml:3: train.lr is 0.001; it is a number from 1 to 2");
}

TEST(Toml, NamesTheLineOfASyntaxError) {
  EXPECT_NE(user_error([] { document("a = 1\nb = = 2\n"); }).find("r.toml:2: "), std::string::npos);
  EXPECT_NE(user_error([] { document("a = 1\na = 2\n"); }).find("r.toml:2: "), std::string::npos);
}

TEST(Toml, KeysAreChangedFromOutside) {
  TomlDocument doc = document(kText);
  set_toml_key(doc, "train.lr", "0.5");
  set_toml_key(doc, "train.kind", "sgd");
  set_toml_key(doc, "skip.1.from", "c");
  set_toml_key(doc, "data.task", "\"x\"");
  set_toml_key(doc, "train.sizes", "[7, 8]");
  EXPECT_EQ(doc.root["train"]["lr"], 0.5);
  EXPECT_EQ(doc.root["train"]["kind"], "sgd");
  EXPECT_EQ(doc.root["skip"][1]["from"], "c");
  EXPECT_EQ(doc.root["data"]["task"], "x");
  EXPECT_EQ(doc.root["train"]["sizes"][0], 7);
  EXPECT_NE(user_error([&] { set_toml_key(doc, "skip.2.from", "c"); }).find("counted from 0"),
            std::string::npos);
  EXPECT_NE(user_error([&] { set_toml_key(doc, "top.x", "1"); }).find("no table in front of 'x'"),
            std::string::npos);
  EXPECT_NE(user_error([&] { set_toml_key(doc, "train..lr", "1"); }), "");
}

}  // namespace
}  // namespace rung
