// Every family against transformers: logits, loss and LoRA gradients of tiny checkpoints, see
// scripts/fixtures/tiny_families.py.

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/convert/convert.h"
#include "graft/lora/adapters.h"
#include "graft/lora/fuse_model.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::models {
namespace {

using testing::distance;
using testing::Expected;
using testing::named_values;
using testing::TempFolder;

const fs::path kFamilies = testing::fixture("families");

std::vector<std::string> variants() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kFamilies)) {
    all.push_back(entry.path().filename().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The model of a fixture, of weights that follow from their names.
struct Fixture {
  explicit Fixture(const std::string& name) : expected(kFamilies / name / "expected.safetensors") {
    testing::write_named_checkpoint(kFamilies / name, folder.path());
    model = load_model(io::ModelFolder::open(folder.path()), mx::float32);
  }

  // Adapters on all linear layers, their values by their names too.
  lora::AdapterFile adapters() const {
    lora::AdapterFile file;
    file.path = "adapters";
    for (const std::string& name : expected.file.names()) {
      if (!name.starts_with("grad.")) continue;
      const std::string own = name.substr(5);
      file.tensors.insert({own, named_values(own, expected.file.info(name).shape)});
    }
    file.settings = lora::LoraSettings{};
    file.settings->scale = 2;
    return file;
  }

  Expected expected;
  TempFolder folder;
  std::unique_ptr<Model> model;
};

class Families : public ::testing::TestWithParam<std::string> {
 protected:
  void check(bool cpu_kernels) const {
    ops::KernelsScope backend(cpu_kernels ? ops::Kernels::own : ops::Kernels::mlx);
    Fixture fixture(GetParam());
    const Expected& expected = fixture.expected;
    mx::array found =
        logits(*fixture.model, expected.ids, fixture.model->context(expected.sequences));
    EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity);
    testing::check_adapted(*fixture.model, expected, fixture.adapters());
  }
};

TEST_P(Families, LogitsLossAndGradientsAreThoseOfTransformers) {
  if (!ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
  check(true);
}

TEST_P(Families, SoAreThoseOfMlxOperations) { check(false); }

TEST_P(Families, EveryLinearLayerTakesAnAdapter) {
  Fixture fixture(GetParam());
  EXPECT_EQ(2 * linears_of(fixture.model->parts()).size(), fixture.adapters().tensors.size());
}

// For plans: shapes follow from the config as they do from the tensors.
TEST_P(Families, TheConfigAloneMakesTheSameModel) {
  Fixture fixture(GetParam());
  const auto folder = io::ModelFolder::open(fixture.folder.path());
  const auto planned =
      load_model(io::ModelFolder::of_config(folder.path(), folder.config()), mx::float32);
  EXPECT_EQ(planned->parameters(), fixture.model->parameters());
  EXPECT_EQ(planned->num_layers(), fixture.model->num_layers());
  const auto described = [](Model& model) {
    std::vector<std::string> all;
    for (const LinearPart& linear : linears_of(model.parts())) {
      all.push_back(fmt::format("{} {} [{}, {}]", linear.layer, linear.path(),
                                linear.weight().out(), linear.weight().in()));
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  EXPECT_EQ(described(*planned), described(*fixture.model));
}

struct CountNumbers {
  static size_t of(const ops::Weight& w) {
    return static_cast<size_t>(w.out()) * static_cast<size_t>(w.in());
  }
  size_t operator()(const nn::Linear* l) const {
    return of(l->weight) + (l->bias ? l->bias->size() : 0);
  }
  size_t operator()(const nn::ExpertLinear* l) const {
    return of(l->weights->each.front()) * static_cast<size_t>(l->count());
  }
  size_t operator()(const nn::Norm* n) const {
    return n->weight.size() + (n->bias ? n->bias->size() : 0);
  }
  size_t operator()(const Matrix& m) const { return of(*m.weight); }
  size_t operator()(const Vector& v) const { return v.values->size(); }
};

TEST_P(Families, PartsAreAllOfTheWeights) {
  Fixture fixture(GetParam());
  size_t count = 0;
  int layers = 0;
  for (const Part& part : fixture.model->parts()) {
    count += std::visit(CountNumbers{}, part.part);
    EXPECT_LT(part.layer, fixture.model->num_layers());
    layers = std::max(layers, part.layer + 1);
  }
  EXPECT_EQ(count, fixture.model->parameters());
  EXPECT_EQ(layers, fixture.model->num_layers());
}

// Token by token, in one piece, and in several pieces: the same logits.
TEST_P(Families, CachedTokensGiveTheSameLogits) {
  Fixture fixture(GetParam());
  const Expected& expected = fixture.expected;
  const Sequence longest = expected.sequences.back();
  const auto count = static_cast<int>(longest.queries());
  const auto begin = static_cast<int>(longest.query_begin);
  mx::array ids = mx::slice(expected.ids, {begin}, {begin + count});
  mx::array whole = mx::slice(expected.file.load("logits"), {begin, 0},
                              {begin + count, fixture.model->vocab_size()});
  for (int step : {1, 5, count}) {
    if (step < count && GetParam().find("longrope") != std::string::npos)
      continue;  // docs/compatibility.md
    nn::KvCache cache(fixture.model->num_layers());
    std::vector<mx::array> parts;
    for (int at = 0; at < count; at += step) {
      const int n = std::min(step, count - at);
      Context context = fixture.model->context({{0, n, 0, at + n}});
      context.caches = {&cache};
      parts.push_back(logits(*fixture.model, mx::slice(ids, {at}, {at + n}), context));
      parts.back().eval();
      cache.advance(n);
    }
    EXPECT_LT(distance(mx::concatenate(parts, 0), whole), testing::kParity) << step;
  }
}

// A config as transformers 4 wrote it: RoPE in `rope_theta` and `rope_scaling`, the oldest name of
// its type, no `layer_types`.
json older_spelling(json config) {
  json rope = config["rope_parameters"];
  config.erase("rope_parameters");
  config.erase("layer_types");
  if (rope.contains("full_attention")) {  // Gemma 3
    config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"];
    config["sliding_window_pattern"] = 3;
    rope = json(rope["full_attention"]);
  }
  for (const char* key :
       {"rope_theta", "partial_rotary_factor", "original_max_position_embeddings"}) {
    if (rope.contains(key) && !(key[0] == 'o' && rope["rope_type"] == "yarn")) {
      config[key] = rope[key];
      rope.erase(key);
    }
  }
  if (rope["rope_type"] != "default") {
    rope["type"] = rope["rope_type"];
    rope.erase("rope_type");
    config["rope_scaling"] = rope;
  }
  return config;
}

TEST_P(Families, AnOlderSpellingOfTheConfigMeansTheSame) {
  const Fixture fixture(GetParam());
  const Expected& expected = fixture.expected;
  const fs::path path = fixture.folder / "config.json";
  const json now = io::read_json_object(path);
  write_text(path, older_spelling(now).dump());
  auto model = load_model(io::ModelFolder::open(fixture.folder.path()), mx::float32);
  mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
  EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity);
}

// The model of a fixture whose config was changed.
std::unique_ptr<Model> load_changed(const std::string& name, const json& changes) {
  TempFolder folder;
  testing::write_named_checkpoint(kFamilies / name, folder.path());
  json config = io::read_json_object(folder / "config.json");
  config.update(changes);
  write_text(folder / "config.json", config.dump());
  return load_model(io::ModelFolder::open(folder.path()), mx::float32);
}

TEST(FamilyConfigs, WhatIsNotBuiltIsRefusedByName) {
  const auto refused = [](const char* name, const json& changes, const char* message) {
    testing::expect_error([&] { load_changed(name, changes); }, {message});
  };
  refused("qwen2", {{"is_causal", false}}, "is_causal false is not supported in a qwen2 model");
  for (const char* name : {"gemma", "gemma2", "gemma3"}) {
    refused(name, {{"use_bidirectional_attention", true}}, "use_bidirectional_attention true");
  }
  refused("gemma2", {{"num_hidden_layers", 2147483647}}, "one of layer 2147483646 is missing");
  refused("gemma2", {{"layer_types", {"full_attention"}}}, "layer_types has 1 entries");
  refused("gemma2", {{"layer_types", {"full_attention", "linear"}}}, "layer_types has 'linear'");
  refused("gemma2", {{"attn_logit_softcapping", -1}}, "attn_logit_softcapping is -1");
  refused("smollm3", {{"no_rope_layers", {1, 2}}}, "no_rope_layers must have a 0 or 1");
  refused("phi3_longrope", {{"rope_scaling", {{"rope_type", "longrope"}}}}, "short_factor");
  refused("mistral", {{"rope_scaling", {{"rope_type", 3}}}}, "rope_type");
  refused("mistral", {{"rope_scaling", "linear"}}, "rope_scaling must be an object");
  refused("gemma3", {{"rope_scaling", "linear"}}, "rope_scaling must be an object");
  refused("mistral", {{"rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}}},
          "rope_parameters of several kinds of layers (full_attention)");
  refused("gemma2", {{"layer_types", "full_attention"}}, "layer_types must be a list");
  refused("phi", {{"rope_scaling", {{"partial_rotary_factor", 1e300}}}}, "RoPE rotates 0 of 8");
  refused("qwen3_moe_mixed", {{"mlp_only_layers", {7}}}, "names a layer that is not there");
}

// As in transformers: it is what people add by hand.
TEST(FamilyConfigs, RopeScalingStandsAboveRopeParameters) {
  const json yarn = {{"rope_type", "yarn"},
                     {"rope_theta", 700.0},
                     {"factor", 4.0},
                     {"original_max_position_embeddings", 16}};
  auto model = load_changed("mistral", {{"rope_scaling", yarn}});
  auto plain = load_changed("mistral", json::object());
  EXPECT_GT(distance(model->rope_tables({{0, 20, 0, 20}})[0].cos,
                     plain->rope_tables({{0, 20, 0, 20}})[0].cos),
            0.1);
}

// The angles of a model's kinds of layers for a text, one after the other.
mx::array angles(const std::string& name, const json& changes) {
  std::vector<mx::array> all;
  for (const ops::RopeTable& table : load_changed(name, changes)->rope_tables({{0, 20, 0, 20}})) {
    all.push_back(mx::flatten(table.cos));
  }
  return mx::concatenate(all);
}

void expect_same_angles(const std::string& name, const json& one, const json& two, bool same) {
  const mx::array a = angles(name, one), b = angles(name, two);
  const bool found = a.shape() == b.shape() && mx::array_equal(a, b).item<bool>();
  EXPECT_EQ(found, same) << name << one << two;
}

json rope(const json& parameters) { return {{"rope_parameters", parameters}}; }

TEST(FamilyConfigs, AShareOfTheHeadIsTurnedWhereTransformersDoesIt) {
  const json none = rope({{"rope_theta", 50.0}});
  const json half = rope({{"rope_theta", 50.0}, {"partial_rotary_factor", 0.5}});
  for (const char* name : {"llama_yarn", "qwen2", "gemma"}) {
    expect_same_angles(name, none, half, true);
  }
  for (const char* name : {"phi3", "stablelm_norms_bias_parallel"}) {
    const json all = rope({{"rope_theta", 50.0}, {"partial_rotary_factor", 1.0}});
    expect_same_angles(name, all, half, false);
  }
  json linear = none, partial = half;
  for (json* config : {&linear, &partial}) {
    (*config)["rope_parameters"].update({{"rope_type", "linear"}, {"factor", 2.0}});
  }
  expect_same_angles("qwen2", linear, partial, false);
}

TEST(FamilyConfigs, LengthBeforeScalingStandsBesideTheParameters) {
  const char* original = "original_max_position_embeddings";
  json yarn = {{"rope_type", "yarn"}, {"rope_theta", 700.0}, {"factor", 4.0}, {original, 80}};
  const json given = rope(yarn);
  yarn[original] = 8;
  json beside = rope(yarn);
  expect_same_angles("qwen2", given, beside, false);
  beside[original] = 80;
  expect_same_angles("qwen2", given, beside, true);
  // Without any it is the text's, and without a factor that is the ratio of both.
  yarn.erase(original);
  json longest = rope(yarn);
  longest["max_position_embeddings"] = 80;
  expect_same_angles("qwen2", given, longest, true);
  yarn["factor"] = nullptr;
  json ratio = rope(yarn);
  ratio.update({{"max_position_embeddings", 320}, {original, 80}});
  expect_same_angles("qwen2", given, ratio, true);
}

TEST(FamilyConfigs, Gemma3sKindsOfLayersHaveRopesOfTheirOwn) {
  const auto both = [](const json& full, const json& sliding) {
    return rope({{"full_attention", full}, {"sliding_attention", sliding}});
  };
  const json usual = both({{"rope_theta", 1e6}}, {{"rope_theta", 1e4}});
  expect_same_angles("gemma3", usual, both({{"rope_type", "default"}}, nullptr), true);
  expect_same_angles("gemma3", usual, rope(nullptr), true);
  // As in transformers, what is of no kind of layers does not count.
  expect_same_angles("gemma3", usual, rope({{"rope_theta", 50.0}}), true);
  json top = both(json::object(), json::object());
  top.update({{"rope_theta", 50.0}, {"rope_local_base_freq", 20.0}});
  expect_same_angles("gemma3", top, both({{"rope_theta", 50.0}}, {{"rope_theta", 20.0}}), true);
  const json linear = {{"rope_type", "linear"}, {"factor", 3.0}};
  json scaled = usual;
  scaled["rope_scaling"] = linear;
  json merged = linear;
  merged["rope_theta"] = 1e6;
  expect_same_angles("gemma3", scaled, both(merged, {{"rope_theta", 1e4}}), true);
  expect_same_angles("gemma3", scaled, usual, false);
}

TEST(FamilyConfigs, MistralHasAWindowUnlessToldOtherwise) {
  const mx::array ids = mx::remainder(mx::arange(4200), mx::array(29));
  const auto last = [&](const json& window, bool erase) {
    TempFolder folder;
    testing::write_named_checkpoint(kFamilies / "mistral_window", folder.path());
    json config = io::read_json_object(folder / "config.json");
    config["sliding_window"] = window;
    if (erase) config.erase("sliding_window");
    write_text(folder / "config.json", config.dump());
    auto model = load_model(io::ModelFolder::open(folder.path()), mx::float32);
    mx::array all = logits(*model, ids, model->context({{0, 4200, 0, 4200}}));
    return mx::slice(all, {4190, 0}, {4200, 29});
  };
  const mx::array unsaid = last(0, true);
  EXPECT_EQ(distance(unsaid, last(4096, false)), 0);
  EXPECT_GT(distance(unsaid, last(nullptr, false)), 0);
}

// Converts `source` of a folder to `model` of it; gives what was said.
std::string convert_within(const TempFolder& folder) {
  convert::ConvertOptions options;
  options.hf_path = folder / "source";
  options.mlx_path = folder / "model";
  return fmt::format("{}", fmt::join(convert::convert(options).lines, ""));
}

// What a checkpoint stores for its head, and what its config says of it.
struct Head {
  enum Stored { none, embedding, other } stored;
  json tied;  // null: nothing
};

// Writes a qwen2 checkpoint with such a head.
void write_with_head(const fs::path& folder, const Head& head) {
  testing::write_named_checkpoint(kFamilies / "qwen2", folder);
  std::map<std::string, mx::array> tensors;
  {
    const io::ModelFolder source = io::ModelFolder::open(folder);
    for (const std::string& name : source.names()) {
      if (name == "lm_head.weight" && head.stored == Head::none) continue;
      const bool same = name == "lm_head.weight" && head.stored == Head::embedding;
      tensors.insert({name, mx::copy(source.load(same ? "model.embed_tokens.weight" : name))});
      tensors.at(name).eval();
    }
  }
  io::save_safetensors(folder / "model.safetensors", tensors);
  json config = io::read_json_object(folder / "config.json");
  config.erase("tie_word_embeddings");
  if (!head.tied.is_null()) config["tie_word_embeddings"] = head.tied;
  write_text(folder / "config.json", config.dump());
}

TEST(TiedHeads, AreTheEmbeddingUnlessTheCheckpointHasAnother) {
  const Expected expected(kFamilies / "qwen2" / "expected.safetensors");
  const auto logits_of = [&](const fs::path& folder) {
    auto model = load_model(io::ModelFolder::open(folder), mx::float32);
    return logits(*model, expected.ids, model->context(expected.sequences));
  };
  TempFolder tied;
  write_with_head(tied.path(), {Head::none, true});
  const mx::array with_embedding = logits_of(tied.path());
  EXPECT_GT(distance(with_embedding, expected.file.load("logits")), 0.1);
  const std::vector<std::pair<Head, bool>> cases = {
      {{Head::none, nullptr}, true},      {{Head::embedding, true}, true},
      {{Head::embedding, nullptr}, true}, {{Head::embedding, false}, true},
      {{Head::other, true}, false},       {{Head::other, nullptr}, false},
      {{Head::other, false}, false}};
  for (const auto& [head, is_tied] : cases) {
    TempFolder folder;
    fs::create_directory(folder / "source");
    write_with_head(folder / "source", head);
    const std::string said = convert_within(folder);
    for (const fs::path& path : {folder / "source", folder / "model"}) {
      const mx::array wanted = is_tied ? with_embedding : expected.file.load("logits");
      EXPECT_LT(distance(logits_of(path), wanted), testing::kParity) << head.tied << head.stored;
    }
    // mlx-lm believes the config: it has to be right.
    const io::ModelFolder converted = io::ModelFolder::open(folder / "model");
    const bool keeps = head.stored == Head::other || head.tied == json(false) ||
                       (head.stored == Head::embedding && head.tied.is_null());
    EXPECT_EQ(converted.has("lm_head.weight"), keeps) << head.tied << head.stored;
    EXPECT_EQ(converted.config().value("tie_word_embeddings", true), !keeps);
    EXPECT_EQ(said.find("tie_word_embeddings becomes false") != std::string::npos,
              head.stored == Head::other && head.tied == json(true));
  }
}

TEST(TiedHeads, OneThatIsDeniedMustBeThere) {
  TempFolder folder;
  write_with_head(folder.path(), {Head::none, false});
  testing::expect_error([&] { load_model(io::ModelFolder::open(folder.path())); },
                        {"tensor lm_head.weight [29, 16] is missing"});
}

TEST(FamilyConfigs, HeadsNormsMayBeOfAnotherTypeThanMatrices) {
  TempFolder folder;
  const std::string name = "stablelm_norms_bias_parallel";
  testing::write_named_checkpoint(kFamilies / name, folder.path());
  const Expected expected(kFamilies / name / "expected.safetensors");
  std::map<std::string, mx::array> tensors;
  {
    const io::ModelFolder source = io::ModelFolder::open(folder.path());
    for (const std::string& own : source.names()) {
      const mx::array tensor = source.load(own);
      tensors.insert({own, tensor.ndim() == 2 ? mx::astype(tensor, mx::bfloat16)
                                              : mx::add(tensor, mx::array(0.0f))});
    }
    for (auto& [own, tensor] : tensors) tensor.eval();
  }
  io::save_safetensors(folder / "model.safetensors", tensors);
  auto model = load_model(io::ModelFolder::open(folder.path()));
  EXPECT_EQ(model->dtype(), mx::bfloat16);
  mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
  EXPECT_LT(distance(found, expected.file.load("logits")), 0.1);
}

// A checkpoint that was saved from the model without its head: no name begins with "model.".
TEST(BareCheckpoint, IsThatOfTheWholeModel) {
  const Expected expected(kFamilies / "gemma" / "expected.safetensors");
  TempFolder folder;
  fs::create_directory(folder / "whole");
  testing::write_named_checkpoint(kFamilies / "gemma", folder / "whole");
  const io::ModelFolder whole = io::ModelFolder::open(folder / "whole");
  std::map<std::string, mx::array> tensors;
  for (const std::string& name : whole.names()) {
    ASSERT_TRUE(name.starts_with("model.")) << name;
    tensors.insert({name.substr(6), whole.load(name)});
  }
  fs::create_directory(folder / "bare");
  fs::copy(folder / "whole/config.json", folder / "bare");
  io::save_safetensors(folder / "bare/model.safetensors", tensors);
  convert::convert({.hf_path = folder / "bare", .mlx_path = folder / "converted"});
  for (const char* name : {"bare", "converted"}) {
    const io::ModelFolder source = io::ModelFolder::open(folder / name);
    auto model = load_model(source, mx::float32);
    mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
    EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity);
    EXPECT_EQ(linears_of(model->parts()).front().path(), "model.layers.0.self_attn.q_proj");
  }
  EXPECT_TRUE(io::ModelFolder::open(folder / "converted").has("model.norm.weight"));
}

// The head of a checkpoint beside its embedding.
enum class StoredHead { none, again, another };

// A multimodal checkpoint of the fixture's text model; `stored` renames its tensors.
void write_multimodal(const fs::path& folder,
                      const std::function<std::string(const std::string&)>& stored,
                      StoredHead head = StoredHead::none) {
  const json text = io::read_json_object(kFamilies / "gemma3" / "config.json");
  const json config = {
      {"model_type", "gemma3"}, {"text_config", text}, {"vision_config", {{"hidden_size", 8}}}};
  write_text(folder / "config.json", config.dump());
  std::map<std::string, mx::array> tensors = {
      {stored("model.vision_tower.patch.weight"), mx::ones({3, 4})},
      {stored("model.multi_modal_projector.norm.weight"), mx::ones({4})}};
  const json shapes = io::read_json_object(kFamilies / "gemma3" / "tensors.json");
  for (const auto& [name, shape] : shapes.items()) {
    const auto sizes = shape.get<std::vector<int>>();
    tensors.insert({stored(name), named_values(name, mx::Shape(sizes.begin(), sizes.end()))});
  }
  if (head != StoredHead::none) {
    const mx::array embedding = tensors.at(stored("model.embed_tokens.weight"));
    tensors.insert({stored("lm_head.weight"),
                    head == StoredHead::again ? embedding : mx::add(embedding, mx::array(1.0f))});
  }
  io::save_safetensors(folder / "model.safetensors", tensors);
}

std::string as_on_the_hub(const std::string& name) {
  for (const char* part : {"model.vision_tower.", "model.multi_modal_projector."}) {
    if (name.starts_with(part)) return name.substr(6);
  }
  return "language_model." + name;
}

std::string as_in_transformers_5(const std::string& name) {
  for (const char* part : {"model.vision_tower.", "model.multi_modal_projector."}) {
    if (name.starts_with(part)) return name;
  }
  if (!name.starts_with("model.")) return name;
  return "model.language_model." + name.substr(6);
}

TEST(MultimodalGemma3, TextPartIsThatOfTheTextModel) {
  const Expected expected(kFamilies / "gemma3" / "expected.safetensors");
  for (auto stored : {as_on_the_hub, as_in_transformers_5}) {
    TempFolder folder;
    fs::create_directory(folder / "source");
    write_multimodal(folder / "source", stored);
    const std::string said = convert_within(folder);
    EXPECT_NE(said.find("images is left out"), std::string::npos);
    for (const fs::path& path : {folder / "source", folder / "model"}) {
      const io::ModelFolder source = io::ModelFolder::open(path);
      auto model = load_model(source, mx::float32);
      mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
      EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity) << path;
      // What adapters call a layer is the Hub's name, wherever they were trained.
      EXPECT_EQ(linears_of(model->parts())[0].path(),
                "language_model.model.layers.0.self_attn.q_proj");
      if (path == folder / "model") {
        for (const std::string& name : source.names()) {
          EXPECT_TRUE(name.starts_with("language_model.model.")) << name;
        }
      }
    }
  }
}

TEST(MultimodalGemma3, FusesWhatHasTheNamesOfTransformers5) {
  TempFolder folder;
  fs::create_directory(folder / "source");
  write_multimodal(folder / "source", as_in_transformers_5);
  const io::ModelFolder source = io::ModelFolder::open(folder / "source");
  auto model = load_model(source, mx::float32);
  lora::LoraSettings settings;
  settings.num_layers = -1;
  settings.keys = {"all"};
  lora::Adapters adapters = lora::attach(*model, settings);
  std::vector<mx::array> values;
  for (const mx::array& value : adapters.parameters().values()) {
    values.push_back(named_values("lora_b", value.shape()));
  }
  adapters.parameters().set(values);
  const Expected expected(kFamilies / "gemma3" / "expected.safetensors");
  const auto logits_of = [&](Model& one) {
    return logits(one, expected.ids, one.context(expected.sequences));
  };
  lora::fuse_model(source, *model, adapters, {folder / "fused"}, {});
  auto fused = load_model(io::ModelFolder::open(folder / "fused"), mx::float32);
  EXPECT_LT(distance(logits_of(*fused), logits_of(*model)), testing::kParity);
  EXPECT_GT(distance(logits_of(*fused), expected.file.load("logits")), 0.01);
}

// Weights beside LoRA in PEFT's folder: by the names of this model and of its text part alone, and
// with a head that is the embedding no more.
TEST(MultimodalGemma3, TakesTheWeightsOfPeftsAdapters) {
  TempFolder folder;
  fs::create_directory(folder / "source");
  write_multimodal(folder / "source", as_in_transformers_5);
  const io::ModelFolder source = io::ModelFolder::open(folder / "source");
  const auto trained = load_model(source, mx::float32);
  const lora::Adapters adapters = lora::attach(
      *trained, {.num_layers = -1, .keys = {"q_proj"}, .extra = {"norms", "embed_tokens"}});
  std::vector<mx::array> values;
  for (const mx::array& value : adapters.parameters().values()) {
    values.push_back(mx::add(value, mx::array(0.125f)));
  }
  mx::eval(values);
  adapters.parameters().set(values);
  const Expected expected(kFamilies / "gemma3" / "expected.safetensors");
  const auto logits_of = [&](Model& one) {
    return logits(one, expected.ids, one.context(expected.sequences));
  };
  const mx::array wanted = logits_of(*trained);
  lora::save_adapter_file(folder / "adapter_model.safetensors", adapters);
  const fs::path config = folder / "adapter_config.json";
  const std::string says = read_text(config);
  EXPECT_NE(says.find("\"model.language_model.embed_tokens\""), std::string::npos);
  EXPECT_NE(says.find("\"ensure_weight_tying\": true"), std::string::npos);
  std::map<std::string, mx::array> tensors;
  {
    const io::SafetensorsFile file(folder / "adapter_model.safetensors");
    for (const std::string& name : file.names()) {
      tensors.insert({name, mx::add(file.load(name), mx::array(0.0f))});
      tensors.at(name).eval();
    }
  }
  const auto replaced = [](std::string text, const std::string& what, const std::string& by) {
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
      text.replace(at, what.size(), by);
    return text;
  };
  const auto rewrite = [&](const std::string& what, const std::string& by) {
    std::map<std::string, mx::array> renamed;
    for (const auto& [name, tensor] : tensors) renamed.insert({replaced(name, what, by), tensor});
    io::save_safetensors(folder / "adapter_model.safetensors", renamed);
    write_text(config, replaced(says, what, by));
  };
  const auto model_with = [&](int step) {
    auto model = load_model(source, mx::float32);
    const auto file = lora::read_adapter_file(folder.path());
    const lora::Adapters own = lora::apply(*model, file);
    const fs::path to = folder / std::to_string(step);
    lora::fuse_model(source, *model, own, {to}, {});
    const auto fused = load_model(io::ModelFolder::open(to), mx::float32);
    EXPECT_LT(distance(logits_of(*fused), logits_of(*model)), testing::kParity) << step;
    return model;
  };
  EXPECT_LT(distance(logits_of(*model_with(0)), wanted), testing::kParity);
  rewrite("model.language_model.", "model.");
  EXPECT_LT(distance(logits_of(*model_with(1)), wanted), testing::kParity);
  for (auto& [name, tensor] : tensors) {
    if (name.ends_with("lm_head.weight")) tensor = mx::multiply(tensor, mx::array(2.0f));
  }
  rewrite("\"ensure_weight_tying\": true", "\"ensure_weight_tying\": false");
  const auto untied = model_with(2);
  EXPECT_NE(untied->untied_embedding(), nullptr);
  EXPECT_LT(distance(logits_of(*untied), mx::multiply(wanted, mx::array(2.0f))), testing::kParity);
}

// By the names of this model and of its text part alone.
TEST(MultimodalGemma3, APartThatAnAdapterNamesTwiceIsRefused) {
  TempFolder folder;
  write_multimodal(folder.path(), as_on_the_hub);
  const auto model = load_model(io::ModelFolder::open(folder.path()));
  const std::string q = "model.layers.0.self_attn.q_proj", norm = "model.norm.weight";
  const int width = linears_of(model->parts())[0].weight().out();
  lora::AdapterFile file;
  file.path = "a.npz";
  file.settings = lora::LoraSettings{.rank = 2};
  for (const char* prefix : {"", "language_model."}) {
    file.tensors.insert({prefix + q + ".lora_a", mx::ones({16, 2})});
    file.tensors.insert({prefix + q + ".lora_b", mx::ones({2, width})});
  }
  testing::expect_error([&] { lora::check_fits(*model, file); },
                        {"language_model." + q + " and " + q + " are one layer", "two adapters"});
  std::erase_if(file.tensors, [](const auto& one) { return one.first.starts_with("model."); });
  EXPECT_NO_THROW(lora::check_fits(*model, file));
  for (const char* prefix : {"", "language_model."}) {
    file.weights.insert({prefix + norm, mx::ones({16})});
  }
  testing::expect_error([&] { lora::check_fits(*model, file); },
                        {"language_model." + norm + " and " + norm + " are one weight"});
}

// The head's names in PEFT's adapters, of transformers 4 and 5.
TEST(MultimodalGemma3, TakesPeftsAdaptersOfItsHead) {
  TempFolder folder;
  fs::create_directory(folder / "own");
  write_multimodal(folder / "own", as_on_the_hub, StoredHead::another);
  const io::ModelFolder own = io::ModelFolder::open(folder / "own");
  const mx::array head = own.load("language_model.lm_head.weight");
  for (const std::string name : {"lm_head", "language_model.lm_head"}) {
    const std::string module = "base_model.model." + name;
    io::save_safetensors(folder / "adapter_model.safetensors",
                         {{module + ".lora_A.weight", mx::ones({2, head.shape(1)})},
                          {module + ".lora_B.weight", mx::ones({head.shape(0), 2})},
                          {module + ".base_layer.weight", head}});
    write_text(folder / "adapter_config.json",
               R"({"peft_type": "LORA", "r": 2, "target_modules": ["lm_head"]})");
    const auto file = lora::read_adapter_file(folder.path());
    EXPECT_EQ(file.base_weights.size(), 1u) << name;
    const auto model = load_model(own, mx::float32);
    const lora::Adapters adapters = lora::apply(*model, file);
    ASSERT_EQ(adapters.linears().size(), 1u);
    EXPECT_EQ(adapters.linears()[0].path(), "language_model.lm_head");
  }
}

// What a tied model stores for its head is its embedding once more.
TEST(MultimodalGemma3, AStoredHeadThatIsTheEmbeddingIsTied) {
  const Expected expected(kFamilies / "gemma3" / "expected.safetensors");
  for (auto stored : {as_on_the_hub, as_in_transformers_5}) {
    TempFolder folder;
    fs::create_directory(folder / "source");
    write_multimodal(folder / "source", stored, StoredHead::again);
    const std::string said = convert_within(folder);
    EXPECT_NE(said.find("lm_head is left out"), std::string::npos);
    for (const fs::path& path : {folder / "source", folder / "model"}) {
      const io::ModelFolder source = io::ModelFolder::open(path);
      const bool is_there =
          source.has("lm_head.weight") || source.has("language_model.lm_head.weight");
      EXPECT_EQ(is_there, path == folder / "source");
      const auto model = load_model(source, mx::float32);
      EXPECT_EQ(model->untied_embedding(), nullptr);
      const mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
      EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity) << path;
      // Fused, embedding and head change alike, whether it is stored or not.
      const lora::Adapters adapters =
          lora::attach(*model, {.rank = 2, .num_layers = -1, .keys = {"embed_tokens"}});
      adapters.parameters().set({mx::full({29, 2}, 0.5f), mx::full({2, 16}, 0.25f)});
      const mx::array wanted = logits(*model, expected.ids, model->context(expected.sequences));
      EXPECT_GT(distance(wanted, found), 0.01);
      lora::fuse_model(source, *model, adapters, {folder / "fused", true}, {});
      const io::ModelFolder result = io::ModelFolder::open(folder / "fused");
      EXPECT_EQ(result.names(), source.names());
      const auto fused = load_model(result, mx::float32);
      EXPECT_EQ(fused->untied_embedding(), nullptr);
      EXPECT_LT(distance(logits(*fused, expected.ids, fused->context(expected.sequences)), wanted),
                testing::kParity);
    }
  }
}

TEST(MultimodalGemma3, TheOuterConfigSaysWhetherTheHeadIsTied) {
  TempFolder folder;
  write_multimodal(folder.path(), as_in_transformers_5);
  json config = io::read_json_object(folder / "config.json");
  config["text_config"]["tie_word_embeddings"] = false;
  write_text(folder / "config.json", config.dump());
  EXPECT_NO_THROW(load_model(io::ModelFolder::open(folder.path())));
  config["tie_word_embeddings"] = false;
  write_text(folder / "config.json", config.dump());
  testing::expect_error([&] { load_model(io::ModelFolder::open(folder.path())); },
                        {"tensor lm_head.weight"});
}

TEST(MultimodalGemma3, WithoutALanguageModelIsRefused) {
  TempFolder folder;
  write_multimodal(folder.path(), [](const std::string& name) { return name; });
  testing::expect_error([&] { load_model(io::ModelFolder::open(folder.path())); },
                        {"no tensors of a language model"});
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(variants()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace graft::models
