#include "graft/plan/graph_memory.h"

#include <gtest/gtest.h>
#include <mlx/memory.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <random>
#include <thread>

#include "graft/lora/adapters.h"
#include "graft/models/registry.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/plan/planned_graph.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::plan {
namespace {

// A kernel that is slow, as those of real models are: MLX's allocations run ahead as far as they
// may.
class Slow final : public ops::cpu::CpuPrimitive {
 public:
  const char* name() const override { return "Slow"; }
  void run(const std::vector<ops::cpu::Input>&,
           const std::vector<ops::cpu::Output>&) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
};

mx::array slow(const std::vector<mx::array>& inputs, int size, int outputs = 1) {
  return ops::cpu::apply(std::make_shared<Slow>(), std::vector<mx::Shape>(outputs, {size}),
                         std::vector<mx::Dtype>(outputs, mx::float32), inputs)[0];
}

// What MLX's allocator has counted while it computes them.
size_t measured(std::vector<mx::array> outputs) {
  mx::set_cache_limit(0);
  mx::synchronize();
  const size_t before = mx::get_active_memory();
  mx::reset_peak_memory();
  mx::eval(std::move(outputs));
  return mx::get_peak_memory() - before;
}

// Which of MLX's tasks are counted depends on what it has done before: up to ten, of five nodes.
void expect_alike(size_t planned, size_t found) {
  EXPECT_NEAR(static_cast<double>(planned), static_cast<double>(found), 5.0 * 8000);
}

TEST(GraphMemory, OfALongChainIsWhatMlxRunsAhead) {
  std::mt19937 random(1);
  mx::array x = mx::zeros({1000});
  x.eval();
  for (int i = 0; i < 300; ++i) x = slow({x}, 1000 + static_cast<int>(random() % 1000));
  const size_t planned = memory_of({x}).total();
  expect_alike(planned, measured({x}));
  EXPECT_GT(planned, 40u * 4000);  // a chain that frees at once would need two blocks
}

TEST(GraphMemory, OfNodesWithSeveralOutputsViewsAndDonation) {
  mx::array leaf = mx::zeros({1000});
  leaf.eval();
  std::vector<mx::array> kept = {slow({leaf}, 2000)};
  for (int i = 0; i < 150; ++i) {
    mx::array x = slow({kept.back()}, 2000, 1 + i % 3);
    if (i % 3 == 0) x = mx::add(x, mx::array(1.0f));
    if (i % 4 == 0) x = mx::reshape(mx::reshape(x, {40, 50}), {2000});
    if (i % 5 == 0) x = mx::contiguous(mx::slice(x, {0}, {1000}));
    const mx::array& back =
        kept[kept.size() - 1 - static_cast<size_t>(i * 7) % std::min<size_t>(kept.size(), 30)];
    kept.push_back(slow({x, back}, 2000));
  }
  const mx::array last = kept.back();
  kept.clear();  // else MLX would keep all of them
  const size_t planned = memory_of({last}).total();
  expect_alike(planned, measured({last}));
}

class FamilyStep : public ::testing::TestWithParam<const char*> {};

// Every family can be planned, with all that may change a step, and nothing is computed meanwhile.
TEST_P(FamilyStep, IsAsLargeAsPlannedAtMost) {
  const testing::TempFolder folder;
  testing::write_named_checkpoint(testing::fixture("families") / GetParam(), folder.path());
  const auto model = models::load_model(io::ModelFolder::open(folder.path()));
  const lora::Adapters adapters =
      lora::attach(*model, {.rank = 4, .dropout = 0.1f, .num_layers = -1, .keys = {"all"}});
  data::Dataset set;
  set.examples.push_back({std::vector<int32_t>(40, 3), {}, 1});
  set.examples.push_back({std::vector<int32_t>(25, 5), {}, 2});
  const data::Batch batch = data::make_batch(set, {0, 1});
  for (const bool grad_checkpoint : {false, true}) {
    training::TrainOptions options;
    options.grad_checkpoint = grad_checkpoint;
    options.max_norm = 1;
    size_t computed = 0, found = std::numeric_limits<size_t>::max();
    // These kernels are so quick that MLX does not run ahead of them, but where a processor is
    // busy.
    for (int attempt = 0; attempt < 5 && found > computed + computed / 50; ++attempt) {
      PlannedGraph graph = step_graph({*model, adapters.parameters(), options}, batch);
      const size_t active = mx::get_active_memory();
      const GraphMemory planned = memory_of(graph.outputs, graph.kept);
      EXPECT_EQ(mx::get_active_memory(), active);
      computed = planned.activations + planned.gradients + planned.results;
      found = measured(graph.outputs);
    }
    EXPECT_LE(found, computed + computed / 50);
    EXPECT_GE(found, computed / 3);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilyStep,
                         ::testing::Values("gemma", "gemma2", "gemma3", "granite", "mistral_window",
                                           "mixtral", "olmo2", "phi", "phi3", "qwen2", "qwen3",
                                           "qwen3_moe", "smollm3", "stablelm", "starcoder2"));

}  // namespace
}  // namespace graft::plan
