// Adapters of PEFT, with the logits that PyTorch has with them: scripts/fixtures/peft_adapters.py.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <algorithm>

#include "graft/convert/convert.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_path.h"
#include "graft/lora/difference.h"
#include "graft/lora/fuse_model.h"
#include "graft/lora/layer_pairs.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_checkpoint.h"

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

  static AdapterFile without_weights(AdapterFile file) {
    file.weights.clear();
    return file;
  }

  static bool same_weights(const AdapterFile& one, const AdapterFile& other) {
    if (one.weights.size() != other.weights.size()) return false;
    return std::all_of(one.weights.begin(), one.weights.end(), [&](const auto& weight) {
      const auto found = other.weights.find(weight.first);
      return found != other.weights.end() &&
             testing::same_bits(weight.second.load(), found->second.load());
    });
  }

  fs::path at_ = kPeft / GetParam();
  io::SafetensorsFile expected_{at_ / "expected.safetensors"};
  TempFolder base_;
  std::optional<testing::Expected> texts_;
};

TEST_P(PeftAdapters, GiveTheLogitsOfPeft) {
  EXPECT_LT(distance_with(read_adapter_file(at_)), testing::kParity);
}

class PeftGradients : public PeftAdapters {};

// A model whose head and embedding were one has two of them then, if the adapter has.
TEST_P(PeftAdapters, FusedModelsGiveTheLogitsOfPeft) {
  const io::ModelFolder source = io::ModelFolder::open(base_.path());
  const auto model = models::load_model(source, mx::float32);
  const Adapters adapters = apply(*model, read_adapter_file(at_));
  TempFolder folder;
  fuse_model(source, *model, adapters, {folder / "fused"}, {});
  const auto fused = models::load_model(io::ModelFolder::open(folder / "fused"), mx::float32);
  EXPECT_EQ(fused->untied_embedding() == nullptr, model->untied_embedding() == nullptr);
  const mx::array found = models::logits(*fused, texts_->ids, fused->context(texts_->sequences));
  EXPECT_LT(testing::distance(found, expected_.load("logits")), testing::kParity);
}

// A training that goes on with an adapter saves what it read.
TEST_P(PeftAdapters, AreSavedAsTheyWereRead) {
  const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
  const AdapterFile file = read_adapter_file(at_);
  const Adapters adapters = apply(*model, file);
  EXPECT_EQ(adapters.trained().empty(), file.weights.empty());
  TempFolder folder;
  const fs::path path = folder / "adapter_model.safetensors";
  AdapterOrigin origin;
  origin.base = BaseShape::of(io::ModelFolder::open(base_.path()));
  if (!is_dora(file)) check_layout(path, adapters, origin);
  save_adapter_file(path, adapters, origin);
  EXPECT_LT(distance_with(read_adapter_file(folder.path())), testing::kParity);
}

TEST_P(PeftGradients, AreThoseOfPeft) {
  const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
  testing::Expected expected(at_ / "expected.safetensors", *texts_);
  testing::check_adapted(*model, expected, read_adapter_file(at_));
}

// Whatever the layout has, ranks and scales of each layer or one for all.
TEST_P(PeftAdapters, AreTheSameInEveryLayout) {
  TempFolder folder;
  AdapterFile file = read_adapter_file(at_);
  file.base = BaseShape::of(io::ModelFolder::open(base_.path()));
  const bool has_weights = !file.weights.empty();
  for (const char* format : {"npz", "safetensors", "mlx-lm", "gguf", "peft"}) {
    SCOPED_TRACE(format);
    const std::string name = format;
    if (file.embedding == EmbeddingUpdate::tied && name == "gguf") {
      file.path = folder / "a.gguf";
      expect_error([&] { write_adapter_file(file); },
                   {"a.gguf", "embed_tokens", "llama.cpp", "graft export"});
      continue;
    }
    if (has_weights && (name == "mlx-lm" || name == "gguf")) {
      file.path = adapter_to_write(folder / (name == "gguf" ? "a.gguf" : name), format);
      expect_error([&] { write_adapter_file(file); }, {"takes no weights", "trained"});
      continue;
    }
    if (is_dora(file) && std::string(format) == "gguf") {
      file.path = folder / "a.gguf";
      expect_error([&] { write_adapter_file(file); }, {"a.gguf", "DoRA", "graft fuse"});
      continue;
    }
    fs::create_directories(folder / format);
    file.path = adapter_to_write(folder / format, format);
    write_adapter_file(file);
    const AdapterFile back = read_adapter_file(folder / format);
    EXPECT_LT(distance_with(back), testing::kParity);
    const AdapterFile first = read_adapter_file(at_);
    EXPECT_TRUE(same_weights(back, first));
    if (has_weights && name == "peft") {  // PEFT passes over a name that it does not know
      const io::SafetensorsFile peft(at_ / "adapter_model.safetensors"), ours(file.path);
      for (const std::string& tensor : ours.names()) EXPECT_TRUE(peft.has(tensor)) << tensor;
    }
    const AdapterFile one = without_weights(back), other = without_weights(first);
    EXPECT_LT(difference(one, other).between, 1e-6 * difference(one, one).one);
    const EmbeddingUpdate embedding = file.embedding;
    file = back;
    file.embedding = embedding;
  }
}

std::map<std::string, mx::array> tensors_in(const fs::path& folder) {
  const io::SafetensorsFile file(folder / "adapter_model.safetensors");
  std::map<std::string, mx::array> tensors;
  for (const std::string& name : file.names()) {
    tensors.insert({name, mx::add(file.load(name), mx::array(0.0f))});
  }
  return tensors;
}

// Of a tied model's embedding alone, as PEFT has it without ensure_weight_tying.
TEST(PeftFolder, AnAdapterOfTheEmbeddingAloneIsOfNoTiedModel) {
  TempFolder folder, base;
  testing::write_named_checkpoint(testing::fixture("families") / "gemma", base.path());
  const fs::path from = kPeft / "embedding_scaled";
  std::map<std::string, mx::array> tensors = tensors_in(from);
  const std::string lora_b = "base_model.model.lm_head.lora_B.weight";
  const auto write = [&](const mx::array& b) {
    tensors.insert_or_assign(lora_b, b);
    io::save_safetensors(folder / "adapter_model.safetensors", tensors);
    fs::copy_file(from / "adapter_config.json", folder / "adapter_config.json",
                  fs::copy_options::overwrite_existing);
  };
  const auto model = models::load_model(io::ModelFolder::open(base.path()), mx::float32);
  const mx::array b = tensors.at(lora_b);
  write(b);
  check_fits(*model, read_adapter_file(folder.path()));
  // Another adapter of the head than the embedding's.
  write(mx::multiply(b, mx::array(2.0f)));
  expect_error([&] { check_fits(*model, read_adapter_file(folder.path())); },
               {"the model has no layer lm_head", "its head is its embedding"});
  tensors.erase(lora_b);
  tensors.erase("base_model.model.lm_head.lora_A.weight");
  io::save_safetensors(folder / "adapter_model.safetensors", tensors);
  AdapterFile alone = read_adapter_file(folder.path());
  expect_error([&] { check_fits(*model, alone); },
               {"model.embed_tokens", "the embedding alone", "ensure_weight_tying", "mlx-lm"});
  // Whoever reads the others would change the head, too, unless the model is known to have one.
  alone.path = folder / "a.npz";
  expect_error([&] { write_adapter_file(alone); }, {"a.npz", "give its `model`"});
  alone.base.tied_head = true;
  expect_error([&] { write_adapter_file(alone); }, {"a.npz", "the embedding alone"});
  alone.base.tied_head = false;
  write_adapter_file(alone);
}

// PEFT's copies of embedding and head are the model's own.
TEST(PeftFolder, CopiesOfAnotherModelAreRefused) {
  TempFolder folder, base;
  testing::write_named_checkpoint(testing::fixture("families") / "qwen2", base.path());
  const fs::path from = kPeft / "embedding";
  std::map<std::string, mx::array> tensors = tensors_in(from);
  const auto refuse = [&](const mx::array& copy, std::initializer_list<std::string_view> says) {
    tensors.insert_or_assign("base_model.model.lm_head.base_layer.weight", copy);
    io::save_safetensors(folder / "adapter_model.safetensors", tensors);
    fs::copy_file(from / "adapter_config.json", folder / "adapter_config.json",
                  fs::copy_options::overwrite_existing);
    const auto model = models::load_model(io::ModelFolder::open(base.path()), mx::float32);
    expect_error([&] { apply(*model, read_adapter_file(folder.path())); }, says);
  };
  refuse(mx::ones({29, 16}), {"its copy of lm_head.weight is not the model's"});
  refuse(mx::ones({30, 16}), {"its copy of lm_head.weight is [30, 16]", "[29, 16]"});
}

// Of a base that was quantized, or dequantized again, they are the model's still.
TEST(PeftFolder, CopiesOfTheModelBeforeItWasQuantizedAreItsOwn) {
  TempFolder folder;
  testing::TinyCheckpoint tiny;
  tiny.make();
  tiny.write(folder / "base");
  std::map<std::string, mx::array> tensors;
  const std::string head = "base_model.model.lm_head.";
  tensors.insert({head + "lora_A.weight", mx::ones({2, 64})});
  tensors.insert({head + "lora_B.weight", mx::ones({128, 2})});
  tensors.insert({head + "base_layer.weight", tiny.tensors.at("lm_head.weight")});
  fs::create_directory(folder / "adapter");
  io::save_safetensors(folder / "adapter/adapter_model.safetensors", tensors);
  testing::write_bytes(folder / "adapter/adapter_config.json",
                       R"({"peft_type": "LORA", "r": 2, "target_modules": ["lm_head"]})");
  const AdapterFile file = read_adapter_file(folder / "adapter");
  const auto warnings = [&](const char* base) {
    const auto model = models::load_model(io::ModelFolder::open(folder / base));
    testing::RecordingFrontEnd front_end;
    apply(*model, file, front_end);
    return front_end.warnings;
  };
  EXPECT_TRUE(warnings("base").empty());
  for (const int bits : {2, 3, 4, 8}) {
    for (const char* base : {"quantized", "dense"}) {
      const bool dense = base == std::string("dense");
      convert::convert({.hf_path = folder / (dense ? "quantized" : "base"),
                        .mlx_path = folder / base,
                        .quantize = !dense,
                        .q_bits = bits,
                        .dequantize = dense,
                        .force = true});
      const auto said = warnings(base);
      ASSERT_EQ(said.empty(), bits == 8) << base << ", " << bits;
      if (bits == 8) continue;
      EXPECT_NE(said[0].find("its copy of lm_head.weight is "), std::string::npos);
    }
  }
  // Of the same size, and another model's.
  tiny.make();
  tiny.write(folder / "other");
  expect_error([&] { warnings("other"); }, "its copy of lm_head.weight is not the model's");
}

// A folder of PEFT's with tensors of these names.
void expect_peft_refused(const std::map<std::string, mx::array>& tensors,
                         std::initializer_list<std::string_view> says) {
  TempFolder folder;
  io::save_safetensors(folder / "adapter_model.safetensors", tensors);
  testing::write_bytes(folder / "adapter_config.json",
                       R"({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj", "up_proj"]})");
  expect_error([&] { read_adapter_file(folder.path()); }, says);
}

TEST(PeftFolder, WhatIsNoAdapterIsNamed) {
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj";
  const mx::array a = mx::ones({2, 8}), b = mx::ones({8, 2});
  expect_peft_refused({{q + ".lora_A.weight", a}}, {"q_proj", ".lora_B.weight is missing"});
  expect_peft_refused(
      {{q + ".lora_A.weight", mx::ones({3, 8})}, {q + ".lora_B.weight", mx::ones({8, 3})}},
      {"q_proj", "[3, 8]", "makes their rank 2"});
  expect_peft_refused({{q + ".lora_A.weight", mx::ones({8})}, {q + ".lora_B.weight", b}},
                      {"q_proj", "no matrix"});
  expect_peft_refused({{q + ".lora_magnitude_vector", mx::ones({8})}},
                      {".lora_A.weight is missing"});
  expect_peft_refused({{q + ".lora_A.weight", a},
                       {q + ".lora_B.weight", b},
                       {q + ".lora_magnitude_vector", mx::ones({8})}},
                      {"has DoRA's magnitudes, but use_dora is false"});
  expect_peft_refused({{q + ".lora_magnitude_vector", mx::ones({8, 1})}}, {"q_proj", "no vector"});
  const std::string embedding = "base_model.model.model.embed_tokens";
  expect_peft_refused({{embedding + ".lora_embedding_A", a}}, {"embed_tokens", "is missing"});
  expect_peft_refused({{embedding + ".lora_A.weight", a}}, {"embed_tokens", "lora_embedding_A"});
  expect_peft_refused({{q + ".lora_embedding_A", a}}, {"q_proj", "for embed_tokens alone"});
  expect_peft_refused({{embedding + ".lora_embedding_A", a}, {embedding + ".lora_embedding_B", b}},
                      {"embed_tokens", "target_modules", "does not name it"});
  expect_peft_refused(
      {{q + ".lora_A.weight", a}, {q + ".lora_B.weight", b}, {q + ".base_layer.weight", a}},
      {"no part of a LoRA adapter"});
  expect_peft_refused(
      {{q + ".lora_A.weight", a}, {q + ".lora_B.weight", b}, {q + ".lora_B.bias", b}},
      {"a bias of LoRA"});
  expect_peft_refused({{"model.norm.weight", mx::ones({8})}}, {"no part of a LoRA adapter"});
  const std::string k = "base_model.model.model.layers.0.self_attn.k_proj";
  expect_peft_refused({{k + ".lora_A.weight", a}, {k + ".lora_B.weight", b}},
                      {"k_proj", "target_modules", "does not name it"});
  const std::string experts = "base_model.model.model.layers.0.mlp.experts";
  expect_peft_refused({{experts + ".lora_A.weight", a}, {experts + ".lora_B.weight", b}},
                      {"mlp.experts", "target_parameters", "does not name it"});
  expect_peft_refused(
      {{experts + ".7.up_proj.lora_A.weight", a}, {experts + ".7.up_proj.lora_B.weight", b}},
      {"switch_mlp.up_proj", "expert 0 has no adapter"});
  expect_peft_refused({{experts + ".0.up_proj.lora_A.weight", a},
                       {experts + ".0.up_proj.lora_B.weight", b},
                       {experts + ".00.up_proj.lora_A.weight", a},
                       {experts + ".00.up_proj.lora_B.weight", b}},
                      {"has two adapters"});
}

// An adapter of PEFT's q_proj in both layers of the fixture's model, and more beside it.
class PeftSaved : public ::testing::Test {
 protected:
  explicit PeftSaved(const char* family = "qwen2") {
    testing::write_named_checkpoint(testing::fixture("families") / family, base_.path());
    for (const std::string layer : {"0", "1"}) {
      const std::string q = "model.layers." + layer + ".self_attn.q_proj";
      put(q + ".lora_A.weight", mx::ones({2, 16}));
      put(q + ".lora_B.weight", mx::ones({16, 2}));
    }
  }

  void put(const std::string& name, const mx::array& values) {
    tensors_.insert_or_assign("base_model.model." + name, values);
  }

  AdapterFile read(const std::string& says) const {
    io::save_safetensors(folder_ / "adapter_model.safetensors", tensors_);
    testing::write_bytes(
        folder_ / "adapter_config.json",
        R"({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], )" + says + "}");
    return read_adapter_file(folder_.path());
  }

  // When it is read, or when it is put on the model, which then is as it was, if the numbers are.
  void expect_refused(const std::string& says, std::initializer_list<std::string_view> message) {
    expect_error(
        [&] {
          const AdapterFile file = read(says);
          const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
          try {
            apply(*model, file);
          } catch (const Error& error) {
            const bool is_number = std::string(error.what()).find("NaN") != std::string::npos;
            EXPECT_TRUE(is_number || adapted_names(*model).empty());
            throw;
          }
        },
        message);
  }

  static std::vector<std::string> adapted_names(models::Model& model) {
    std::vector<std::string> names;
    for (const models::LinearPart& linear : models::linears_of(model.parts())) {
      if (linear.adapter()) names.push_back(linear.path());
    }
    return names;
  }

  std::vector<std::string> names(const AdapterFile& file) const {
    std::vector<std::string> all;
    for (const auto& [name, tensor] : file.weights) all.push_back(name);
    return all;
  }

  TempFolder base_, folder_;
  std::map<std::string, mx::array> tensors_;
};

const std::string kOfHead = R"("modules_to_save": ["lm_head"])";

TEST_F(PeftSaved, OlderSpellingsAreTheSame) {
  const mx::array head = mx::full({29, 16}, 0.5f), bias = mx::full({16}, 0.25f);
  for (const char* name : {"lm_head.weight", "lm_head.modules_to_save.weight",
                           "lm_head.modules_to_save.default.weight"}) {
    SCOPED_TRACE(name);
    put(name, head);
    const AdapterFile file = read(kOfHead);
    EXPECT_EQ(names(file), std::vector<std::string>{"lm_head.weight"});
    EXPECT_EQ(file.settings->extra, std::vector<std::string>{"lm_head"});
    tensors_.erase(std::string("base_model.model.") + name);
  }
  for (const std::string name : {"bias", "base_layer.bias"}) {  // PEFT before 0.6, and now
    for (const std::string layer : {"0", "1"}) {
      put("model.layers." + layer + ".self_attn.q_proj." + name, bias);
    }
    const AdapterFile file = read(R"("bias": "lora_only")");
    EXPECT_EQ(file.weights.size(), 2u);
    EXPECT_EQ(file.weights.count("model.layers.1.self_attn.q_proj.bias"), 1u);
    EXPECT_EQ(file.settings->extra, std::vector<std::string>{"biases"});
    std::erase_if(tensors_, [](const auto& one) { return one.first.ends_with("bias"); });
  }
}

TEST_F(PeftSaved, OfTwoValuesOfABiasPeftReadsThePlainOne) {
  const std::string k = "model.layers.0.self_attn.k_proj";
  put(k + ".weight", mx::zeros({8, 16}));
  put(k + ".bias", mx::full({8}, 1.0f));
  put(k + ".modules_to_save.bias", mx::full({8}, 2.0f));
  put(k + ".original_module.bias", mx::full({8}, 3.0f));
  const std::string says = R"("modules_to_save": ["layers.0.self_attn.k_proj"])";
  const AdapterFile file = read(R"("bias": "all", )" + says);
  EXPECT_EQ(names(file), (std::vector<std::string>{k + ".bias", k + ".weight"}));
  EXPECT_EQ(mx::max(file.weights.at(k + ".bias").load()).item<float>(), 1.0f);
  expect_refused(says, {"k_proj.bias\" is there twice"});
  tensors_.erase("base_model.model." + k + ".modules_to_save.bias");
  expect_refused(says, {"k_proj.original_module.bias", "does not say that it was trained"});
}

TEST_F(PeftSaved, WhatDoesNotFitIsNamed) {
  const mx::array head = mx::full({29, 16}, 0.5f);
  put("lm_head.weight", head);
  expect_refused(R"("modules_to_save": ["embed_tokens", "lm_head"])",
                 {"modules_to_save", "names model.embed_tokens", "embed_tokens.weight is missing"});
  put("lm_head.weight", mx::full({28, 16}, 0.5f));
  expect_refused(kOfHead, {"lm_head.weight is [28, 16]", "the model's is [29, 16]"});
  put("lm_head.weight", mx::full({29, 16}, NAN));
  expect_refused(kOfHead, {"lm_head.weight", "NaN"});
  put("lm_head.weight", head);
  put("lm_head.modules_to_save.weight", head);
  expect_refused(kOfHead, {"\"lm_head.weight\" is there twice"});
  expect_refused(R"("bias": "all")", {"lm_head.modules_to_save.weight", "does not say"});
  tensors_.erase("base_model.model.lm_head.modules_to_save.weight");
  put("score.weight", head);
  expect_refused(R"("modules_to_save": ["lm_head", "score"])",
                 {"the model has no weight score.weight"});
  expect_refused(kOfHead, {"score.weight", "no part of a LoRA adapter", "does not say"});
  tensors_.erase("base_model.model.score.weight");
  put("model.layers.0.self_attn.q_proj.base_layer.weight", mx::ones({16, 16}));
  expect_refused(kOfHead, {"q_proj.base_layer.weight", "no part of a LoRA adapter"});
}

TEST_F(PeftSaved, NaNIsRefusedBeforeAnythingIsWritten) {
  put("lm_head.weight", mx::full({29, 16}, NAN));
  AdapterFile file = read(kOfHead);
  TempFolder folder;
  for (const char* name : {"a.npz", "adapter_model.safetensors"}) {
    file.path = folder / name;
    expect_error([&] { write_adapter_file(file); }, {"lm_head.weight", "NaN"});
    EXPECT_TRUE(fs::is_empty(folder.path()));
  }
}

TEST_F(PeftSaved, BiasesThatWereTrainedAreThere) {
  expect_refused(R"("bias": "all")", {"there is none, not even model.layers.0.self_attn."});
  expect_refused(R"("bias": "lora_only")",
                 {"not even model.layers.0.self_attn.q_proj.bias", "PEFT before 0.21"});
  put("model.layers.0.self_attn.k_proj.bias", mx::ones({8}));
  expect_refused(R"("bias": "lora_only")", {"k_proj.bias", "does not say that it was trained"});
  expect_refused(R"("bias": "none")", {"k_proj.bias", "does not say that it was trained"});
  put("model.layers.0.self_attn.k_proj.bias", mx::ones({7}));
  expect_refused(R"("bias": "all")", {"k_proj.bias is [7]", "the model's is [8]"});
}

TEST_F(PeftSaved, AdaptersOfWhatIsSavedAreLeftOutByPeft) {
  put("model.layers.0.self_attn.q_proj.weight", mx::ones({16, 16}));
  expect_refused(R"("modules_to_save": ["layers.0.self_attn.q_proj"])",
                 {"q_proj", "has an adapter", "PEFT leaves it out"});
}

class PeftSavedHeadBias : public PeftSaved {
 protected:
  PeftSavedHeadBias() : PeftSaved("phi") {}
};

// PEFT writes it in any case, beside an adapter of the head.
TEST_F(PeftSavedHeadBias, IsACopyUnlessBiasesAreTrained) {
  put("lm_head.lora_A.weight", mx::ones({2, 16}));
  put("lm_head.lora_B.weight", mx::ones({29, 2}));
  put("lm_head.base_layer.bias", mx::full({29}, 7.0f));
  const std::string targets = R"("target_modules": ["q_proj", "lm_head"])";
  for (const std::string layer : {"0", "1"}) {
    put("model.layers." + layer + ".self_attn.q_proj.base_layer.bias", mx::ones({16}));
  }
  for (const char* bias : {"lora_only", "all"}) {
    const AdapterFile file = read(targets + R"(, "bias": ")" + bias + "\"");
    EXPECT_TRUE(file.base_weights.empty());
    EXPECT_EQ(file.weights.count("lm_head.bias"), 1u);
    const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
    apply(*model, file);
    const mx::array h = mx::zeros({1, 16});
    EXPECT_EQ(mx::max(ops::logits(h, model->head(h, {}))).item<float>(), 7.0f);
  }
  std::erase_if(tensors_, [](const auto& one) { return one.first.find("q_proj.base") < 999; });
  expect_refused(targets, {"its copy of lm_head.bias is not the model's"});
}

class PeftSavedTiedBias : public PeftSaved {
 protected:
  PeftSavedTiedBias() : PeftSaved("phi_tied") {}
};

// With ensure_weight_tying PEFT 0.21 computes the head without its bias.
TEST_F(PeftSavedTiedBias, GoesWithNoSavedEmbeddingThatIsTheHead) {
  put("model.embed_tokens.weight", mx::full({29, 16}, 0.5f));
  put("lm_head.weight", mx::full({29, 16}, 0.5f));
  expect_refused(R"("modules_to_save": ["embed_tokens"], "ensure_weight_tying": true)",
                 {"ensure_weight_tying", "without the bias"});
  const io::ModelFolder base = io::ModelFolder::open(base_.path());
  const auto model = models::load_model(base, mx::float32);
  const Adapters adapters =
      attach(*model, {.num_layers = -1, .keys = {"q_proj"}, .extra = {"embed_tokens"}});
  AdapterOrigin origin;
  origin.base = BaseShape::of(base);
  expect_error<UsageError>([&] { check_layout("adapter_model.safetensors", adapters, origin); },
                           {"does not hold", "the head has a bias"});
}

class PeftSavedTied : public PeftSaved {
 protected:
  PeftSavedTied() : PeftSaved("qwen2_window_tied") {}
};

TEST_F(PeftSavedTied, HeadsThatAreSaidToBeTheEmbeddingAre) {
  const std::string says = R"("modules_to_save": ["embed_tokens"], "ensure_weight_tying": true)";
  put("model.embed_tokens.weight", mx::full({29, 16}, 0.5f));
  expect_refused(says, {"ensure_weight_tying", "wants the head"});
  put("lm_head.weight", mx::full({29, 16}, 0.25f));
  expect_refused(says, {"one matrix, but has two"});
  put("lm_head.weight", mx::full({29, 16}, 0.5f));
  EXPECT_EQ(read(says).ties_head, true);
}

// An adapter of the one matrix, and another one in the head's place.
TEST_F(PeftSavedTied, AHeadOfItsOwnGoesWithNoAdapterOfTheEmbedding) {
  put("model.embed_tokens.lora_embedding_A", mx::ones({2, 29}));
  put("model.embed_tokens.lora_embedding_B", mx::ones({16, 2}));
  put("lm_head.weight", mx::full({29, 16}, 0.5f));
  const std::string targets = R"("target_modules": ["q_proj", "embed_tokens"], )";
  for (const std::string& says : {kOfHead, kOfHead + R"(, "ensure_weight_tying": false)"}) {
    expect_refused(targets + says,
                   {"an adapter of model.embed_tokens", "lm_head.weight", "trained apart from it"});
    const AdapterFile file = read(targets + says);
    const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
    expect_error([&] { check_fits(*model, file); }, {"trained apart from it"});
    EXPECT_EQ(model->untied_embedding(), nullptr);
  }
}

// What PEFT cannot hold is said of the training, too, before it begins.
TEST_F(PeftSavedTied, WhatPeftHasNoPlaceForIsRefused) {
  const auto model = [&] {
    return models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
  };
  const auto refused = [&](FineTuneType type, const std::vector<std::string>& extra,
                           const char* what) {
    const auto trained = model();
    LoraSettings settings{.type = type, .num_layers = -1, .keys = {"q_proj"}, .extra = extra};
    const Adapters adapters = attach(*trained, settings);
    const fs::path path = folder_ / "adapter_model.safetensors";
    expect_error<UsageError>([&] { check_layout(path, adapters); }, {"does not hold", what});
    expect_error([&] { save_adapter_file(path, adapters); }, {"does not hold", what});
    EXPECT_FALSE(fs::exists(path));
  };
  refused(FineTuneType::full, {}, "without any adapter");
  refused(FineTuneType::lora, {"self_attn.q_proj"}, "q_proj.weight beside an adapter of its layer");
  const auto trained = model();
  const Adapters adapters =
      attach(*trained, {.num_layers = -1, .keys = {"q_proj"}, .extra = {"embed_tokens"}});
  save_adapter_file(folder_ / "a.npz", adapters);
  AdapterFile file = read_adapter_file(folder_ / "a.npz");
  EXPECT_EQ(file.ties_head, true);
  file.ties_head.reset();
  file.path = folder_ / "adapter_model.safetensors";
  expect_error([&] { write_adapter_file(file); }, {"whether it is the head, too"});
}

TEST(PeftExperts, AreNotSavedAsTheyAre) {
  TempFolder base, folder;
  testing::write_named_checkpoint(testing::fixture("families") / "mixtral", base.path());
  const auto model = models::load_model(io::ModelFolder::open(base.path()), mx::float32);
  const Adapters adapters =
      attach(*model, {.num_layers = -1, .keys = {"q_proj"}, .extra = {"up_proj"}});
  expect_error<UsageError>([&] { check_layout(folder / "adapter_model.safetensors", adapters); },
                           {"does not hold", "up_proj.weight, which is of experts"});
}

INSTANTIATE_TEST_SUITE_P(Fixtures, PeftAdapters, ::testing::ValuesIn(peft_variants()),
                         [](const auto& variant) { return variant.param; });

INSTANTIATE_TEST_SUITE_P(Fixtures, PeftGradients,
                         ::testing::Values("dora", "dora_patterns", "embedding", "embedding_scaled",
                                           "embedding_tied"),
                         [](const auto& variant) { return variant.param; });

}  // namespace
}  // namespace graft::lora
