#include "graft/lora/merge.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "graft/lora/difference.h"
#include "graft/lora/layer_pairs.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"

namespace graft::lora {
namespace {

using testing::expect_error;

const std::string kQueries = "model.layers.0.self_attn.q_proj",
                  kValues = "model.layers.0.self_attn.v_proj";
const std::string kUpExperts = "model.layers.0.mlp.switch_mlp.up_proj";

mx::array random(mx::Shape shape, int seed) {
  return mx::random::normal(shape, mx::float32, mx::random::key(static_cast<uint64_t>(seed)));
}

AdapterFile adapter(float scale, int rank, int seed, const std::vector<std::string>& layers) {
  AdapterFile file;
  file.path = "a.npz";
  file.settings = LoraSettings{.rank = rank, .scale = scale};
  for (const std::string& layer : layers) {
    const bool experts = layer == kUpExperts;
    file.tensors.insert({layer + ".lora_a",
                         random(experts ? mx::Shape{3, rank, 12} : mx::Shape{12, rank}, seed++)});
    file.tensors.insert({layer + ".lora_b",
                         random(experts ? mx::Shape{3, 10, rank} : mx::Shape{rank, 10}, seed++)});
  }
  return file;
}

// scale * a b, [in, out], or of experts [E, out, in].
mx::array update(const AdapterFile& file, const std::string& layer) {
  const auto pairs = layer_pairs(file);
  const auto found = pairs.find(layer);
  if (found == pairs.end()) return mx::array(0.0f);
  const mx::array a = found->second.a->load(), b = found->second.b->load();
  return mx::multiply(found->second.is_of_experts() ? mx::matmul(b, a) : mx::matmul(a, b),
                      mx::array(file.scale_of(layer)));
}

TEST(Merge, IsTheWeightedSumOfTheUpdates) {
  AdapterFile one = adapter(2, 4, 1, {kQueries, kValues, kUpExperts});
  const AdapterFile other = adapter(0.5f, 3, 20, {kQueries, kUpExperts});
  one.scales[kValues] = 7;
  const AdapterFile sum = merged({{one, 0.25f}, {other, -2}});
  for (const std::string& layer : {kQueries, kValues, kUpExperts}) {
    const mx::array expected = mx::add(mx::multiply(update(one, layer), mx::array(0.25f)),
                                       mx::multiply(update(other, layer), mx::array(-2.0f)));
    EXPECT_LT(testing::distance(update(sum, layer), expected), 1e-6) << layer;
  }
  EXPECT_EQ(layer_pairs(sum).at(kQueries).rank(), 7);
  EXPECT_EQ(layer_pairs(sum).at(kValues).rank(), 4);
  EXPECT_EQ(sum.settings->rank, 7);
}

TEST(Merge, OneAdapterStaysAsItIs) {
  const AdapterFile one = adapter(2, 4, 1, {kQueries});
  const AdapterFile same = merged({{one, 1}});
  EXPECT_EQ(same.settings->scale, 2);
  EXPECT_EQ(layer_pairs(same).at(kQueries).rank(), 4);
}

TEST(Merge, OtherSizesAreAnError) {
  const AdapterFile one = adapter(2, 4, 1, {kQueries});
  AdapterFile other = adapter(2, 4, 1, {kQueries});
  other.tensors.insert_or_assign(kQueries + ".lora_b", random({4, 11}, 3));
  expect_error(
      [&] {
        merged({{one, 1}, {other, 1}});
      },
      {kQueries + ".lora_b", "[4, 10]", "[4, 11]", "different models"});
  other = one;
  other.base_fingerprint = "a";
  AdapterFile first = one;
  first.base_fingerprint = "b";
  expect_error([&] { merged({{first, 1}, {other, 1}}); }, "different base models");
  other = one;
  other.settings.reset();
  expect_error([&] { merged({{one, 1}, {other, 1}}); }, "does not say its scale");
  expect_error([] { merged({}); }, "no adapter to merge");
}

// Of a product of rank 2 in four columns nothing is lost at rank 2; at 1 what the singular values
// say.
TEST(Truncated, IsTheNearestOfItsRank) {
  AdapterFile file = adapter(3, 4, 5, {kQueries, kUpExperts});
  const mx::array a = file.tensors.at(kQueries + ".lora_a").load();
  const mx::array two = mx::slice(a, {0, 0}, {12, 2});
  file.tensors.insert_or_assign(kQueries + ".lora_a",
                                mx::concatenate({two, mx::multiply(two, mx::array(2.0f))}, 1));
  AdapterFile q = file;
  std::erase_if(q.tensors, [](const auto& one) { return one.first.starts_with(kUpExperts); });
  const Truncated whole = truncated(q, 2);
  EXPECT_LT(whole.lost, 1e-3);
  EXPECT_EQ(layer_pairs(whole.file).at(kQueries).rank(), 2);
  EXPECT_LT(testing::distance(update(whole.file, kQueries), update(q, kQueries)), 1e-5);
  const Truncated cut = truncated(q, 1);
  const Difference left = difference(cut.file, q);
  EXPECT_NEAR(left.between / left.other, cut.lost, 1e-3);
  EXPECT_GT(cut.lost, 0.05);
  // Experts each by itself.
  const Truncated of_experts = truncated(file, 3);
  EXPECT_EQ(layer_pairs(of_experts.file).at(kUpExperts).rank(), 3);
  EXPECT_EQ(of_experts.file.tensors.at(kUpExperts + ".lora_a").shape, (mx::Shape{3, 3, 12}));
  EXPECT_GT(of_experts.lost, 0.01);
  EXPECT_EQ(layer_pairs(truncated(file, 9).file).at(kQueries).rank(), 4);
}

TEST(Difference, TellsNormsAndAngles) {
  const AdapterFile one = adapter(2, 4, 1, {kQueries, kUpExperts});
  AdapterFile half = one;
  half.settings->scale = 1;
  const Difference found = difference(one, half);
  ASSERT_EQ(found.layers.size(), 2u);
  EXPECT_FALSE(found.same);
  EXPECT_NEAR(found.other / found.one, 0.5, 1e-6);
  EXPECT_NEAR(found.between / found.one, 0.5, 1e-6);
  for (const LayerDifference& layer : found.layers) EXPECT_NEAR(layer.cosine(), 1, 1e-5);
  EXPECT_TRUE(difference(one, merged({{half, 2}})).same);
  const Difference apart = difference(adapter(2, 4, 1, {kQueries}), adapter(2, 4, 1, {kValues}));
  EXPECT_EQ(apart.layers.size(), 2u);
  EXPECT_EQ(apart.layers[0].cosine(), 0);
}

}  // namespace
}  // namespace graft::lora
