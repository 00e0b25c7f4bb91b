#include "graft/io/provenance.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::expect_error;
using testing::TempFolder;

Provenance whole() {
  return {.origin = Origin{"acme/base", std::string(40, 'a')},
          .datasets = {"acme/data"},
          .steps = {{"graft convert -q", "0.1.0"},
                    {"graft lora --train", "0.1.0", {{"seed", "0"}, {"iterations", "600"}}}}};
}

TEST(Provenance, ComesBackFromItsFile) {
  TempFolder folder;
  whole().write(folder.path(), {});
  const Provenance back = Provenance::read(folder.path());
  EXPECT_EQ(back.to_json(), whole().to_json());
  EXPECT_EQ(back.origin->commit, std::string(40, 'a'));
  ASSERT_EQ(back.steps.size(), 2u);
  EXPECT_EQ(back.steps[1].facts, whole().steps[1].facts);
}

TEST(Provenance, ListsTheFilesOfItsFolder) {
  TempFolder folder;
  EXPECT_EQ(recorded_files(folder.path()), std::vector<std::string>{});
  Provenance().write(folder.path(), {"config.json", "graft.json"});
  EXPECT_FALSE(Provenance::read(folder.path()).origin);
  EXPECT_EQ(recorded_files(folder.path()), (std::vector<std::string>{"config.json", "graft.json"}));
  for (const char* record : {R"({"files": "a"})", R"({"files": [1, {}]})", "{}"}) {
    testing::write_bytes(folder / "graft.json", record);
    EXPECT_EQ(recorded_files(folder.path()), std::vector<std::string>{}) << record;
  }
}

TEST(Provenance, AddsStepsAndDataSetsOnceAndKeepsTheOrigin) {
  Provenance all = whole();
  all.add({.origin = Origin{"acme/other", ""},
           .datasets = {"acme/data", "acme/more"},
           .steps = {{"graft fuse", "0.1.0"}}});
  EXPECT_EQ(all.origin->repository, "acme/base");
  EXPECT_EQ(all.datasets, (std::vector<std::string>{"acme/data", "acme/more"}));
  EXPECT_EQ(all.steps.back().command, "graft fuse");
  Provenance none;
  none.add(whole());
  EXPECT_EQ(none.origin->repository, "acme/base");
}

TEST(Provenance, AFusedModelIsAnotherThanItsOrigin) {
  EXPECT_FALSE(whole().is_finetuned());
  TempFolder folder;
  Provenance fused = whole();
  fused.steps.push_back({.command = "x", .version = "0.1.0", .finetunes = true});
  fused.write(folder.path(), {});
  EXPECT_TRUE(Provenance::read(folder.path()).is_finetuned());
  // Version 0.1.0 wrote the command alone.
  EXPECT_TRUE(
      Provenance::from_json({{"steps", {{{"command", "graft fuse --model a/b"}}}}}).is_finetuned());
  EXPECT_FALSE(Provenance::from_json({{"steps", {{{"command", "x"}, {"finetunes", "yes"}}}}})
                   .is_finetuned());
}

// Others write such files too.
TEST(Provenance, WhatMakesNoSenseIsPassedOver) {
  const Provenance read = Provenance::from_json(json::parse(R"({
      "base_model": ["x"], "base_commit": 3, "datasets": ["fine", 5, "line\nbreak"],
      "steps": ["text", {"command": "good", "facts": [1, {"name": "n", "value": {}}]},
                {"facts": "none"}]})"));
  EXPECT_FALSE(read.origin);
  EXPECT_EQ(read.datasets, std::vector<std::string>{"fine"});
  ASSERT_EQ(read.steps.size(), 2u);
  EXPECT_EQ(read.steps[0].command, "good");
  EXPECT_EQ(read.steps[0].facts.size(), 1u);
  EXPECT_TRUE(Provenance::from_json(json(5)).steps.empty());
  TempFolder folder;
  testing::write_bytes(folder / "graft.json", "[1]");
  expect_error([&] { Provenance::read(folder.path()); }, "graft.json");
}

}  // namespace
}  // namespace graft::io
