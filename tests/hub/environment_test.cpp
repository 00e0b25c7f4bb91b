#include "graft/hub/environment.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "graft/base/atomic_file.h"
#include "graft/base/files.h"
#include "graft/hub/cache.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

using testing::TempFolder;

constexpr const char* kVariables[] = {"HF_ENDPOINT",
                                      "HF_HOME",
                                      "HF_HUB_CACHE",
                                      "HUGGINGFACE_HUB_CACHE",
                                      "HF_TOKEN",
                                      "HUGGING_FACE_HUB_TOKEN",
                                      "HF_TOKEN_PATH",
                                      "HF_HUB_OFFLINE",
                                      "TRANSFORMERS_OFFLINE",
                                      "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                      "HF_HUB_DOWNLOAD_TIMEOUT",
                                      "XDG_CACHE_HOME"};

class EnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kVariables) ::unsetenv(name);
    ::setenv("HOME", folder_.path().c_str(), 1);
  }
  void TearDown() override { SetUp(); }
  static Environment with(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);
    return Environment::read();
  }
  TempFolder folder_;
};

TEST_F(EnvironmentTest, DefaultsAreThoseOfThePythonPackage) {
  const Environment environment = Environment::read();
  EXPECT_EQ(environment.endpoint, "https://huggingface.co");
  EXPECT_EQ(environment.cache, folder_ / ".cache/huggingface/hub");
  EXPECT_FALSE(environment.token);
  EXPECT_FALSE(environment.offline);
  EXPECT_EQ(with("XDG_CACHE_HOME", "/x").cache, "/x/huggingface/hub");
  EXPECT_EQ(with("HF_HOME", "~/hf").cache, folder_ / "hf/hub");
  EXPECT_EQ(Environment::read().notes, folder_ / "hf/graft");
  EXPECT_EQ(with("HUGGINGFACE_HUB_CACHE", "/old").cache, "/old");
  EXPECT_EQ(with("HF_HUB_CACHE", "/new").cache, "/new");
  EXPECT_EQ(with("HF_ENDPOINT", "https://mirror.example/").endpoint, "https://mirror.example");
  EXPECT_TRUE(with("HF_HUB_OFFLINE", "yes").offline);
  EXPECT_EQ(with("HF_HUB_DOWNLOAD_TIMEOUT", "3").timeout_seconds, 3);
}

TEST_F(EnvironmentTest, PathsAreExpandedAsThePythonPackageDoesIt) {
  ::setenv("GRAFT_TEST_DISK", "/disk", 1);
  ::unsetenv("GRAFT_TEST_NOTHING");
  const auto cache = [](const char* path) { return with("HF_HUB_CACHE", path).cache.string(); };
  EXPECT_EQ(cache("$GRAFT_TEST_DISK/hub"), "/disk/hub");
  EXPECT_EQ(cache("${GRAFT_TEST_DISK}2/$GRAFT_TEST_DISK"), "/disk2//disk");
  EXPECT_EQ(cache("/a/$GRAFT_TEST_NOTHING/${GRAFT_TEST_DISK/$"),
            "/a/$GRAFT_TEST_NOTHING/${GRAFT_TEST_DISK/$");
  EXPECT_EQ(cache("~/x$GRAFT_TEST_DISK"), std::string(std::getenv("HOME")) + "/x/disk");
  ::unsetenv("HF_HUB_CACHE");
}

TEST_F(EnvironmentTest, TokenIsTheVariablesOrTheFiles) {
  fs::create_directories(folder_ / ".cache/huggingface");
  const fs::path file = folder_ / ".cache/huggingface/token";
  write_text(file, "hf_file\n");
  ::chmod(file.c_str(), 0600);
  const auto told = std::make_shared<testing::RecordingFrontEnd>();
  EXPECT_EQ(Environment::read(told).token, "hf_file");
  EXPECT_TRUE(told->warnings.empty());
  ::chmod(file.c_str(), 0640);
  Environment::read(told);
  ASSERT_EQ(told->warnings.size(), 1u);
  EXPECT_NE(told->warnings[0].find("chmod 600"), std::string::npos);
  EXPECT_EQ(with("HF_TOKEN", " hf_own\r\n").token, "hf_own");
  EXPECT_FALSE(with("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").token);
}

TEST_F(EnvironmentTest, WhatCannotBeIsRefusedWithoutTheToken) {
  ::setenv("HF_TOKEN", "hf_a b", 1);
  const std::string message = testing::error_of<UsageError>([] { Environment::read(); });
  EXPECT_NE(message.find("HF_TOKEN"), std::string::npos);
  EXPECT_EQ(message.find("hf_a"), std::string::npos);
  ::unsetenv("HF_TOKEN");
  testing::expect_error<UsageError>([] { with("HF_HUB_DOWNLOAD_TIMEOUT", "soon"); },
                                    "number of seconds");
  ::unsetenv("HF_HUB_DOWNLOAD_TIMEOUT");
  testing::expect_error<UsageError>([] { with("HF_ENDPOINT", "http://example.com"); }, "https://");
}

TEST_F(EnvironmentTest, CacheIsLaidOutAsThePythonPackageDoesIt) {
  Environment environment;
  environment.cache = folder_ / "hub";
  const CachedRepository cache(environment, {.name = "a/b"});
  const std::string commit(40, '1'), etag(40, '2');
  EXPECT_FALSE(cache.commit_of("main"));
  cache.remember("main", commit);
  cache.remember("refs/pr/1", commit);
  EXPECT_EQ(read_text(folder_ / "hub/models--a--b/refs/main"), commit);
  EXPECT_EQ(cache.commit_of("refs/pr/1"), commit);
  EXPECT_EQ(cache.commit_of(commit), commit);
  EXPECT_EQ(cache.lock(etag), folder_ / "hub/.locks/models--a--b" / (etag + ".lock"));
  write_text(cache.blob(etag), "x");
  cache.link(commit, "config.json", etag);
  cache.link(commit, "config.json", etag);
  EXPECT_EQ(fs::read_symlink(cache.snapshot(commit) / "config.json"), "../../blobs/" + etag);
  EXPECT_EQ(read_text(cache.snapshot(commit) / "config.json"), "x");
  write_text(folder_ / "hub/models--a--b/refs/main", "../../../etc");
  EXPECT_FALSE(cache.commit_of("main"));
}

TEST_F(EnvironmentTest, AModelIsCompleteWithAllItsShards) {
  EXPECT_FALSE(is_complete_model(folder_.path()));
  write_text(folder_ / "config.json", "{}");
  EXPECT_FALSE(is_complete_model(folder_.path()));
  write_text(folder_ / "model.safetensors.index.json",
             R"({"weight_map": {"a": "one", "b": "two"}})");
  EXPECT_FALSE(is_complete_model(folder_.path()));
  write_text(folder_ / "one", "");
  EXPECT_FALSE(is_complete_model(folder_.path()));
  write_text(folder_ / "two", "");
  EXPECT_TRUE(is_complete_model(folder_.path()));
  fs::remove(folder_ / "two");
  write_text(folder_ / "model.safetensors", "");  // it is read before any index
  EXPECT_TRUE(is_complete_model(folder_.path()));
}

TEST_F(EnvironmentTest, AModelIsUsableWithATokenizer) {
  write_text(folder_ / "config.json", "{}");
  write_text(folder_ / "model.safetensors", "");
  EXPECT_FALSE(is_usable_model(folder_.path()));
  for (const std::vector<std::string>& files : {std::vector<std::string>{"tokenizer.json"},
                                                {"tokenizer.model"},
                                                {"tekken.json"},
                                                {"x.tiktoken"},
                                                {"vocab.json", "merges.txt"}}) {
    for (const std::string& file : files) {
      EXPECT_FALSE(is_usable_model(folder_.path())) << file;
      write_text(folder_ / file, "");
    }
    EXPECT_TRUE(is_usable_model(folder_.path()));
    for (const std::string& file : files) fs::remove(folder_ / file);
  }
}

TEST_F(EnvironmentTest, WhatARepositoryHasNotIsNotMissing) {
  const std::string commit(40, '1');
  Environment environment;
  environment.cache = folder_ / "hub";
  const CachedRepository cache(environment, {.name = "a/b"});
  const fs::path snapshot = cache.snapshot(commit);
  fs::create_directories(snapshot);
  using Names = std::vector<std::string>;
  EXPECT_EQ(missing_side_files(snapshot),
            (Names{"tokenizer_config.json", "generation_config.json"}));
  cache.note_absent(commit, "generation_config.json");
  EXPECT_EQ(missing_side_files(snapshot), Names{"tokenizer_config.json"});
  EXPECT_TRUE(fs::exists(cache.folder() / ".no_exist" / commit / "generation_config.json"));
  write_text(snapshot / "tokenizer_config.json", "{}");
  EXPECT_EQ(missing_side_files(snapshot), Names{});
}

}  // namespace
}  // namespace graft::hub
