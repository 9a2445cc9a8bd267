#pragma once

// For tests only: includes gtest.
#include <gtest/gtest.h>

#include <string>

#include "rung/base/error.h"

namespace rung {

/// The message of the rung::Error of `kind` that `call` throws. Fails the test, and returns "",
/// where nothing or anything else is thrown.
template <typename Call>
std::string error_of(ErrorKind kind, Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.kind() == kind ? error.what() : "";
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not a rung::Error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}
template <typename Call>
std::string user_error(Call&& call) {
  return error_of(ErrorKind::kUser, std::forward<Call>(call));
}

}  // namespace rung
