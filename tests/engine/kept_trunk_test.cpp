// A training whose lower layers are kept against one that computes them: the adapter's bytes are
// the same.

#include "graft/engine/kept_trunk.h"

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <functional>

#include "graft/convert/convert.h"
#include "graft/engine/data_split.h"
#include "graft/engine/fine_tune.h"
#include "graft/engine/memory_limit.h"
#include "graft/ops/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::engine {
namespace {

namespace mx = mlx::core;

class KeptTrunkTest : public ::testing::Test {
 protected:
  KeptTrunkTest() {
    fs::create_directories(folder_ / "model");
    fs::create_directories(folder_ / "data");
    testing::write_tiny_model(folder_ / "model");
    testing::write_tiny_data(folder_ / "data");
    options_.train.iters = 12;
    options_.train.batch_size = 3;
    options_.train.steps_per_eval = 4;
    options_.train.schedule.learning_rate = 1e-2;
    options_.adapter.num_layers = 1;
    options_.train.adapter_file = folder_ / "adapters.safetensors";
    options_.trunk.hashes = folder_ / "hashes.json";
  }
  void SetUp() override {
    if (!ops::use_cpu_kernels()) GTEST_SKIP() << "it is kept on our kernels alone";
  }

  struct Trained {
    std::string adapter;
    std::vector<double> losses, valid;
  };

  Trained train(const std::string& cache) {
    told_.notes.clear();
    mx::random::seed(1);
    FineTuneOptions options = options_;
    options.trunk.cache = cache;
    LoadedModel loaded = load_folder(folder_ / "model");
    FineTune tune(loaded, std::move(options), told_);
    const auto split = [&](const char* name) {
      return load_split(folder_ / "data", name, loaded, options_.render, told_);
    };
    const auto train_set = split("train"), valid_set = split("valid");
    Trained result;
    class Keep : public training::EventSink {
     public:
      explicit Keep(Trained& to) : to_(to) {}
      void on(const training::Stepped& step) override { to_.losses.push_back(step.loss); }
      void on(const training::Validated& valid) override { to_.valid.push_back(valid.loss); }

     private:
      Trained& to_;
    };
    tune.run(train_set, valid_set, training::Events({std::make_shared<Keep>(result)}));
    result.adapter = testing::read_bytes(options_.train.adapter_file);
    return result;
  }

  std::string cache() const { return (folder_ / "cache").string(); }
  fs::path file() const {
    for (const auto& entry : fs::directory_iterator(folder_ / "cache")) {
      if (entry.path().extension() == ".rows") return entry.path();
    }
    return {};
  }
  bool told(const std::string& text) const {
    return std::any_of(told_.notes.begin(), told_.notes.end(),
                       [&](const auto& note) { return note.find(text) != std::string::npos; });
  }

  void check(const Trained& found, const Trained& wanted) {
    EXPECT_EQ(found.losses, wanted.losses);
    EXPECT_EQ(found.valid, wanted.valid);
    EXPECT_TRUE(found.adapter == wanted.adapter);
  }
  // Without a cache, with an empty one, and with one that is full.
  void check_all(const std::function<void(FineTuneOptions&)>& change) {
    change(options_);
    const Trained wanted = train("off");
    EXPECT_TRUE(told_.notes.empty());
    check(train(cache()), wanted);
    EXPECT_TRUE(told("run once for each example"));
    EXPECT_FALSE(told("are there"));
    check(train(cache()), wanted);
    EXPECT_TRUE(told("are there"));
  }

  testing::TempFolder folder_;
  testing::RecordingFrontEnd told_;
  FineTuneOptions options_;
};

TEST_F(KeptTrunkTest, ChangesNothing) {
  check_all([](auto&) {});
}
TEST_F(KeptTrunkTest, NorWithAccumulation) {
  check_all([](auto& o) { o.train.batches_a_step = 3; });
}
TEST_F(KeptTrunkTest, NorWithPackedBatches) {
  check_all([](auto& o) { o.train.batch_tokens = 64; });
}
TEST_F(KeptTrunkTest, NorWithGradientCheckpointing) {
  check_all([](auto& o) { o.train.grad_checkpoint = true; });
}
TEST_F(KeptTrunkTest, NorWithDropoutAbove) {
  check_all([](auto& o) { o.adapter.dropout = 0.3f; });
}
TEST_F(KeptTrunkTest, NorWithDora) {
  check_all([](auto& o) { o.adapter.type = lora::FineTuneType::dora; });
}
TEST_F(KeptTrunkTest, NorInFullFineTuning) {
  check_all([](auto& o) { o.adapter.type = lora::FineTuneType::full; });
}
// Layers whose input is trained are no trunk.
TEST_F(KeptTrunkTest, WhatIsTrainedIsNotKept) {
  for (const auto& keys : {std::vector<std::string>{"embed_tokens", "q_proj"}, {"q_proj"}}) {
    options_.adapter.keys = keys;
    options_.adapter.num_layers = keys.size() == 1 ? -1 : 1;
    train(cache());
    EXPECT_TRUE(told_.notes.empty()) << keys[0];
    EXPECT_FALSE(fs::exists(folder_ / "cache"));
  }
}

TEST_F(KeptTrunkTest, GoesOnFromACheckpoint) {
  const Trained wanted = train("off");
  options_.train.save_every = 5;
  options_.train.iters = 12;
  train(cache());
  options_.resume =
      training::Checkpoints::find((folder_ / "adapters.checkpoints/step-000010").string(), told_);
  EXPECT_TRUE(train(cache()).adapter == wanted.adapter);
}

// Another rate, rank or seed finds all that is there.
TEST_F(KeptTrunkTest, OtherTrainingsStartWarm) {
  train(cache());
  const auto size = fs::file_size(file());
  options_.train.seed = 7;
  options_.adapter.rank = 3;
  train(cache());
  EXPECT_TRUE(told("are there"));
  EXPECT_EQ(fs::file_size(file()), size);
}

TEST_F(KeptTrunkTest, OtherWeightsStartAnew) {
  train(cache());
  testing::write_tiny_model(folder_ / "model", 2);
  const Trained wanted = train("off");
  check(train(cache()), wanted);
  EXPECT_FALSE(told("are there"));
}

// A model that took the place of the one that was loaded: what this gives is not kept as that
// one's.
TEST_F(KeptTrunkTest, AModelThatWasReplacedIsNotTakenForTheNewOne) {
  LoadedModel loaded = load_folder(folder_ / "model");
  options_.trunk.cache = cache();
  FineTune tune(loaded, options_, told_);
  const auto set = load_split(folder_ / "data", "train", loaded, options_.render, told_);
  fs::create_directories(folder_ / "new");
  testing::write_tiny_model(folder_ / "new", 2);
  fs::rename(folder_ / "new/model.safetensors", folder_ / "model/model.safetensors");
  tune.run(set, data::Dataset{.name = "valid"}, training::Events({}));
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("was replaced since it was opened"), std::string::npos);
}

// What a disk made of it is computed again.
TEST_F(KeptTrunkTest, DamageChangesNothing) {
  const Trained wanted = train("off");
  train(cache());
  std::string bytes = testing::read_bytes(file());
  for (size_t at = 300; at < bytes.size(); at += 1777) bytes[at] = static_cast<char>(~bytes[at]);
  testing::write_bytes(file(), bytes);
  check(train(cache()), wanted);
  testing::write_bytes(file(), std::string_view(bytes).substr(0, bytes.size() / 2));
  check(train(cache()), wanted);
}

TEST_F(KeptTrunkTest, AFolderThatCannotBeUsedIsAWarning) {
  const Trained wanted = train("off");
  testing::write_bytes(folder_ / "cache", "a file");
  check(train(cache()), wanted);
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("kept in memory alone"), std::string::npos);
}

TEST_F(KeptTrunkTest, AutoKeepsWhatComesMoreThanOnce) {
  options_.trunk.folder = folder_ / "cache";
  options_.train.iters = 1;
  train("auto");
  EXPECT_TRUE(told_.notes.empty());
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
  options_.train.iters = 12;
  train("auto");
  EXPECT_TRUE(told("Layers 0 to 0 run once"));
  options_.trunk.memory = 10;
  options_.trunk.most = 100;
  train("auto");
  EXPECT_TRUE(told("there is room for"));
}

TEST_F(KeptTrunkTest, MlxOperationsKeepNothing) {
  const ops::KernelsScope scope(ops::Kernels::mlx);
  train(cache());
  EXPECT_TRUE(told("depend on its batch"));
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

// Eight bits a number are near, and the same whether they were kept or are new.
TEST_F(KeptTrunkTest, EightBitsAreNear) {
  const Trained exact = train("off");
  options_.trunk.bits = 8;
  const Trained cold = train(cache()), warm = train(cache());
  EXPECT_TRUE(cold.adapter == warm.adapter);
  ASSERT_EQ(cold.losses.size(), exact.losses.size());
  for (size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(cold.losses[i], exact.losses[i], 0.05 * exact.losses[i]) << i;
  }
  EXPECT_NE(cold.losses, exact.losses);
  EXPECT_NE(cold.adapter.find("trunk_bits"), std::string::npos);
}

// In 8 bits the lower layers give other numbers, and the same ones whether they are kept or not.
TEST_F(KeptTrunkTest, ActivationsInEightBits) {
  convert::convert({.hf_path = folder_ / "model",
                    .mlx_path = folder_ / "q",
                    .quantize = true,
                    .q_group_size = 32});
  fs::rename(folder_ / "model", folder_ / "dense");
  fs::rename(folder_ / "q", folder_ / "model");
  const Trained exact = train("off");
  const ops::ActivationsScope int8(ops::Activations::int8);
  const Trained without = train("off"), cold = train(cache()), warm = train(cache());
  check(cold, without);
  check(warm, without);
  EXPECT_NE(cold.adapter.find("activations"), std::string::npos);
  ASSERT_EQ(without.losses.size(), exact.losses.size());
  for (size_t i = 0; i < 3; ++i) {  // later ones are of adapters that went other ways
    EXPECT_NEAR(without.losses[i], exact.losses[i], 0.05 * exact.losses[i]) << i;
  }
  EXPECT_EQ(without.losses == exact.losses, !ops::has_int8_products());
  EXPECT_EQ(without.valid == exact.valid, !ops::has_int8_products());
}

// Computed before the first step, some layers at a time.
TEST_F(KeptTrunkTest, WithinALimitOfMemory) {
  const Trained wanted = train("off");
  options_.trunk.limit = size_t{4} << 30;
  check(train(cache()), wanted);
  EXPECT_TRUE(told("are there"));
  options_.trunk.limit = 1000;
  testing::expect_error<UsageError>([&] { train(cache() + "2"); }, {"`memory`", "one layer needs"});
}

// Layers that are trained and do not fit either go through memory one by one, with the same result.
TEST_F(KeptTrunkTest, LayersThatDoNotFitAreStreamed) {
  for (const int layers : {1, -1}) {
    for (const auto type : {lora::FineTuneType::lora, lora::FineTuneType::dora}) {
      options_.adapter.num_layers = layers;
      options_.adapter.type = type;
      options_.adapter.dropout = 0.1f;
      options_.trunk.limit.reset();
      const Trained wanted = train("off");
      options_.trunk.limit = 1000;  // which is not kept to, but tried
      check(train("off"), wanted);
      EXPECT_TRUE(told("Each step reads the weights of layers 0 to 1"));
    }
  }
}

TEST_F(KeptTrunkTest, ATestWithinALimitOfMemory) {
  train("off");
  LoadedModel loaded = load_folder(folder_ / "model");
  put_adapter(loaded, lora::read_adapter_file(options_.train.adapter_file), told_);
  const auto set = load_split(folder_ / "data", "test", loaded, options_.render, told_);
  const data::EvaluationBatches batches(set, 3, -1);
  const auto within = evaluate_within(loaded, batches, folder_ / "rows", size_t{4} << 30, told_);
  const auto whole = training::evaluate(models::LayerRunner(*loaded.model), batches);
  EXPECT_EQ(within.loss, whole.loss);
  EXPECT_EQ(within.weight, whole.weight);
  EXPECT_TRUE(testing::names_in(folder_ / "rows").empty());
}

}  // namespace
}  // namespace graft::engine
