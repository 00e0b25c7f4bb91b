// `graft convert` holds one layer's tensors at a time, however many shards there are.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "tests/support/program.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::testing {
namespace {

using nlohmann::json;

// Of the large checkpoint; each layer is a shard.
constexpr int kShards = 8, kHidden = 1024, kInner = 2048, kKeys = 512;

// Numbers from +-0.008 to +-0.03, written as they are made: this process must stay small, as its
// own memory counts in what is measured.
void write_bf16(std::ofstream& file, size_t count, std::mt19937_64& random) {
  std::vector<uint64_t> words(size_t{1} << 12);
  for (size_t left = count / 4; left > 0;) {
    size_t now = std::min(left, words.size());
    for (uint64_t& word : words) word = (random() & 0x80ff80ff80ff80ff) | 0x3c003c003c003c00;
    file.write(reinterpret_cast<const char*>(words.data()),
               static_cast<std::streamsize>(now * sizeof(uint64_t)));
    left -= now;
  }
}

// Returns the file's size.
size_t write_shard(const fs::path& folder, int layer, json& weight_map) {
  std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", layer + 1, kShards);
  json header = json::object();
  size_t bytes = 0;
  auto tensor = [&](const std::string& path, const std::vector<int>& shape) {
    size_t size = 2;
    for (int side : shape) size *= static_cast<size_t>(side);
    header[path + ".weight"] = {
        {"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {bytes, bytes + size}}};
    weight_map[path + ".weight"] = name;
    bytes += size;
  };
  std::string at = fmt::format("model.layers.{}.", layer);
  tensor(at + "input_layernorm", {kHidden});
  tensor(at + "post_attention_layernorm", {kHidden});
  tensor(at + "self_attn.q_proj", {kHidden, kHidden});
  tensor(at + "self_attn.k_proj", {kKeys, kHidden});
  tensor(at + "self_attn.v_proj", {kKeys, kHidden});
  tensor(at + "self_attn.o_proj", {kHidden, kHidden});
  tensor(at + "mlp.gate_proj", {kInner, kHidden});
  tensor(at + "mlp.up_proj", {kInner, kHidden});
  tensor(at + "mlp.down_proj", {kHidden, kInner});
  if (layer == 0) {
    tensor("model.norm", {kHidden});
    tensor("model.embed_tokens", {256, kHidden});
  }
  std::string text = header.dump();
  text.resize((text.size() + 63) / 64 * 64 - 8, ' ');
  uint64_t length = text.size();
  std::ofstream file(folder / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << text;
  std::mt19937_64 random(static_cast<uint64_t>(layer));
  write_bf16(file, bytes / 2, random);
  return fs::file_size(folder / name);
}

class ConvertMemory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempFolder>();
    fs::path large = *folder_ / "large";
    fs::create_directory(large);
    json config = {{"model_type", "llama"},       {"hidden_size", kHidden},
                   {"intermediate_size", kInner}, {"num_hidden_layers", kShards},
                   {"num_attention_heads", 16},   {"num_key_value_heads", 8},
                   {"vocab_size", 256},           {"rms_norm_eps", 1e-5},
                   {"tie_word_embeddings", true}, {"torch_dtype", "bfloat16"}};
    write_bytes(large / "config.json", config.dump());
    json weight_map = json::object();
    for (int layer = 0; layer < kShards; ++layer) {
      size_t shard = write_shard(large, layer, weight_map);
      largest_shard_ = std::max(largest_shard_, shard);
      whole_ += shard;
    }
    write_bytes(large / "model.safetensors.index.json", json{{"weight_map", weight_map}}.dump());
    TinyCheckpoint tiny;
    tiny.make();
    tiny.write(*folder_ / "tiny");
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void SetUp() override {
#if !defined(__linux__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "what is given back still counts here";
#endif
  }

  // The most memory that a conversion held.
  static size_t peak(const std::string& model, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"convert", "--hf-path", model, "--mlx-path", "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ProgramOptions options;
    options.folder = folder_->path();
    ProgramResult result = run_program(arguments, options);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.peak_memory;
  }

  static void expect_a_shard_at_most(const std::vector<std::string>& more) {
    ASSERT_GT(whole_, 7 * largest_shard_);
    size_t program = peak("tiny", more), large = peak("large", more);
    EXPECT_LT(large, program + largest_shard_)
        << "of a checkpoint of " << whole_ << " bytes; a tiny one takes " << program;
    RecordProperty("tiny_MB", static_cast<int>(program >> 20));
    RecordProperty("large_MB", static_cast<int>(large >> 20));
  }

  static inline std::unique_ptr<TempFolder> folder_;
  static inline size_t largest_shard_ = 0, whole_ = 0;
};

TEST_F(ConvertMemory, KeepingTheTypeHoldsAShardAtMost) { expect_a_shard_at_most({}); }

TEST_F(ConvertMemory, CastingHoldsAShardAtMost) { expect_a_shard_at_most({"--dtype", "float16"}); }

TEST_F(ConvertMemory, QuantizingHoldsAShardAtMost) {
  expect_a_shard_at_most({"-q"});
  expect_a_shard_at_most({"-q", "--q-bits", "8", "--q-group-size", "32"});
}

}  // namespace
}  // namespace graft::testing
