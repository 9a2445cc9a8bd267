#include "rung/cli/torch_verbs.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "rung/base/error.h"
#include "rung/cli/torch_files.h"

namespace rung::cli {
namespace {

struct TorchVerb {
  const char* name;
  const char* description;
};
constexpr std::array<TorchVerb, 2> kTorchVerbs = {
    {{"run", "Runs a network on files or random input; prints what comes out"},
     {"train", "Trains a network as a recipe says"}}};

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

}  // namespace

void add_torch_verbs(CLI::App& app) {
  for (const auto& verb : kTorchVerbs) app.add_subcommand(verb.name, verb.description);
}

bool is_torch_verb(const std::string& verb) {
  return std::any_of(kTorchVerbs.begin(), kTorchVerbs.end(),
                     [&](const TorchVerb& entry) { return verb == entry.name; });
}

void become_rung_torch(char** argv, const std::string& what) {
  std::error_code ignored;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  const std::array places = {here / "rung-torch",
                             (here / ".." / "libexec" / "rung" / "rung-torch").lexically_normal()};
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
  auto arguments = own_arguments();
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  become_rung_torch(argv.data(),
                    fmt::format("{} is {}, and reading it", path.string(),
                                kind == FileKind::kPt2 ? "a .pt2 archive" : "TorchScript"));
}

}  // namespace rung::cli
