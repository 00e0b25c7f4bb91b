#include <gtest/gtest.h>

#include <chrono>

#include "graft/convert/convert.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::convert {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::TinyCheckpoint;
using testing::write_bytes;

class ConvertOutput : public ::testing::Test {
 protected:
  void SetUp() override {
    TinyCheckpoint tiny;
    tiny.make();
    tiny.write(folder_ / "in");
  }

  ConvertOptions options(bool quantize = false) const {
    ConvertOptions options;
    options.hf_path = folder_ / "in";
    options.mlx_path = folder_ / "out";
    options.quantize = quantize;
    return options;
  }

  // Names in the test's folder, hidden ones too.
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  TempFolder folder_;
};

TEST_F(ConvertOutput, SameSourceGivesTheSameBytes) {
  for (bool quantize : {false, true}) {
    std::string first;
    for (int i = 0; i < 2; ++i) {
      convert(options(quantize));
      std::string bytes;
      for (const char* name :
           {"model.safetensors", "config.json", "model.safetensors.index.json"}) {
        bytes += testing::read_bytes(folder_ / "out" / name);
      }
      if (i == 0) first = bytes;
      EXPECT_EQ(first, bytes);
    }
  }
}

TEST_F(ConvertOutput, ReplacesAModelWithAllItsShards) {
  ConvertOptions sharded = options();
  sharded.max_shard_bytes = 40'000;
  convert(sharded);
  convert(options());
  EXPECT_FALSE(fs::exists(folder_ / "out" / "model-00001-of-00003.safetensors"));
  EXPECT_TRUE(fs::exists(folder_ / "out" / "model.safetensors"));
  EXPECT_EQ(entries(), (std::set<std::string>{"in", "out"}));
}

TEST_F(ConvertOutput, ReplacesAnotherModelOnlyByForce) {
  fs::create_directory(folder_ / "out");
  write_bytes(folder_ / "out" / "config.json", "{}");
  expect_error<UsageError>([&] { convert(options()); }, {"config.json", "give `force` to replace"});
  ConvertOptions forced = options();
  forced.force = true;
  write_bytes(folder_ / "out" / "thesis.txt", "years of work");
  expect_error<UsageError>([&] { convert(forced); }, {"thesis.txt", "did not write"});
  EXPECT_EQ(testing::read_bytes(folder_ / "out" / "thesis.txt"), "years of work");
  fs::remove(folder_ / "out" / "thesis.txt");
  convert(forced);
  convert(options());  // it is graft's own now
}

TEST_F(ConvertOutput, AFileInItsPlaceIsNotReplaced) {
  write_bytes(folder_ / "out", "a file");
  expect_error<UsageError>([&] { convert(options()); }, "exists and is not a folder");
  ConvertOptions below = options();
  below.mlx_path = folder_ / "out" / "below";
  expect_error([&] { convert(below); }, "cannot create");
  EXPECT_EQ(testing::read_bytes(folder_ / "out"), "a file");
}

// Somebody writes to the source once the first tensor is done.
TEST_F(ConvertOutput, IsNotMadeFromAFileThatChanges) {
  struct Writer final : FrontEnd {
    void progress(const std::vector<ProgressLine>&) override {
      fs::last_write_time(file, fs::file_time_type::clock::now() + std::chrono::hours(1));
    }
    fs::path file;
  } writer;
  writer.file = folder_ / "in" / "model.safetensors";
  expect_error([&] { convert(options(), writer); },
               "model.safetensors was written to while it was in use");
  EXPECT_EQ(entries(), (std::set<std::string>{"in"}));
}

TEST_F(ConvertOutput, NeverReplacesItsSource) {
  ConvertOptions same = options();
  for (const fs::path& target :
       {folder_ / "in", folder_ / "in/", folder_ / "in/../in", folder_.path()}) {
    same.mlx_path = target;
    expect_error<UsageError>([&] { convert(same); },
                             "would replace the model that it is made from");
  }
  fs::create_directory_symlink(folder_ / "in", folder_ / "link");
  same.mlx_path = folder_ / "link";
  expect_error<UsageError>([&] { convert(same); }, "would replace the model");
  same.mlx_path = folder_ / "in" / "inside";
  convert(same);
  EXPECT_TRUE(fs::exists(folder_ / "in" / "inside" / "model.safetensors"));
}

TEST_F(ConvertOutput, AFullDiskLeavesTheEarlierModelWhole) {
  convert(options());
  std::string before = testing::read_bytes(folder_ / "out" / "model.safetensors");
  {
    testing::FileSizeLimit limit(20'000);
    expect_error([&] { convert(options(true)); }, "cannot write");
  }
  EXPECT_EQ(testing::read_bytes(folder_ / "out" / "model.safetensors"), before);
  EXPECT_EQ(entries(), (std::set<std::string>{"in", "out"}));
}

TEST_F(ConvertOutput, RefusesOptionsThatMakeNoSense) {
  struct Case {
    std::function<void(ConvertOptions&)> change;
    const char* complaint;
  };
  for (const Case& bad : std::vector<Case>{
           {[](ConvertOptions& o) { o.q_bits = 7; }, "`q_bits` is 7"},
           {[](ConvertOptions& o) { o.q_group_size = 48; }, "`q_group_size` is 48"},
           {[](ConvertOptions& o) { o.q_mode = "fp4"; }, "`q_mode` is fp4, expected affine, mxfp4"},
           {[](ConvertOptions& o) {
              o.q_mode = "mxfp4";
              o.q_bits = 8;
            },
            "`q_bits` is 8, but mode mxfp4 has 4"},
           {[](ConvertOptions& o) {
              o.q_mode = "nvfp4";
              o.q_group_size = 32;
            },
            "`q_group_size` is 32, but mode nvfp4 has groups of 16"},
           {[](ConvertOptions& o) { o.quant_predicate = "mixed_5_6"; }, "expected mixed_2_6, "},
           {[](ConvertOptions& o) {
              o.q_mode = "mxfp8";
              o.quant_predicate = "mixed_3_6";
            },
            "`quant_predicate` chooses bits of mode affine, but `q_mode` is mxfp8"},
           {[](ConvertOptions& o) { o.dtype = "int8"; }, "`dtype` is int8"},
           {[](ConvertOptions& o) { o.quantize = o.dequantize = true; }, "give either"},
       }) {
    ConvertOptions changed = options();
    bad.change(changed);
    expect_error<UsageError>([&] { convert(changed); }, bad.complaint);
  }
  ConvertOptions missing = options();
  missing.hf_path = folder_ / "missing.gguf";
  expect_error([&] { convert(missing); }, "missing.gguf");
  EXPECT_EQ(entries(), std::set<std::string>{"in"});
}

}  // namespace
}  // namespace graft::convert
