#include "rung/join/plan.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

// x ── conv1 ── conv2 ── conv3 ── flat ── fc ── y
//      4×8×8    8×4×4    8×4×4     128     10
Model chain() {
  Builder b;
  Value x = b.input("x", {DType::kF32, {1, 3, 8, 8}, map_roles(4)});
  x = b.conv("conv1", x, {.out = 4, .kernel = {3}, .padding = {1}});
  x = b.conv("conv2", x, {.out = 8, .kernel = {3}, .stride = {2}, .padding = {1}});
  x = b.conv("conv3", x, {.out = 8, .kernel = {3}, .padding = {1}});
  x = b.flatten("flat", b.adaptive_pool("pool", x, {4, 4}));
  b.output("y", b.linear("fc", x, 10));
  return std::move(b).finish();
}

Model sequence() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 7, 6}, sequence_roles()});
  b.output("y", b.linear("head", b.lstm("lstm", x, {.hidden = 5}), 3));
  return std::move(b).finish();
}

std::string refusal(const Model& model, Skip skip) {
  return user_error([&] { join(model).skip(std::move(skip)).plan(); });
}

TEST(Plan, AnEmptySpecGivesTheSameGraph) {
  for (const ZooNetwork& network : zoo_networks()) {
    const Model model = zoo(network.name);
    EXPECT_EQ(print(join(model).plan().apply().graph), print(model.graph)) << network.name;
    EXPECT_EQ(print(join(model.named("a")).plan().apply().graph),
              print(with_prefix(model.graph, "a/")))
        << network.name;
  }
}

TEST(Plan, LeavesTheJoinedNetworksAlone) {
  const Model model = chain();
  const std::string before = print(model.graph);
  const JoinPlan plan = join(model).skip({.from = "conv1", .to = "conv3"}).plan();
  EXPECT_EQ(print(model.graph), before);
  for (const Node& node : model.graph.nodes()) {
    const auto id = plan.apply().graph.find(node.name);
    ASSERT_TRUE(id) << node.name;
    EXPECT_EQ(plan.apply().graph.type({*id, 0}), node.types[0]) << node.name;
  }
}

// x [N, T, F] ── turn [T, N, F] ── back [N, T, F] ── relu ── y: not a state, though batch and
//                                                         features lie as in one.
TEST(Plan, ASequenceWithTimeInFrontIsTurned) {
  Builder b;
  Value x = b.input("x", {DType::kF32, {2, 7, 6}, sequence_roles()});
  x = b.add("turn", ops::Transpose{.order = {1, 0, 2}}, {x});
  x = b.add("back", ops::Transpose{.order = {1, 0, 2}}, {x});
  b.output("y", b.relu("relu", x));
  const Model joined = join(std::move(b).finish())
                           .skip({.from = "turn", .to = "relu", .merge = "add"})
                           .plan()
                           .apply();
  EXPECT_EQ(joined.graph.type(joined.graph.outputs()[0].value).shape, (Shape{2, 7, 6}));
  EXPECT_TRUE(joined.graph.find("skip1.batch_first")) << print(joined.graph);
}

TEST(Plan, TheResultHoldsEveryPlannedSkip) {
  const JoinPlan plan = join(chain())
                            .skip({.from = "conv1", .to = "conv3"})
                            .skip({.from = "conv2", .to = "conv3", .merge = "gate"})
                            .skip({.from = "conv1", .to = "fc", .merge = "film", .name = "tall"})
                            .plan();
  const Graph& graph = plan.apply().graph;
  ASSERT_EQ(plan.skips().size(), 3u);
  ASSERT_EQ(graph.skips().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const SkipPlan& skip = plan.skips()[i];
    EXPECT_EQ(graph.skips()[i].name, skip.name);
    EXPECT_EQ(graph.skips()[i].merge, skip.merge);
    ASSERT_FALSE(skip.insertions.empty());
    for (const Insertion& insertion : skip.insertions) {
      const auto id = graph.find(insertion.name);
      ASSERT_TRUE(id) << insertion.name;
      EXPECT_EQ(graph.node(*id).skip, skip.name);
      EXPECT_EQ(graph.type({*id, 0}), insertion.type);
    }
  }
  EXPECT_EQ(plan.skips()[0].name, "skip1");
  EXPECT_EQ(plan.skips()[2].name, "tall");
}

TEST(Plan, SwitchingEverySkipOffGivesTheOriginal) {
  const Model model = chain();
  const Graph joined = join(model)
                           .skip({.from = "conv1", .to = "conv3", .merge = "concat"})
                           .skip({.from = "conv2", .to = "conv3", .merge = "multiply"})
                           .skip({.from = "conv1", .to = "fc"})
                           .plan()
                           .apply()
                           .graph;
  const std::vector<std::string> all{"skip1", "skip2", "skip3"};
  EXPECT_EQ(print(without_skips(joined, all)), print(model.graph));
  EXPECT_EQ(without_skips(joined, std::vector<std::string>{"skip2"}).skips().size(), 2u);
  EXPECT_EQ(user_error([&] { without_skips(joined, std::vector<std::string>{"skip9"}); }),
            "there is no skip 'skip9'; the skips are 'skip1', 'skip2', 'skip3'");
}

TEST(Plan, ExplainsWhatItDecidedAndWhy) {
  const JoinPlan plan = join(chain())
                            .skip({.from = "conv1", .to = "conv3", .start = Start::kIdentity})
                            .skip({.from = "conv2", .to = "conv3", .merge = "mean"})
                            .plan();
  EXPECT_EQ(plan.explain(),
            "skip1: conv1 -> conv3 by add\n"
            "  source  f32[N, 4, 8, 8]  (batch, channel, space, space)\n"
            "  target  f32[N, 8, 4, 4]  (batch, channel, space, space)\n"
            "  result  f32[N, 8, 4, 4]  (batch, channel, space, space)\n"
            "  inserted          op                   gives            weights  MACs  why\n"
            "  skip1.projection  Conv(stride=[2, 2])  f32[N, 8, 4, 4]  40       512   "
            "4 -> 8 channels, 2 times smaller\n"
            "  skip1.add         add                  f32[N, 8, 4, 4]  -        -     t + s\n"
            "\n"
            "skip2: conv2 -> conv3 by mean\n"
            "  source  f32[N, 8, 4, 4]  (batch, channel, space, space)\n"
            "  target  f32[N, 8, 4, 4]  (batch, channel, space, space)\n"
            "  result  f32[N, 8, 4, 4]  (batch, channel, space, space)\n"
            "  inserted    op   gives            weights  MACs  why\n"
            "  skip2.sum   add  f32[N, 8, 4, 4]  -        -     (t + s) / 2\n"
            "  skip2.mean  mul  f32[N, 8, 4, 4]  -        -     (t + s) / 2\n"
            "\n"
            "0 wire(s), 2 skip(s): 40 new weights, 512 MACs, 1.5 KiB held until the merges\n"
            "input   x  f32[N, 3, 8, 8]  (batch, channel, space, space)\n"
            "output  y  f32[N, 10]       (batch, feature)\n");
}

TEST(Plan, IsDeterministic) {
  const auto text = [] {
    const JoinPlan plan = join({zoo("resnet18_encoder").named("e"), zoo("decoder").named("d")})
                              .wire("e/layer4", "d/input")
                              .skip({.from = "e/layer3", .to = "d/up1", .merge = "concat"})
                              .skip({.from = "e/layer1", .to = "d/up3", .merge = "gate"})
                              .plan();
    return plan.explain() + print(plan.apply().graph);
  };
  EXPECT_EQ(text(), text());
}

TEST(Plan, PrintsTheLoopThatASkipCloses) {
  EXPECT_EQ(refusal(chain(), {.from = "conv3", .to = "conv1"}),
            "cannot join conv3 -> conv1 by add: it closes a loop\n"
            "  loop    [skip conv3 -> conv1] -> conv2 -> conv3 -> [skip conv3 -> conv1]\n"
            "  rule    a source may not depend on what its skip changes\n"
            "  fix     join from an earlier layer to a later one");
  EXPECT_EQ(user_error([] {
              join({chain().named("a"), chain().named("b")})
                  .skip({.from = "a/conv3", .to = "b/conv1"})
                  .skip({.from = "b/conv3", .to = "a/conv1", .merge = "concat"})
                  .plan();
            }),
            "cannot join a/conv3 -> b/conv1 by add: it closes a loop\n"
            "  loop    [skip a/conv3 -> b/conv1] -> b/conv2 -> b/conv3 -> "
            "[skip b/conv3 -> a/conv1] -> a/conv2 -> a/conv3 -> [skip a/conv3 -> b/conv1]\n"
            "  rule    a source may not depend on what its skip changes\n"
            "  fix     join from an earlier layer to a later one");
}

TEST(Plan, PrintsTheLoopThatWiresClose) {
  EXPECT_EQ(user_error([] {
              join({chain().named("a"), chain().named("b")})
                  .wire("a/conv3", "b/x")
                  .wire("b/conv3", "a/x")
                  .plan();
            }).substr(0, 56),
            "cannot wire the networks like this: the wires close a lo");
}

TEST(Plan, ALayerMayBeJoinedToItself) {
  const JoinPlan plan = join(chain()).skip({.from = "conv2", .to = "conv2"}).plan();
  EXPECT_EQ(plan.skips()[0].insertions.size(), 1u);
}

struct Refused {
  const char* title;
  Skip skip;
  const char* rule;
  const char* fix;
};

TEST(Plan, RefusalsNameBothEndsTheRuleAndTheFix) {
  const Refused cases[] = {
      {"no alignment",
       {.from = "conv1", .to = "conv3", .align = Align::kNone},
       "add needs equal sizes, and align = \"none\" forbids changing either side",
       "align = \"auto\", or another layer"},
      {"pad shrinks",
       {.from = "conv1", .to = "conv3", .align = Align::kPad},
       "align = \"pad\" only fills, and the source is larger than the target",
       "align = \"auto\", \"resize\" or \"crop\""},
      {"no projection",
       {.from = "conv1", .to = "conv3", .project = Project::kNone},
       "add needs 8 channels or features and gets 4, and project = \"none\" forbids a projection",
       "project = \"source\""},
      {"identity",
       {.from = "conv1", .to = "conv3", .merge = "max", .start = Start::kIdentity},
       "max changes its target whatever the source is, so it cannot start as the identity",
       "start = \"random\", or merge by add, concat or weighted"},
      {"append to a map",
       {.from = "conv1", .to = "conv3", .merge = "append"},
       "append needs an axis of time, and the target has none",
       "merge by concat or add, or join into a sequence"},
      {"last of a map",
       {.from = "conv1", .to = "fc", .collapse = Collapse::kLast},
       "collapse = \"last\" takes the last step of a sequence, and the source is a map",
       "collapse = \"mean\" or \"max\" over space"},
  };
  for (const Refused& c : cases) {
    const Graph graph = chain().graph;
    const auto type = [&](const std::string& name) {
      const TensorType& t = graph.type({*graph.find(name), 0});
      return to_string(t) + "  " + roles_text(t);
    };
    EXPECT_EQ(refusal(chain(), c.skip),
              fmt::format("cannot join {} -> {} by {}\n  source  {}  {}\n  target  {}  {}\n"
                          "  rule    {}\n  fix     {}",
                          c.skip.from, c.skip.to, c.skip.merge.rule().name, c.skip.from,
                          type(c.skip.from), c.skip.to, type(c.skip.to), c.rule, c.fix))
        << c.title;
  }
}

TEST(Plan, CropAndPoolRefuseToGrow) {
  const auto grow = [](Align align) {
    return join({chain().named("a"), chain().named("b")})
        .skip({.from = "a/conv2", .to = "b/conv1", .align = align})
        .plan();
  };
  EXPECT_NE(user_error([&] {
              grow(Align::kCrop);
            }).find("align = \"crop\" only cuts, and the source is smaller"),
            std::string::npos);
  EXPECT_NE(user_error([&] {
              grow(Align::kPool);
            }).find("align = \"pool\" only averages, and the source is smaller"),
            std::string::npos);
  EXPECT_TRUE(grow(Align::kPad).explain().find("PadLike") != std::string::npos);
}

TEST(Plan, WideningNamesTheReaderThatCannot) {
  EXPECT_EQ(
      refusal(chain(), {.from = "conv1", .to = "pool", .merge = "concat", .width = Width::kWiden}),
      "cannot join conv1 -> pool by concat with width = \"widen\"\n"
      "  target  pool  f32[N, 8, 4, 4]\n"
      "  rule    every reader of the target must be a convolution or linear layer; flat "
      "(Flatten) reads it and cannot take more channels\n"
      "  fix     width = \"reduce\"");
}

TEST(Plan, WideningDrawsWhatItsStartSays) {
  for (const Start start : {Start::kRandom, Start::kIdentity}) {
    const JoinPlan plan = join(chain())
                              .skip({.from = "x",
                                     .to = "conv2",
                                     .merge = "concat",
                                     .start = start,
                                     .width = Width::kWiden})
                              .plan();
    const auto id = plan.apply().graph.find("conv3.weight_widened");
    ASSERT_TRUE(id);
    const auto& param = *plan.apply().graph.op_as<ops::Param>(*id);
    EXPECT_EQ(param.init,
              start == Start::kRandom ? ops::InitKind::kUniform : ops::InitKind::kZeros);
    EXPECT_EQ(plan.skips().back().weights, element_count(param.shape));
  }
  EXPECT_NE(
      refusal(chain(),
              {.from = "x", .to = "conv2", .merge = "concat", .width = Width::kWiden, .out = 5})
          .find("out is the width of concat's reduction"),
      std::string::npos);
}

Model tokens(int64_t count) {
  Builder b;
  const Value x = b.input("t", {DType::kF32, {1, count, 4}, sequence_roles()});
  b.output("z", b.linear("head", b.linear("embed", x, 4), 3));
  return std::move(b).finish();
}

// A map of 6 x 10 places meets tokens on a grid of 3 x 5, with and without a class token in front.
TEST(Plan, PlacesMeetTheTokensOfTheirPlace) {
  for (const int64_t count : {15, 16}) {
    Builder b;
    const Value x = b.input("x", {DType::kF32, {1, 4, 6, 10}, map_roles(4)});
    b.output("y", b.relu("act", x));
    const JoinPlan plan = join({std::move(b).finish("map"), tokens(count).named("tok")})
                              .skip({.from = "map/act", .to = "tok/embed"})
                              .plan();
    const Graph& graph = plan.apply().graph;
    const auto on_grid = graph.find("skip1.on_grid");
    ASSERT_TRUE(on_grid) << plan.explain();
    EXPECT_EQ(graph.type({*on_grid, 0}).shape, (Shape{1, 4, 3, 5}));
    EXPECT_EQ(graph.find("skip1.with_class_token").has_value(), count == 16) << plan.explain();
  }
}

TEST(Plan, AClassTokenIsNoPlace) {
  const Model tok = zoo("token_transformer", {{"patch", "8"},
                                              {"width", "4"},
                                              {"layers", "1"},
                                              {"heads", "1"},
                                              {"class_token", "yes"},
                                              {"size", "48x80"}});
  const Model dec =
      zoo("decoder", {{"in", "4"}, {"levels", "1"}, {"width", "4"}, {"size", "6x10"}});
  const JoinPlan plan =
      join({tok.named("tok"), dec.named("dec")}).wire("tok/output", "dec/input").plan();
  const Graph& graph = plan.apply().graph;
  const auto grid = graph.find("dec_input.grid");
  ASSERT_TRUE(grid) << plan.explain();
  EXPECT_EQ(graph.type({*grid, 0}).shape, (Shape{1, 4, 6, 10}));
  EXPECT_NE(plan.explain().find("without the class token: 61 = 6 x 10 + 1"), std::string::npos)
      << plan.explain();
}

TEST(Plan, MistakesInNamesAreAnsweredWithTheNearest) {
  EXPECT_EQ(refusal(chain(), {.from = "conv9", .to = "conv3"}),
            "unknown tap 'conv9'; the nearest names are 'conv1', 'conv2', 'conv3'\n"
            "  join    conv9 -> conv3 by add");
  EXPECT_EQ(refusal(chain(), {.from = "conv1.weight", .to = "conv3"}).empty(), false);
  EXPECT_EQ(user_error([] { Merge("adds"); }),
            "unknown merge 'adds'; the merges are add, concat, append, prepend, multiply, mean, "
            "max, weighted, gate, highway, film, attention_gate");
  EXPECT_EQ(user_error([] {
              join(chain())
                  .skip({.from = "conv1", .to = "conv3", .name = "s"})
                  .skip({.from = "conv2", .to = "conv3", .name = "s"})
                  .plan();
            }),
            "the skip conv2 -> conv3 is named 's', and that name is taken");
}

TEST(Plan, AReaderThatRefusesNamesTheSkipThatReshapedItsInput) {
  const std::string out =
      refusal(chain(), {.from = "conv1", .to = "conv2", .merge = "concat", .out = 3});
  EXPECT_EQ(out.substr(0, out.find("\n  node")),
            "conv3 cannot read what the join makes of conv2: f32[N, 3, 4, 4] instead of "
            "f32[N, 8, 4, 4]\n"
            "  join    conv1 -> conv2 by concat\n"
            "  target  f32[N, 8, 4, 4]\n"
            "  result  f32[N, 3, 4, 4]\n"
            "  rule    whatever reads the target must accept the result\n"
            "  fix     out = 0, which gives the target's width");
  EXPECT_NE(refusal(chain(), {.from = "conv1", .to = "conv2", .project = Project::kTarget})
                .find("join    conv1 -> conv2 by add"),
            std::string::npos);
}

// A single place would otherwise be spread over the target, or the target over it, in silence.
TEST(Plan, AlignNoneHoldsAtEverySize) {
  Builder b;
  Value x = b.input("x", {DType::kF32, {1, 3, 2, 2}, map_roles(4)});
  x = b.conv("conv1", x, {.out = 4, .stride = {2}, .padding = {1}});
  x = b.conv("conv2", x, {.out = 4, .stride = {2}, .padding = {1}});
  b.output("y", x);
  const JoinPlan plan = join(std::move(b).finish())
                            .skip({.from = "conv1", .to = "conv2", .align = Align::kNone})
                            .plan();
  const Graph& graph = plan.apply().graph;
  ASSERT_TRUE(graph.find("skip1.not_larger")) << plan.explain();
  TensorType larger = graph.type({graph.inputs().at(0), 0});
  larger.shape = {1, 3, 4, 4};
  EXPECT_NE(user_error([&] {
              retype(graph, {{"x", larger}});
            }).find("skip1.not_"),
            std::string::npos);
}

//   a/x ── … ── conv3 ── 16 tokens ──┬ prepend ─ b/lstm ── 7×5 ── b/head
//                                    └ 16 tokens, filled to 23 ── add ─┘
TEST(Plan, SkipsThatRelyOnOneAnotherAreSwitchedOffTogether) {
  const JoinPlan plan =
      join({chain().named("a"), sequence().named("b")})
          .skip({.from = "a/conv3", .to = "b/lstm", .merge = "prepend"})
          .skip({.from = "a/conv3", .to = "b/head", .merge = "add", .align = Align::kPad})
          .plan();
  const Graph& graph = plan.apply().graph;
  EXPECT_EQ(graph.type(graph.outputs().at(1).value).shape, (Shape{1, 23, 3}));
  const std::vector<std::string> both{"skip1", "skip2"};
  const Graph plain = without_skips(graph, both);
  EXPECT_EQ(plain.type(plain.outputs().at(1).value).shape, (Shape{1, 7, 3}));
}

TEST(Plan, AProjectedTargetIsNoIdentity) {
  const Skip skip{
      .from = "conv1", .to = "conv2", .start = Start::kIdentity, .project = Project::kTarget};
  EXPECT_NE(refusal(chain(), skip).find("project = \"target\" changes it"), std::string::npos);
}

// Batch norms stand behind convolutions only, so a linear projection starts at zero itself.
TEST(Plan, ALinearProjectionStartsAtZeroWithNormToo) {
  const JoinPlan plan =
      join(chain())
          .skip({.from = "flat", .to = "fc", .start = Start::kIdentity, .norm = true})
          .plan();
  const Graph& graph = plan.apply().graph;
  EXPECT_EQ(graph.op_as<ops::Param>(*graph.find("skip1.projection.weight"))->init,
            ops::InitKind::kZeros);
}

//   a/x ── … ── fc ── 10 ──┐ one step of 10 features, projected to 5
//   b/x ── lstm ── 7×5 ────┴── add ── head
TEST(Plan, AVectorMeetsASequenceOfAnotherWidth) {
  const JoinPlan plan = join({chain().named("a"), sequence().named("b")})
                            .skip({.from = "a/fc", .to = "b/lstm"})
                            .plan();
  EXPECT_EQ(plan.skips()[0].result.shape, (Shape{1, 7, 5}));
  EXPECT_EQ(plan.skips()[0].result.roles, sequence_roles());
}

TEST(Plan, NamesAreSuchAsTapsCanHave) {
  for (const char* name : {"a b", "a:1", "a@in", "a\nb", ".a", "a/"}) {
    EXPECT_NE(
        refusal(chain(), {.from = "conv1", .to = "conv3", .name = name}).find("rule    names"),
        std::string::npos)
        << name;
    EXPECT_NE(refusal(chain(), {.from = "conv1", .to = "conv3", .projection_name = name})
                  .find("projection_name = "),
              std::string::npos);
  }
  EXPECT_TRUE(join(chain())
                  .skip({.from = "conv1", .to = "conv3", .name = "up.a"})
                  .plan()
                  .apply()
                  .graph.find("up.a.add"));
}

TEST(Plan, TheMergeMayBeLeftOut) {
  const Skip skip = parse_skip("a -> b, start=identity, name=s");
  EXPECT_EQ(skip.to, "b");
  EXPECT_EQ(skip.start, Start::kIdentity);
  EXPECT_EQ(skip.name, "s");
  EXPECT_EQ(parse_skip("a -> lstm:1").to, "lstm:1");
}

TEST(Plan, AKeyIsGivenOnce) {
  EXPECT_EQ(user_error([] { parse_skip("a -> b : add, align=none, align=auto"); }),
            "'a -> b : add, align=none, align=auto': align is given twice");
  EXPECT_EQ(user_error([] { parse_skip("a -> b : add, from=c"); }),
            "'a -> b : add, from=c': from is given twice");
}

TEST(Plan, NetworksAreToldApart) {
  EXPECT_EQ(user_error([] {
              join({chain(), chain().named("b")}).plan();
            }),
            "network 1 of 2 has no name; give it one with .named(\"encoder\")");
  EXPECT_EQ(user_error([] {
              join({chain().named("b"), chain().named("b")}).plan();
            }),
            "two networks are named 'b'");
  EXPECT_EQ(user_error([] { join({chain().named("a.b")}).plan(); }),
            "a network cannot be named 'a.b': names hold no '/', '.', ':', '@' or space");
  EXPECT_EQ(user_error([] { join(std::vector<Model>{}).plan(); }),
            "a join needs at least one network");
}

TEST(Plan, WiresFeedInputsOnce) {
  const auto models = [] { return join({chain().named("a"), sequence().named("b")}); };
  EXPECT_EQ(user_error([&] { models().wire("a/conv3", "b/lstm").plan(); }),
            "cannot wire a/conv3 -> b/lstm: 'b/lstm' is not an input of a network; the inputs are "
            "'a/x', 'b/x'");
  EXPECT_EQ(user_error([&] { models().wire("a/conv3", "b/x").wire("a/conv2", "b/x").plan(); }),
            "cannot wire a/conv2 -> b/x: 'b/x' is fed twice");
  const JoinPlan plan = models().wire("a/conv3", "b/x").plan();
  ASSERT_EQ(plan.apply().graph.inputs().size(), 1u);
  // The map's 4 × 4 places become 16 tokens of 6 features.
  EXPECT_EQ(plan.wires()[0].result.shape, (Shape{1, 16, 6}));
}

TEST(Plan, KeepsTheOutputsThatAreNamed) {
  const auto models = [] { return join({chain().named("a"), sequence().named("b")}); };
  EXPECT_EQ(models().keep({"b/y"}).plan().apply().graph.outputs().size(), 1u);
  EXPECT_EQ(models().plan().apply().graph.outputs().size(), 2u);
  EXPECT_EQ(models().tap("a/conv2").plan().apply().graph.outputs().size(), 3u);
  EXPECT_EQ(user_error([&] { models().keep({"y"}).plan(); }),
            "there is no output 'y' to keep; the outputs are 'a/y', 'b/y'");
}

TEST(Plan, ABackbonesOwnOutputGoes) {
  const auto models = [] {
    return join({chain().named("a"), sequence().named("b")}).wire("a/conv2", "b/x");
  };
  const JoinPlan plan = models().plan();
  ASSERT_EQ(plan.apply().graph.outputs().size(), 1u);
  EXPECT_EQ(plan.apply().graph.outputs()[0].name, "b/y");
  EXPECT_EQ(plan.left_out(), std::vector<std::string>{"a/y"});
  EXPECT_FALSE(plan.apply().graph.find("a/conv3"));
  EXPECT_NE(
      plan.explain().find("left out: a/y, of networks that are wired on; `outputs` keeps them"),
      std::string::npos);
  const JoinPlan both = models().keep({"b/y", "a/y"}).plan();
  EXPECT_EQ(both.apply().graph.outputs()[1].name, "a/y");
  EXPECT_TRUE(both.left_out().empty());
  // A skip that ends behind the wire would be lost.
  const JoinPlan skipped = models().skip({.from = "a/conv1", .to = "a/conv3"}).plan();
  EXPECT_EQ(skipped.apply().graph.outputs()[0].name, "a/y");
  EXPECT_EQ(skipped.apply().graph.skips().size(), 1u);
  // The network itself is a tap, too.
  const JoinPlan whole = join({chain().named("a"), sequence().named("b")}).wire("a", "b/x").plan();
  EXPECT_EQ(whole.left_out(), std::vector<std::string>{"a/y"});
  // Who shares its input with another computes nothing for it.
  const JoinPlan shared = join({chain().named("a"), chain().named("b")}).wire("a/x", "b/x").plan();
  EXPECT_EQ(shared.apply().graph.outputs().size(), 2u);
  EXPECT_TRUE(shared.left_out().empty());
}

}  // namespace
}  // namespace rung
