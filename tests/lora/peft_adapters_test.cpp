// Adapters of PEFT, with the logits that PyTorch has with them: scripts/fixtures/peft_adapters.py.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <algorithm>

#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_path.h"
#include "graft/lora/difference.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::TempFolder;

const fs::path kPeft = testing::fixture("peft");

std::vector<std::string> peft_variants() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kPeft)) {
    all.push_back(entry.path().filename().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

class PeftAdapters : public ::testing::TestWithParam<std::string> {
 protected:
  PeftAdapters() {
    std::string family = read_text(at_ / "base.txt");
    family.pop_back();
    const fs::path fixture = testing::fixture("families") / family;
    texts_.emplace(fixture / "expected.safetensors");
    testing::write_named_checkpoint(fixture, base_.path());
  }

  // Of the largest logit, how far off those of PEFT the adapter's are.
  double distance_with(const AdapterFile& file) const {
    const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
    apply(*model, file);
    const mx::array found = models::logits(*model, texts_->ids, model->context(texts_->sequences));
    return testing::distance(found, expected_.load("logits"));
  }

  fs::path at_ = kPeft / GetParam();
  io::SafetensorsFile expected_{at_ / "expected.safetensors"};
  TempFolder base_;
  std::optional<testing::Expected> texts_;
};

TEST_P(PeftAdapters, GiveTheLogitsOfPeft) {
  EXPECT_LT(distance_with(read_adapter_file(at_)), testing::kParity);
}

// Whatever the layout has, ranks and scales of each layer or one for all.
TEST_P(PeftAdapters, AreTheSameInEveryLayout) {
  TempFolder folder;
  AdapterFile file = read_adapter_file(at_);
  file.base = BaseShape::of(io::read_json_object(base_ / "config.json"));
  for (const char* format : {"npz", "safetensors", "mlx-lm", "gguf", "peft"}) {
    SCOPED_TRACE(format);
    fs::create_directories(folder / format);
    file.path = adapter_to_write(folder / format, format);
    write_adapter_file(file);
    const AdapterFile back = read_adapter_file(folder / format);
    EXPECT_LT(distance_with(back), testing::kParity);
    EXPECT_LT(difference(back, read_adapter_file(at_)).between, 1e-6 * difference(back, back).one);
    file = back;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, PeftAdapters, ::testing::ValuesIn(peft_variants()),
                         [](const auto& variant) { return variant.param; });

}  // namespace
}  // namespace graft::lora
