#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "graft/base/error.h"

namespace graft::testing {

/// The message of the Error that `action` throws; a test failure and "" if it throws none.
template <class Kind = Error, class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Kind& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "threw another kind of exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "threw nothing";
  return "";
}

/// Expects that `action` throws Error (or UsageError) with a message that holds `part`.
template <class Kind = Error, class Action>
void expect_error(Action&& action, std::string_view part) {
  std::string message = error_of<Kind>(std::forward<Action>(action));
  EXPECT_NE(message.find(part), std::string::npos)
      << "the message is: " << message << "\nexpected in it: " << part;
}

/// The same for a message that holds all of `parts`.
template <class Kind = Error, class Action>
void expect_error(Action&& action, std::initializer_list<std::string_view> parts) {
  std::string message = error_of<Kind>(std::forward<Action>(action));
  for (std::string_view part : parts) {
    EXPECT_NE(message.find(part), std::string::npos)
        << "the message is: " << message << "\nexpected in it: " << part;
  }
}

}  // namespace graft::testing
