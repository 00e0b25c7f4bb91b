// What is kept of lower layers against the layers themselves, bit by bit: every family in every
// type of activations, in batches of all kinds.

#include "graft/trunk/frozen_trunk.h"

#include <gtest/gtest.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "graft/base/threads.h"
#include "graft/convert/convert.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "graft/ops/linear.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::trunk {
namespace {

const fs::path kFamilies = testing::fixture("families");

std::vector<std::string> all_families() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kFamilies)) {
    all.push_back(entry.path().filename().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

using Text = std::vector<int32_t>;

struct Batch {
  mx::array ids;
  models::Context context;
};

Batch batch_of(const models::Model& model, const std::vector<Text>& texts) {
  Text ids;
  std::vector<Sequence> sequences;
  for (const Text& text : texts) {
    const auto begin = static_cast<int64_t>(ids.size());
    ids.insert(ids.end(), text.begin(), text.end());
    const auto end = static_cast<int64_t>(ids.size());
    sequences.push_back({begin, end, begin, end});
  }
  return {mx::array(ids.begin(), {static_cast<int>(ids.size())}, mx::int32),
          model.context(std::move(sequences))};
}

std::string bytes_of(mx::array values) {
  mx::eval(values);
  return {values.data<char>(), values.nbytes()};
}

class FrozenTrunkTest : public ::testing::Test {
 protected:
  void load(const std::string& family, std::optional<mx::Dtype> dtype) {
    const testing::TempFolder folder;
    testing::write_named_checkpoint(kFamilies / family, folder.path());
    model_ = models::load_model(io::ModelFolder::open(folder.path()), dtype);
    layers_ = model_->num_layers();
  }
  RowForm form(int bits = 0) const {
    const mx::array one = model_->embed(mx::array({0}, {1}, mx::int32), {}).stream;
    return {one.shape(1), one.dtype(), bits};
  }
  // Texts of 1 to 60 tokens.
  std::vector<Text> texts() const {
    std::mt19937 random(9);
    std::vector<Text> all;
    for (const size_t size : {40u, 1u, 17u, 60u, 2u, 5u, 33u, 29u}) {
      Text text;
      for (size_t i = 0; i < size; ++i) {
        text.push_back(
            static_cast<int32_t>(random() % static_cast<unsigned>(model_->vocab_size())));
      }
      all.push_back(text);
    }
    return all;
  }
  // A batch of these texts, by the trunk and computed.
  void check(const FrozenTrunk& trunk, const std::vector<size_t>& chosen) const {
    std::vector<Text> batch;
    for (const size_t i : chosen) batch.push_back(texts()[i]);
    const Batch b = batch_of(*model_, batch);
    EXPECT_EQ(bytes_of(trunk.stream(b.ids, b.context)),
              bytes_of(models::computed_stream(*model_, layers_, b.ids, b.context)));
  }
  // Batches of all kinds, each text several times and beside others.
  void check_batches(const FrozenTrunk& trunk) const {
    check(trunk, {0, 1, 2});
    check(trunk, {0, 1, 2});
    check(trunk, {3, 4, 0});
    check(trunk, {1});        // a single token
    check(trunk, {4, 5, 2});  // few rows, all of which are new or were computed with others
    check(trunk, {5, 6, 7, 0});
    check(trunk, {6, 5, 4, 3, 2, 1, 0, 7});
    check(trunk, {0, 0, 2});  // twice the same
    check(trunk, {2, 4});
  }

  testing::RecordingFrontEnd told_;
  std::unique_ptr<models::Model> model_;
  int layers_ = 0;
};

class TrunkFamilies : public FrozenTrunkTest, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    if (!ops::has_cpu_kernels() || !ops::use_cpu_kernels()) {
      GTEST_SKIP() << "rows are known to be independent of each other on our kernels alone";
    }
  }
};

TEST_P(TrunkFamilies, GivesTheBytesOfTheLayers) {
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16}) {
    load(GetParam(), dtype);
    if (!rows_are_independent(*model_, layers_)) GTEST_SKIP() << "a mixture of experts";
    for (const int threads : {1, 3}) {
      RowStore store(size_t{1} << 30, nullptr, 0, told_);
      const ThreadsScope scope(threads);
      const FrozenTrunk trunk(*model_, layers_, form(), store);
      check_batches(trunk);
      EXPECT_GT(store.found(), 10);
      const ThreadsScope other(5 - threads);
      check(trunk, {7, 3, 0});  // kept by so many threads, computed by others
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TrunkFamilies, ::testing::ValuesIn(all_families()));

// Weights of few bits, of which few rows are multiplied in yet another way.
TEST_F(FrozenTrunkTest, QuantizedLayersToo) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP();
  for (const auto& [bits, mode] : {std::pair{4, "affine"}, {8, "affine"}, {4, "mxfp4"}}) {
    const testing::TempFolder checkpoint, converted;
    testing::write_named_checkpoint(kFamilies / "mistral", checkpoint.path());
    convert::convert({.hf_path = checkpoint.path(),
                      .mlx_path = converted / "model",
                      .quantize = true,
                      .q_bits = bits,
                      .q_group_size = 32,
                      .q_mode = mode});
    model_ = models::load_model(io::ModelFolder::open(converted / "model"));
    layers_ = model_->num_layers();
    RowStore store(size_t{1} << 30, nullptr, 0, told_);
    check_batches(FrozenTrunk(*model_, layers_, form(), store));
    EXPECT_GT(store.found(), 10);
  }
}

}  // namespace
}  // namespace graft::trunk
