#include "graft/plan/tape.h"

#include <gtest/gtest.h>
#include <mlx/allocator.h>
#include <mlx/primitives.h>
#include <mlx/transforms.h>

#include <memory>
#include <random>

namespace graft::plan {
namespace {

// A node that writes its number down when MLX runs it.
class Numbered final : public mx::Primitive {
 public:
  Numbered(int number, std::vector<int>& ran)
      : Primitive(mx::default_stream(mx::Device::cpu)), number_(number), ran_(ran) {}

  const char* name() const override { return "Numbered"; }
  int number() const { return number_; }

  void eval_cpu(const std::vector<mx::array>&, std::vector<mx::array>& outputs) override {
    ran_.push_back(number_);
    for (mx::array& out : outputs) out.set_data(mx::allocator::malloc(out.nbytes()));
  }
  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {}

 private:
  int number_;
  std::vector<int>& ran_;
};

// A graph of nodes with one to three outputs, each of a few of the nodes before.
std::vector<mx::array> random_graph(uint64_t seed, int nodes, std::vector<int>& ran) {
  std::mt19937_64 random(seed);
  std::vector<mx::array> all = {mx::array(1.0f)};
  for (int i = 0; i < nodes; ++i) {
    std::vector<mx::array> inputs;
    for (uint64_t n = random() % 4 + 1; n > 0; --n) {
      const size_t back = std::min<size_t>(all.size(), i % 7 == 0 ? 40 : 5);
      inputs.push_back(all[all.size() - 1 - random() % back]);
    }
    const size_t outputs = random() % 3 + 1;
    for (const mx::array& out :
         mx::array::make_arrays(std::vector<mx::Shape>(outputs, mx::Shape{4}),
                                std::vector<mx::Dtype>(outputs, mx::float32),
                                std::make_shared<Numbered>(i, ran), inputs)) {
      all.push_back(out);
    }
  }
  return {all.end() - 3, all.end()};
}

TEST(Tape, HasTheOrderInWhichMlxRunsAGraph) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<int> ran, planned;
    std::vector<mx::array> outputs = random_graph(seed, 150, ran);
    for (const mx::array& node : tape_of(outputs)) {
      planned.push_back(static_cast<const Numbered&>(node.primitive()).number());
    }
    ASSERT_TRUE(ran.empty()) << "planning has run something";
    mx::eval(outputs);
    EXPECT_EQ(planned, ran) << "seed " << seed;
  }
}

TEST(Tape, IsEmptyForWhatIsThere) {
  EXPECT_TRUE(tape_of({mx::array(1.0f), mx::array(2.0f)}).empty());
}

}  // namespace
}  // namespace graft::plan
