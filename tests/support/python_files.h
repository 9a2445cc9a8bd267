#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <memory>

#include "support/python.h"

namespace rung::testing {

/// Tests on the files that a script of tests/python (Fixture::kScript) writes, once for all of them.
/// They skip, and say so, where PyTorch for Python is missing. By fixture, and not by script: g++ 14
/// merges instances of two files whose scripts are variables of the same name.
template <typename Fixture>
class PythonFiles : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    made_ = run_python(Fixture::kScript, *folder_);
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void SetUp() override {
    ASSERT_NE(made_, PythonResult::kFailed) << Fixture::kScript;
    if (made_ == PythonResult::kDone) return;
    std::cerr << "SKIPPED, nothing compared: " << Fixture::kScript << " needs PyTorch for Python\n";
    GTEST_SKIP();
  }

  static std::filesystem::path file(const std::string& name) { return folder_->path() / name; }

 private:
  static inline std::unique_ptr<ScratchFolder> folder_;
  static inline PythonResult made_ = PythonResult::kMissing;
};

}  // namespace rung::testing
