#include "graft/lora/adapter_path.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;

TEST(AdapterPath, ALayoutIsToldFromTheName) {
  EXPECT_EQ(format_of("a/adapters.safetensors").name, "mlx-lm");
  EXPECT_EQ(format_of("a/adapter_model.safetensors").name, "peft");
  EXPECT_EQ(format_of("sql.safetensors").name, "safetensors");
  EXPECT_EQ(format_of("sql.npz").name, "npz");
  EXPECT_EQ(format_of("sql.gguf").name, "gguf");
  expect_error<UsageError>([] { format_of("a.bin"); }, ".npz, .safetensors or .gguf");
}

TEST(AdapterPath, WhatIsWrittenFollowsPathAndLayout) {
  TempFolder folder;
  EXPECT_EQ(adapter_to_write("a.npz"), "a.npz");
  EXPECT_EQ(adapter_to_write("a.npz", "npz"), "a.npz");
  EXPECT_EQ(adapter_to_write("tuned"), "tuned/adapters.safetensors");
  EXPECT_EQ(adapter_to_write("tuned/", "peft"), "tuned/adapter_model.safetensors");
  EXPECT_EQ(adapter_to_write("tuned", "gguf"), "tuned/adapter.gguf");
  EXPECT_EQ(adapter_to_write("tuned.v1", "peft"), "tuned.v1/adapter_model.safetensors");
  EXPECT_EQ(adapter_to_write(folder.path(), "npz"), folder / "adapters.npz");
  expect_error<UsageError>([] { adapter_to_write("tuned.v1"); }, "must end in");
  expect_error<UsageError>([] { adapter_to_write("a.npz", "peft"); },
                           "a.npz is a name for npz, not for peft: give a folder");
  expect_error<UsageError>([] { adapter_to_write("x/adapters.safetensors", "gguf"); },
                           "give a name in .gguf");
  expect_error<UsageError>([] { adapter_to_write("a", "pefd"); },
                           "`format` must be mlx-lm, peft, npz, safetensors or gguf, found pefd");
}

TEST(AdapterPath, AFolderIsSearchedForItsAdapter) {
  TempFolder folder;
  expect_error([&] { found_adapter(folder.path()); }, "holds no adapter");
  write_bytes(folder / "notes.txt", "");
  write_bytes(folder / "sql.npz", "");
  EXPECT_EQ(found_adapter(folder.path()), folder / "sql.npz");
  write_bytes(folder / "adapter_model.bin", "");
  expect_error([&] { found_adapter(folder.path()); }, {"adapter_model.bin", "pickle"});
  write_bytes(folder / "adapter_model.safetensors", "");
  EXPECT_EQ(found_adapter(folder.path()), folder / "adapter_model.safetensors");
  write_bytes(folder / "adapters.safetensors", "");
  expect_error([&] { found_adapter(folder.path()); }, "holds several adapters");
  expect_error([&] { found_adapter(folder / "none.npz"); }, "there is no adapter file");
}

using Names = std::vector<std::string>;

TEST(AdapterFilesAmong, AreThoseOfTheOneLayout) {
  EXPECT_EQ(adapter_files_among({"README.md", "adapter_config.json", "adapter_model.safetensors",
                                 "optimizer.pt", "sub/adapters.safetensors"}),
            (Names{"adapter_model.safetensors", "adapter_config.json"}));
  EXPECT_EQ(adapter_files_among(
                {"0000100_adapters.safetensors", "adapter_config.json", "adapters.safetensors"}),
            (Names{"adapters.safetensors", "adapter_config.json"}));
  EXPECT_EQ(adapter_files_among({"adapters.npz", "x"}), Names{"adapters.npz"});
  expect_error([] { adapter_files_among({"adapters.safetensors"}); },
               "adapters.safetensors without adapter_config.json");
  expect_error(
      [] {
        adapter_files_among({"adapters.npz", "adapters.safetensors"});
      },
      {"several adapters, adapters.safetensors, adapters.npz", "?file=adapters.safetensors"});
  expect_error([] { adapter_files_among({"adapter_model.bin"}); }, "a pickle");
  expect_error([] { adapter_files_among({"model.safetensors"}); },
               "holds no adapter at its top: none of");
}

TEST(AdapterFilesAmong, AreThoseOfTheFileThatIsNamed) {
  const Names both = {"adapter_config.json",
                      "adapter_model.safetensors",
                      "adapters.npz",
                      "v2/adapters.safetensors",
                      "v2/adapter_config.json",
                      "v3/adapters.safetensors",
                      "sql.gguf",
                      "weights.bin"};
  EXPECT_EQ(adapter_files_among(both, "adapters.npz"), Names{"adapters.npz"});
  EXPECT_EQ(adapter_files_among(both, "adapter_model.safetensors"),
            (Names{"adapter_model.safetensors", "adapter_config.json"}));
  EXPECT_EQ(adapter_files_among(both, "v2/adapters.safetensors"),
            (Names{"v2/adapters.safetensors", "v2/adapter_config.json"}));
  EXPECT_EQ(adapter_files_among(both, "sql.gguf"), Names{"sql.gguf"});
  expect_error([&] { adapter_files_among(both, "v3/adapters.safetensors"); },
               "v3/adapters.safetensors without v3/adapter_config.json");
  expect_error([&] { adapter_files_among(both, "absent.npz"); }, "it holds no absent.npz");
  expect_error<UsageError>([&] { adapter_files_among(both, "weights.bin"); }, "must end in");
  expect_error([] { adapter_files_among({"v2/sql.npz"}); }, {"at its top", "?file=v2/sql.npz"});
}

TEST(IsAdapterPath, IsByTheNameOrWhatAFolderHolds) {
  testing::TempFolder folder;
  EXPECT_TRUE(is_adapter_path("a.npz"));
  EXPECT_TRUE(is_adapter_path("owner/a.gguf"));
  EXPECT_FALSE(is_adapter_path("owner/name"));
  EXPECT_FALSE(is_adapter_path(folder.path()));
  testing::write_bytes(folder / "adapter_model.safetensors", "");
  EXPECT_TRUE(is_adapter_path(folder.path()));
}

}  // namespace
}  // namespace graft::lora
