#include "rung/cli/torch_verbs.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "rung/base/error.h"
#include "rung/cli/places.h"
#include "rung/cli/torch_files.h"

namespace rung::cli {
namespace {

struct TorchVerb {
  const char* name;
  const char* description;
};
constexpr std::array<TorchVerb, 4> kTorchVerbs = {
    {{"check", "Compares a network's program with its execution on LibTorch, at several sizes"},
     {"train", "Trains a network as a recipe says"},
     {"evaluate", "Measures a network on a part of a recipe's data"},
     {"predict", "Runs a network on pictures: masks, classes, tables"}}};

// What this program was started with.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (size_t at = 0; at < text.size(); at += arguments.back().size() + 1) {
    arguments.emplace_back(text.c_str() + at);
  }
  return arguments;
}

[[noreturn]] void become_with_own_arguments(const std::string& what) {
  auto arguments = own_arguments();
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  become_rung_torch(argv.data(), what);
}

}  // namespace

void add_torch_verbs(CLI::App& app) {
  for (const auto& verb : kTorchVerbs) app.add_subcommand(verb.name, verb.description);
}

bool needs_torch(int count, char** arguments) {
  const std::vector<std::string> given(arguments, arguments + count);
  if (given.size() < 2) return false;
  const auto is = [](const std::string& text) {
    return [&text](const TorchVerb& entry) { return text == entry.name; };
  };
  if (given[1] == "run") return std::find(given.begin(), given.end(), "--program") == given.end();
  return std::any_of(kTorchVerbs.begin(), kTorchVerbs.end(), is(given[1]));
}

void become_rung_torch(char** argv, const std::string& what) {
  const auto places = rung_torch_places();
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) != 0) continue;
    ::execv(place.c_str(), argv);
    fail_unsupported("cannot start {}: {}", place.string(), std::strerror(errno));
  }
  fail_unsupported(
      "{} needs rung-torch, the part of rung that is built with LibTorch, and it "
      "is not installed\n  looked for {}\n  looked for {}",
      what, places[0].string(), places[1].string());
}

Model load_torch_file(const std::filesystem::path& path, FileKind kind, const InputShapes&) {
  become_with_own_arguments(fmt::format("{} is {}, and reading it", path.string(),
                                        kind == FileKind::kPt2 ? "a .pt2 archive" : "TorchScript"));
}

Fallback torch_fallback() { return nullptr; }

void go_on_with_torch() {
  for (const auto& place : rung_torch_places()) {
    if (::access(place.c_str(), X_OK) == 0) become_with_own_arguments("running such a network");
  }
}

}  // namespace rung::cli
