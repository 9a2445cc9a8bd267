#include "rung/io/pytorch/pickle.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/base/rng.h"
#include "rung/io/pytorch/pickle_testing.h"

namespace rung {
namespace {

using namespace rung::testing;
using Kind = PickleObject::Kind;
using std::string_literals::operator""s;

std::string refusal(const std::string& bytes) {
  return user_error([&] { read_pickle(bytes, "w.pth"); });
}

TEST(Pickle, ReadsPlainValues) {
  const Pickle read = read_pickle(pickle(dict({{"none", "N"},
                                               {"yes", "\x88"},
                                               {"byte", "K\xff"},
                                               {"short", "M\x01\x02"},
                                               {"int", whole(-7)},
                                               {"long", "\x8a\x02\xff\xff"},
                                               {"float", "G\x3f\xf8\0\0\0\0\0\0"s},
                                               {"list", "](K\1K\2e"},
                                               {"pair", "K\1K\2\x86"},
                                               {"bytes", "C\2ab"}})),
                                  "it");
  ASSERT_EQ(read.root->kind, Kind::kDict);
  const auto value = [&](size_t i) { return *read.root->items.at(2 * i + 1); };
  EXPECT_EQ(value(0).kind, Kind::kNone);
  EXPECT_EQ(value(1).whole, 1);
  EXPECT_EQ(value(2).whole, 255);
  EXPECT_EQ(value(3).whole, 0x201);
  EXPECT_EQ(value(4).whole, -7);
  EXPECT_EQ(value(5).whole, -1);
  EXPECT_EQ(value(6).real, 1.5);
  EXPECT_EQ(value(7).items.at(1)->whole, 2);
  EXPECT_EQ(value(8).kind, Kind::kTuple);
  EXPECT_EQ(value(9).text, "ab");
}

TEST(Pickle, ReadsProtocol4) {
  // {"a": {1}}, framed, with notes by their order
  const Pickle read =
      read_pickle("\x80\x04\x95\x0c\0\0\0\0\0\0\0}\x94\x8c\1a\x94\x8f\x94(K\1\x90s."s, "it");
  EXPECT_EQ(read.root->items.at(0)->text, "a");
  EXPECT_EQ(read.root->items.at(1)->kind, Kind::kSet);
}

TEST(Pickle, ReadsTensorsAsData) {
  const Pickle read = read_pickle(
      pickle(global("torch._utils", "_rebuild_parameter") + "(" + tensor({.key = "7"}) + "\x88NtR"),
      "it");
  ASSERT_EQ(read.root->kind, Kind::kTensor);
  EXPECT_EQ(read.root->items.at(0)->text, "7");
  EXPECT_EQ(read.root->items.at(0)->whole, 6);
}

TEST(Pickle, NamesWhatItRefusesToRun) {
  const auto asks = [](const std::string& value, const std::string& what) {
    EXPECT_TRUE(refusal(pickle(value)).starts_with("w.pth asks for " + what))
        << refusal(pickle(value));
  };
  const std::string command = text("rm -rf /");
  asks(global("os", "system") + command + "\x85R", "os.system; rung never executes code of a file");
  asks(global("posix", "system"), "posix.system");
  asks(global("builtins", "eval") + command + "\x85R", "builtins.eval");
  asks(global("__builtin__", "getattr"), "__builtin__.getattr");
  asks(text("os") + text("system") + "\x93", "os.system");
  asks("(" + command + "ios\nsystem\n", "os.system");
  asks(global("torch._utils", "_rebuild_qtensor"), "torch._utils._rebuild_qtensor");
  asks(global("torch.nn.modules.linear", "Linear") + ")\x81", "torch.nn.modules.linear.Linear");
  asks(global("collections", "OrderedDict") + ")\x81", "an object of a class");
  asks("(" + global("collections", "OrderedDict") + "o", "an object of a class");
  asks("\x82\x01", "a name by its number");
  asks(tensor() + dict({{"data", "N"}}) + "b", "setting the attributes of a tensor from a dict");
  asks(global("torch", "FloatStorage") + ")R", "a call of torch.FloatStorage with 0 arguments");
  asks(global("collections", "OrderedDict") + "K\1\x85R", "a call of collections.OrderedDict");
  asks("(" + text("module") + "NNNtQ", "an object from outside of the pickle that is no memory");
  asks(global("os\x1b[2J", "system"), "'os\\");  // nor may a name paint the terminal
}

TEST(Pickle, RefusesWhatIsBroken) {
  const auto contains = [](const std::string& bytes, const std::string& part) {
    EXPECT_NE(refusal(bytes).find(part), std::string::npos) << refusal(bytes);
  };
  contains("", "it is cut short");
  contains("cos\nsystem\n(tR.", "no pickle of protocol 2 to 5");
  contains("\x80\x06N.", "it has protocol 6");
  contains(pickle("I1\n"), "operation 0x49 is unknown");
  contains(pickle("0"), "a value is missing");
  contains(pickle("(0"), "a value is missing");
  contains(pickle("NN"), "more than one value");
  contains(pickle("(N"), "more than one value");
  contains(pickle("t"), "a mark is missing");
  contains(pickle("h\1"), "value 1 was never noted");
  contains(pickle("}NNNu"), "a mark is missing");
  contains(pickle("}(Nu"), "a key has no value");
  contains(pickle("NK\1a"), "None stands where a list belongs");
  contains(pickle("K\1NR"), "None stands where a tuple belongs");
  contains(pickle("K\1)R"), "an int stands where a name belongs");
  contains(
      "\x80\x02"
      "c" +
          std::string(5000, 'x'),
      "a name does not end");
}

// A few bytes that announce gigabytes.
TEST(Pickle, TakesNoMemoryOnAWord) {
  for (const std::string& length :
       {"X\xff\xff\xff\xff"s, "B\xff\xff\xff\x7f"s, "T\xff\xff\xff\xff"s, "\x8b\xff\xff\xff\xff"s,
        "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x8e\xff\xff\xff\xff\0\0\0\0"s,
        "\x96\xff\xff\xff\xff\xff\xff\xff\x7f"s, "\x95\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
    EXPECT_NE(refusal("\x80\x04" + length + "abc.").find("it is cut short"), std::string::npos);
  }
  read_pickle("\x80\x02Nr\xff\xff\xff\xff."s, "it");  // a note of a large number is one note
}

TEST(Pickle, SurvivesNestingAndLoops) {
  constexpr size_t kDeep = 1000000;
  const Pickle deep =
      read_pickle(pickle(std::string(kDeep, ']') + std::string(kDeep - 1, 'a')), "it");
  EXPECT_EQ(deep.objects.size(), kDeep);
  EXPECT_NE(refusal(pickle(std::string(kDeep, '('))).find("value is missing"), std::string::npos);

  const Pickle loop = read_pickle(pickle("]q\1h\1a"), "it");  // a list that holds itself
  EXPECT_EQ(loop.root->items.at(0), loop.root);

  // Each list holds the one before ten times: 10^200 leaves in 200 objects.
  std::string laughs = "]q\1";
  for (int i = 0; i < 200; ++i) laughs += "0](h\1h\1h\1h\1h\1h\1h\1h\1h\1h\1eq\1";
  EXPECT_EQ(read_pickle(pickle(laughs), "it").objects.size(), 201u);
}

TEST(Pickle, BoundsItsSteps) {
  EXPECT_NE(refusal("\x80\x02" + std::string(10000000, 'N')).find("more than 8388608 steps"),
            std::string::npos);
  // One long list as the argument of many calls.
  std::string bomb = "](";
  for (int i = 0; i < 100000; ++i) bomb += "K\1K\2\x86";
  bomb += "eq\1";
  const std::string call = global("collections", "OrderedDict") + "h\1\x85R";
  for (int i = 0; i < 100; ++i) bomb += "0" + call;
  EXPECT_NE(refusal(pickle(bomb)).find("a call of collections.OrderedDict"), std::string::npos);
}

TEST(Pickle, RefusesEveryCut) {
  const std::string whole = pickle(dict({{"a", tensor()}, {"b", "](K\1e"}}));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(read_pickle(whole.substr(0, size), "it"), Error) << size;
  }
  EXPECT_EQ(read_pickle(whole + "more", "it").bytes, whole.size());
}

}  // namespace
}  // namespace rung
