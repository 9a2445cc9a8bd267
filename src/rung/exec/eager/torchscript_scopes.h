#pragma once

#include <torch/csrc/jit/api/module.h>

#include <map>
#include <string>

namespace rung::torchscript {

/// Writes into the methods of a module and of its parts where they begin and end, so that a
/// recording is told which module calls which operator.
class Scopes {
 public:
  /// To be called before anything in the module runs.
  explicit Scopes(const torch::jit::Module& module);

  /// While one of these is there, the modules that run in this thread are announced.
  class Guard {
   public:
    explicit Guard(const Scopes& scopes);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
  };

 private:
  friend struct Running;
  std::map<const c10::ivalue::Object*, std::string> paths_;
};

}  // namespace rung::torchscript
