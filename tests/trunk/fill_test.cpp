#include "graft/trunk/fill.h"

#include <gtest/gtest.h>
#include <mlx/transforms.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "graft/models/registry.h"
#include "graft/models/trunk.h"
#include "graft/ops/backend.h"
#include "graft/trunk/frozen_trunk.h"
#include "graft/trunk/row_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::trunk {
namespace {

// Wants to stop when it has been asked so many times.
class Interrupts : public FrontEnd {
 public:
  explicit Interrupts(int most) : most_(most) {}
  bool cancelled() const override { return ++asked_ > most_; }

 private:
  int most_;
  mutable int asked_ = 0;
};

class FillTest : public ::testing::Test {
 protected:
  FillTest() {
    // More layers than the fixture has: their tensors have the names of their layers.
    json config = io::read_json_object(kMistral / "config.json");
    json tensors = io::read_json_object(kMistral / "tensors.json");
    config["num_hidden_layers"] = kLayers;
    json more = tensors;
    for (const auto& [name, shape] : tensors.items()) {
      const std::string first = "model.layers.0.";
      if (!name.starts_with(first)) continue;
      for (int layer = 1; layer < kLayers; ++layer) {
        more["model.layers." + std::to_string(layer) + "." + name.substr(first.size())] = shape;
      }
    }
    testing::write_bytes(fixture_ / "config.json", config.dump());
    testing::write_bytes(fixture_ / "tensors.json", more.dump());
    testing::write_named_checkpoint(fixture_.path(), model_folder_.path());
    opened_.emplace(io::ModelFolder::open(model_folder_.path()));
    model_ = models::load_model(*opened_);
    pages_.emplace(*model_, *opened_);
    std::mt19937 random(4);
    for (const size_t size : {30u, 3u, 41u, 1u, 25u, 60u, 12u}) {
      std::vector<int32_t> text;
      for (size_t i = 0; i < size; ++i) text.push_back(static_cast<int32_t>(random() % 29));
      texts_.push_back(text);
    }
  }
  void SetUp() override {
    if (!ops::use_cpu_kernels()) GTEST_SKIP() << "it is kept on our kernels alone";
  }

  TrunkIdentity identity(int layers = kLayers) const {
    return {.model = "m", .contents = "c", .layers = layers, .width = form().width()};
  }
  RowForm form() const { return form_of(*model_, 0); }

  void run(const FillOptions& options, FrontEnd& front_end) {
    const std::vector<std::span<const int32_t>> examples(texts_.begin(), texts_.end());
    fill(*model_, *pages_, form(), identity(), folder(), examples, options, front_end);
  }
  void run(const FillOptions& options) { run(options, told_); }

  // What is in the file is what the layers give for the texts together.
  void check() {
    RowFile file(folder() / identity().file_name(), identity().text());
    std::vector<int32_t> ids;
    std::vector<Sequence> sequences;
    for (const auto& text : texts_) {
      const auto begin = static_cast<int64_t>(ids.size());
      ids.insert(ids.end(), text.begin(), text.end());
      const auto end = static_cast<int64_t>(ids.size());
      sequences.push_back({begin, end, begin, end});
    }
    const mx::array all(ids.begin(), {static_cast<int>(ids.size())}, mx::int32);
    mx::array wanted =
        models::computed_stream(*model_, kLayers, all, model_->context(std::move(sequences)));
    mx::eval(wanted);
    const auto* rows = wanted.data<char>();
    for (const auto& text : texts_) {
      std::vector<std::byte> found(text.size() * form().row_bytes());
      ASSERT_EQ(file.read(key_of(text), found), RowFile::Read::done) << text.size();
      EXPECT_EQ(std::memcmp(found.data(), rows, found.size()), 0) << text.size();
      rows += found.size();
    }
  }

  fs::path folder() const { return folder_ / "rows"; }
  fs::path only_file() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder())) {
      if (entry.path().extension() == ".rows" && fs::file_size(entry) > 1000) {
        files.push_back(entry.path());
      }
    }
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }

  static constexpr int kLayers = 7;
  const fs::path kMistral = testing::fixture("families/mistral");
  testing::TempFolder fixture_, model_folder_, folder_;
  testing::RecordingFrontEnd told_;
  std::optional<io::ModelFolder> opened_;
  std::unique_ptr<models::Model> model_;
  std::optional<LayerPages> pages_;
  std::vector<std::vector<int32_t>> texts_;
};

TEST_F(FillTest, GivesWhatTheLayersGiveInGroupsOfAnySize) {
  for (const int group : {1, 2, 3, 7, 100}) {
    for (const int64_t tokens : {1, 64, 10000}) {
      fs::remove_all(folder());
      run({.group = group, .batch_tokens = tokens});
      check();
      EXPECT_EQ(testing::names_in(folder()).size(), 2u);  // the file and its note
    }
  }
  EXPECT_FALSE(told_.shown.empty());
}

TEST_F(FillTest, LayersHaveTheirTensors) {
  size_t sum = 0, all = 0;
  for (int layer = 0; layer < kLayers; ++layer) {
    EXPECT_EQ(pages_->bytes(layer), pages_->bytes(0)) << layer;
    sum += pages_->bytes(layer);
  }
  for (const std::string& name : opened_->names()) {
    if (name.find("_proj.") != std::string::npos) all += opened_->info(name).bytes;
  }
  EXPECT_EQ(sum, all);
}

// Interrupted at any moment it goes on where it was: it computes no batch twice.
TEST_F(FillTest, GoesOnWhereItWasInterrupted) {
  int starts = 0;
  for (bool done = false; !done; ++starts) {
    ASSERT_LT(starts, 100);
    Interrupts front_end(2);
    try {
      run({.group = 2, .batch_tokens = 40}, front_end);
      done = true;
    } catch (const Cancelled&) {
    }
  }
  EXPECT_GT(starts, 4);
  check();
  EXPECT_EQ(testing::names_in(folder()).size(), 2u);
  RowFile file(folder() / identity().file_name(), identity().text());
  EXPECT_EQ(file.size(), texts_.size());
}

TEST_F(FillTest, MoreTextsAreAddedToWhatIsThere) {
  const auto all = texts_;
  texts_.resize(3);
  run({.group = 3});
  texts_ = all;
  run({.group = 2});
  check();
}

// Rows between groups that a disk spoiled are computed again.
TEST_F(FillTest, DamagedRowsAreComputedAgain) {
  Interrupts front_end(1);
  EXPECT_THROW(run({.group = 3, .batch_tokens = 10000}, front_end), Cancelled);
  const fs::path between = only_file();
  std::string bytes = testing::read_bytes(between);
  bytes[bytes.size() - 9] = static_cast<char>(~bytes[bytes.size() - 9]);
  testing::write_bytes(between, bytes);
  run({.group = 2});
  check();
}

// What another training keeps of fewer layers is not between groups, and stays.
TEST_F(FillTest, FilesOfOthersStay) {
  const std::vector<std::span<const int32_t>> examples(texts_.begin(), texts_.end());
  fill(*model_, *pages_, form(), identity(3), folder(), examples, {.group = 3}, told_);
  run({.group = 3});
  check();
  EXPECT_TRUE(fs::exists(folder() / identity(3).file_name()));
  EXPECT_EQ(testing::names_in(folder()).size(), 4u);
}

// Whatever a checkpoint calls them.
TEST(LayerPages, EveryLayerHasTensors) {
  for (const auto& entry : fs::directory_iterator(testing::fixture("families"))) {
    const testing::TempFolder folder;
    testing::write_named_checkpoint(entry.path(), folder.path());
    const auto opened = io::ModelFolder::open(folder.path());
    const auto model = models::load_model(opened);
    const LayerPages pages(*model, opened);
    for (int layer = 0; layer < pages.layers(); ++layer) {
      EXPECT_GT(pages.tensors(layer), 4u) << entry.path() << ", layer " << layer;
    }
  }
}

TEST_F(FillTest, AFolderThatOthersMayWriteToIsRefused) {
  fs::create_directories(folder_ / "rows");
  fs::permissions(folder_ / "rows", fs::perms::owner_all | fs::perms::others_write);
  testing::expect_error([&] { run({}); }, "others may write");
}

TEST_F(FillTest, TextsThatNobodyWouldReadAreLeft) {
  texts_ = {{1, 2, 3}};
  run({});
  EXPECT_FALSE(fs::exists(folder()));
}

}  // namespace
}  // namespace graft::trunk
