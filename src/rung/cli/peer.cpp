#include "rung/cli/peer.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/numpy/npy.h"

extern char** environ;

namespace rung::cli {
namespace {

/// "VmHWM:   123 kB" of a process, in bytes; 0 where the system does not say.
int64_t memory_of(pid_t pid, const std::string& field) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

/// The process, with the socket as its standard input and output.
pid_t spawn(const std::vector<std::string>& command, int socket, const std::string& errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int failed =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    fail_unsupported("cannot start {}: {}", command.front(), std::strerror(failed));
  }
  return pid;
}

}  // namespace

Peer::Peer(const std::vector<std::string>& command, const std::filesystem::path& folder)
    : folder_(folder), errors_(folder / "errors.txt") {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail_unsupported("no socket for {}: {}", command.front(), std::strerror(errno));
  }
  process_.socket = ends[0];
  try {
    process_.pid = spawn(command, ends[1], errors_.string());
  } catch (const Error&) {
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
  name_ = answer().at("name").get<std::string>();
}

Peer::Process::~Process() {
  if (socket >= 0) ::close(socket);
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);  // nothing that it holds outlives it
  ::waitpid(pid, nullptr, 0);
}

std::string Peer::last_words() const {
  if (!path_exists(errors_)) return "";
  const std::string text = read_file(errors_);
  const std::string_view whole = trim(text);
  return std::string(whole.substr(whole.rfind('\n') + 1));
}

nlohmann::json Peer::answer() {
  size_t end = unread_.find('\n');
  while (end == std::string::npos) {
    std::array<char, 65536> block{};
    const ssize_t got = ::recv(process_.socket, block.data(), block.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const std::string words = last_words();
      fail_unsupported("it ended{}{}", words.empty() ? "" : ": ", words);
    }
    unread_.append(block.data(), static_cast<size_t>(got));
    end = unread_.find('\n');
  }
  const std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) fail_unsupported("it said {}", quoted(line));
  if (json.contains("error")) fail_unsupported("{}", json["error"].get<std::string>());
  return json;
}

nlohmann::json Peer::ask(const std::string& line) {
  const std::string text = line + "\n";
  // A peer that is gone is an error of this call, not a signal that ends us.
  ::send(process_.socket, text.data(), text.size(), MSG_NOSIGNAL);
  return answer();
}

double Peer::load() {
  memory_before_ = memory_of(process_.pid, "VmRSS");
  const nlohmann::json loaded = ask("load");
  name_ = loaded.at("name").get<std::string>();
  return loaded.at("ms").get<double>();
}

std::vector<double> Peer::run(int runs) {
  return ask(fmt::format("run {}", runs)).at("ms").get<std::vector<double>>();
}

std::vector<Tensor> Peer::outputs() {
  const auto prefix = (folder_ / "output").string();
  const auto count = ask("output " + prefix).at("outputs").get<int>();
  std::vector<Tensor> outputs;
  for (int k = 0; k < count; ++k) outputs.push_back(load_npy(fmt::format("{}_{}.npy", prefix, k)));
  return outputs;
}

int64_t Peer::memory_bytes() const { return memory_of(process_.pid, "VmHWM") - memory_before_; }

}  // namespace rung::cli
