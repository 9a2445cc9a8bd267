// One program, called by many threads at the same time: each gets the bits that it would get alone.
// Needs no LibTorch, so that sanitizers can watch it. Under ThreadSanitizer a run has one thread:
// libgomp is not instrumented, so what the threads of one run do in turn would look like races.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "rung/base/rng.h"
#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/onednn.h"

#ifdef __SANITIZE_THREAD__
// oneDNN is not instrumented either: primitives that its cache hands to another thread look like
// memory that nobody guards.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:libdnnl\nrace:^dnnl::"; }
#endif

namespace rung {
namespace {

constexpr size_t kCallers = 8;
constexpr int kCalls = 20;

#ifdef __SANITIZE_THREAD__
const std::vector<int> kThreads = {1};
#else
const std::vector<int> kThreads = {1, 2};
#endif

struct Network {
  std::string name;
  ZooSettings settings;
  Shape sizes, others;  ///< of its input: two callers in turn
  friend void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }
};

const std::vector<Network> kNetworks = {
    {"skip_connection_block", {{"in", "8"}, {"out", "16"}}, {1, 8, 32, 32}, {2, 8, 15, 9}},
    {"skip_connection_block_concat", {{"in", "7"}, {"out", "12"}}, {1, 7, 32, 32}, {2, 7, 15, 9}},
    {"skip_connection_rnn", {}, {1, 100, 10}, {3, 7, 10}},
    {"skip_net", {{"depth", "6"}, {"width", "8"}}, {1, 1, 28, 28}, {3, 1, 17, 30}},
    {"resnet18", {{"size", "32"}, {"classes", "5"}}, {1, 3, 32, 32}, {2, 3, 47, 33}},
    {"unet", {{"base", "4"}, {"levels", "2"}, {"size", "24"}}, {1, 3, 24, 24}, {2, 3, 31, 18}},
    {"token_transformer",
     {{"patch", "4"}, {"width", "16"}, {"layers", "2"}, {"heads", "2"}, {"size", "16"}},
     {1, 3, 16, 16},
     {3, 3, 16, 16}},
    {"lstm", {{"in", "3"}, {"hidden", "9"}, {"layers", "2"}}, {1, 32, 3}, {4, 11, 3}},
    {"mlp", {{"in", "20"}, {"width", "33"}}, {1, 20}, {5, 20}},
};

Tensor drawn(const Shape& shape, uint64_t seed) {
  Tensor tensor(DType::kF32, shape);
  Rng rng(seed);
  for (float& number : tensor.as<float>()) number = static_cast<float>(rng.normal());
  return tensor;
}

/// Each caller's input, and what a program of its own gives alone.
struct Call {
  Tensor input;
  std::vector<Tensor> expected;
  std::string wrong = {};  ///< what was seen instead
};

void call_often(const Program& program, Call& call) {
  try {
    for (int i = 0; i < kCalls && call.wrong.empty(); ++i) {
      const auto outputs = program.run({call.input});
      for (size_t k = 0; k < outputs.size(); ++k) {
        if (!outputs[k].identical(call.expected.at(k))) {
          call.wrong = "call " + std::to_string(i) + " gives other bits";
        }
      }
    }
  } catch (const std::exception& error) {
    call.wrong = error.what();
  }
}

void check(const Network& network, const CompileOptions& options) {
  Model model = zoo(network.name, network.settings);
  draw_missing(model, 1);
  std::vector<Call> calls;
  const Program alone = compile(model, options);
  for (size_t i = 0; i < kCallers; ++i) {
    Call call{.input = drawn(i % 2 == 0 ? network.sizes : network.others, i), .expected = {}};
    call.expected = alone.run({call.input});
    calls.push_back(std::move(call));
  }
  const Program shared = compile(model, options);
  std::vector<std::thread> threads;
  for (Call& call : calls) threads.emplace_back(call_often, std::cref(shared), std::ref(call));
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].wrong, "") << "caller " << i;
  }
}

class ProgramThreads : public testing::TestWithParam<Network> {};

TEST_P(ProgramThreads, GiveTheBitsOfOne) {
  for (const int threads : kThreads) {
    for (const size_t shapes : {8, 1}) {  // 1: the callers drive out each other's programs
      SCOPED_TRACE(fmt::format("{} threads a run, {} programs kept", threads, shapes));
      check(GetParam(), {.threads = threads, .measure = false, .cache = {}, .shapes = shapes});
    }
  }
}

TEST_P(ProgramThreads, GiveTheBitsOfOneInBf16) {
  if (!onednn::has_bf16()) GTEST_SKIP() << "this CPU has no bf16";
  check(GetParam(),
        {.precision = Precision::kBf16, .threads = kThreads.back(), .measure = false, .cache = {}});
}

/// Programs of their own, which measure and share what they remember.
TEST(ProgramsInThreads, CompileAtTheSameTime) {
  const TempFolder folder;
  Model model = zoo("skip_connection_block", {{"in", "8"}, {"out", "16"}, {"size", "16"}});
  draw_missing(model, 1);
  const CompileOptions options{.threads = 1, .budget_s = 5, .cache = folder / "plans.json"};
  std::vector<std::string> wrong(kCallers);
  std::vector<std::thread> threads;
  for (std::string& text : wrong) {
    threads.emplace_back([&] {
      try {
        compile(model, options).run({drawn({2, 8, 9, 9}, 1)});
      } catch (const std::exception& error) {
        text = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<std::string>(kCallers));
  EXPECT_EQ(compile(model, options).report().measure_s, 0);
}

INSTANTIATE_TEST_SUITE_P(Zoo, ProgramThreads, testing::ValuesIn(kNetworks),
                         [](const auto& info) { return info.param.name; });

#ifndef __SANITIZE_THREAD__
TEST(ProgramsInThreads, RunInATeamOfTheCallers) {
  // The usual way to do a batch: each thread of a team runs samples on one thread of its own.
  Model model = zoo("densenet121", {{"size", "32"}});
  draw_missing(model, 1);
  const Program program = compile(model, {.threads = 1, .measure = false, .cache = {}});
  std::vector<Call> calls;
  for (size_t i = 0; i < kCallers; ++i) {
    Call call{.input = drawn({1, 3, 32, 32}, i), .expected = {}};
    call.expected = program.run({call.input});
    calls.push_back(std::move(call));
  }
#pragma omp parallel for num_threads(kCallers) schedule(static, 1)
  for (size_t i = 0; i < kCallers; ++i) call_often(program, calls[i]);
  for (const Call& call : calls) EXPECT_EQ(call.wrong, "");
}
#endif

}  // namespace
}  // namespace rung
