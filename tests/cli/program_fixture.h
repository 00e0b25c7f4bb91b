#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/tiny_model.h"

namespace graft::testing {

/// The program in a folder of its own that holds a tiny model, `model`, and a data set, `data`.
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    write_tiny_model(folder_ / "model");
    write_tiny_data(folder_ / "data");
  }

  ProgramResult run(const std::vector<std::string>& arguments, ProgramOptions options = {}) {
    options.folder = folder_.path();
    return run_program(arguments, options);
  }

  // Trains a little, with defaults else.
  ProgramResult train(const std::vector<std::string>& more = {}, ProgramOptions options = {}) {
    std::vector<std::string> arguments = {
        "lora", "--model",         "model", "--train",          "--iters",
        "20",   "--learning-rate", "5e-3",  "--steps-per-eval", "10"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, std::move(options));
  }

  double test_loss(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"lora", "--test"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ProgramResult result = run(arguments);
    std::smatch match;
    EXPECT_EQ(result.code, 0) << result.err;
    if (!std::regex_search(result.out, match, std::regex("Test loss ([0-9.]+), Test ppl"))) {
      ADD_FAILURE() << result.out;
      return 0;
    }
    return std::stod(match[1]);
  }

  static void expect_line(const std::string& text, const std::string& pattern) {
    EXPECT_TRUE(std::regex_search(text, std::regex("(^|\n)" + pattern + "\n")))
        << "no line " << pattern << " in:\n"
        << text;
  }

  static void expect_refused(const ProgramResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    // One line, the last, is the error; notes may stand before it.
    size_t error = result.err.rfind("graft: ");
    EXPECT_EQ(error, result.err.find("graft: ")) << result.err;
    ASSERT_NE(error, std::string::npos) << result.err;
    EXPECT_EQ(
        std::count(result.err.begin() + static_cast<std::ptrdiff_t>(error), result.err.end(), '\n'),
        1)
        << result.err;
  }

  void write(const char* path, const std::string& text) { write_bytes(folder_ / path, text); }

  // Every file of the folder, hidden ones too, with its bytes, and every folder.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_.path())) {
      std::string name = entry.path().lexically_relative(folder_.path()).string();
      // The records of a training say what happened, whatever becomes of its output.
      if (name.find(".run") != std::string::npos) continue;
      found[name] = entry.is_regular_file() ? read_bytes(entry.path()) : "a folder";
    }
    return found;
  }

  void expect_files(const std::map<std::string, std::string>& expected) const {
    std::map<std::string, std::string> found = files();
    for (const auto& [name, bytes] : expected) {
      auto file = found.find(name);
      if (file == found.end()) {
        ADD_FAILURE() << name << " is gone";
      } else {
        EXPECT_TRUE(file->second == bytes) << name << " is another";
      }
    }
    for (const auto& [name, bytes] : found) {
      EXPECT_EQ(expected.count(name), 1u) << name << " was left behind";
    }
  }

  TempFolder folder_;
};

}  // namespace graft::testing
