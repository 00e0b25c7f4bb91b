#include "graft/lora/fuse_model.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <set>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/convert/convert.h"
#include "graft/io/provenance.h"
#include "graft/io/safetensors.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::lora {
namespace {

using Kind = FusedFormat::Kind;
using testing::expect_error;
using testing::same_bits;
using testing::TempFolder;
using testing::TinyCheckpoint;

const std::string kDown = "model.layers.1.mlp.down_proj";
const std::string kUp = "model.layers.1.mlp.up_proj";
const std::string kQ = "model.layers.1.self_attn.q_proj";

// A tiny checkpoint, dense or in 4 bits, and adapters on two matrices of its second layer.
class FuseModel : public ::testing::Test {
 protected:
  void make(mx::Dtype dtype, bool quantize, const std::string& mode = "affine") {
    mx::random::seed(6);
    TinyCheckpoint tiny;
    tiny.dtype = dtype;
    tiny.make();
    for (auto& [name, tensor] : tiny.tensors) {  // as in real models: layers weigh in the logits
      if (tensor.ndim() == 1) tensor = mx::ones(tensor.shape(), dtype);
    }
    tiny.write(folder_ / "dense");
    source_ = folder_ / (quantize ? "4_bits" : "dense");
    if (!quantize) return;
    convert::convert({.hf_path = folder_ / "dense",
                      .mlx_path = source_,
                      .quantize = true,
                      .q_group_size = mode == "nvfp4" ? 16 : 32,
                      .q_mode = mode,
                      .force = true});
  }

  // Fuses the model of `source` with adapters that change it into "fused".
  io::ModelFolder fuse(const FuseOptions& options, const std::vector<std::string>& keys) {
    io::ModelFolder source = io::ModelFolder::open(source_);
    model_ = models::load_model(source);
    LoraSettings settings{.rank = 4, .scale = 0.5f, .num_layers = 1, .keys = keys};
    Adapters adapters = attach(*model_, settings);
    std::vector<mx::array> values;
    for (const mx::array& v : adapters.parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(size_)));
    }
    mx::eval(values);
    adapters.parameters().set(values);
    fuse_model(source, *model_, adapters, {folder_ / "fused"}, options);
    return io::ModelFolder::open(folder_ / "fused");
  }
  io::ModelFolder fuse(const FuseOptions& options = {}) {
    return fuse(options, {"q_proj", "down_proj"});
  }

  static mx::array logits_of(const models::Model& model) {
    mx::array ids = mx::arange(3, 63, mx::int32);
    return models::logits(model, ids, model.context({{0, 60, 0, 60}}));
  }

  TempFolder folder_;
  fs::path source_;
  float size_ = 0.3f;  // of the adapters' numbers
  std::unique_ptr<models::Model> model_;
};

// The path of the layer that a tensor belongs to.
std::string path_of(const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); }

struct Source {
  const char* name;
  mx::Dtype dtype;
  bool quantized;
  const char* mode = "affine";
};
std::ostream& operator<<(std::ostream& out, const Source& source) { return out << source.name; }

class FuseModelOf : public FuseModel, public ::testing::WithParamInterface<Source> {
 protected:
  void SetUp() override { make(GetParam().dtype, GetParam().quantized, GetParam().mode); }
};

TEST_P(FuseModelOf, TensorsWithoutAnAdapterKeepTheirBits) {
  io::ModelFolder fused = fuse();
  io::ModelFolder source = io::ModelFolder::open(source_);
  EXPECT_EQ(fused.names(), source.names());
  std::set<std::string> changed;
  for (const std::string& name : source.names()) {
    if (!same_bits(fused.load(name), source.load(name))) changed.insert(path_of(name));
  }
  EXPECT_EQ(changed, (std::set<std::string>{kDown, kQ}));
}

// Its adapter is finite, the product of a and b is not.
TEST_P(FuseModelOf, WeightsThatAreNotFiniteAreRefusedByName) {
  for (const Kind kind : {Kind::as_is, Kind::quantized, Kind::dense}) {
    FuseOptions options;
    options.adapted.kind = kind;
    options.adapted.bits = 8;
    size_ = 1e25f;
    expect_error([&] { fuse(options, {"q_proj"}); },
                 {"model.layers.1.self_attn.q_proj", ".weight holds numbers that are NaN"});
    EXPECT_FALSE(fs::exists(folder_ / "fused"));
  }
  for (const std::string& name : testing::names_in(folder_.path())) {
    EXPECT_FALSE(name.starts_with(".")) << name;
  }
}

TEST_P(FuseModelOf, ConfigStaysAsConvertWritesIt) {
  convert::convert({.hf_path = source_, .mlx_path = folder_ / "again"});
  fuse();
  EXPECT_EQ(io::read_json_object(folder_ / "fused" / "config.json"),
            io::read_json_object(folder_ / "again" / "config.json"));
}

TEST_P(FuseModelOf, DenseWeightsHaveTheDtypeThatTheConfigNames) {
  FuseOptions dense;
  dense.adapted.kind = Kind::dense;
  for (bool de_quantize : {false, true}) {
    dense.de_quantize = de_quantize;
    io::ModelFolder fused = fuse(dense);
    EXPECT_EQ(io::config_dtype(fused.config()), GetParam().dtype);
    for (const std::string& name : fused.names()) {
      bool packed = GetParam().quantized && !de_quantize && fused.has(path_of(name) + ".scales");
      const bool bytes = name.ends_with(".weight") ||
                         (name.ends_with(".scales") && GetParam().mode != std::string("affine"));
      EXPECT_EQ(fused.info(name).dtype == GetParam().dtype, !packed || !bytes) << name;
    }
    EXPECT_FALSE(fused.has(kDown + ".scales"));
    EXPECT_EQ(fused.has("lm_head.scales"), GetParam().quantized && !de_quantize);
    EXPECT_EQ(fused.config().contains("quantization"), GetParam().quantized && !de_quantize);
    EXPECT_LT(testing::distance(logits_of(*models::load_model(fused)), logits_of(*model_)), 0.03);
  }
}

INSTANTIATE_TEST_SUITE_P(Sources, FuseModelOf,
                         ::testing::Values(Source{"float32", mx::float32, false},
                                           Source{"bfloat16", mx::bfloat16, false},
                                           Source{"float16", mx::float16, false},
                                           Source{"in_4_bits", mx::bfloat16, true},
                                           Source{"in_4_bits_float16", mx::float16, true},
                                           Source{"in_mxfp4", mx::bfloat16, true, "mxfp4"},
                                           Source{"in_mxfp8", mx::float16, true, "mxfp8"},
                                           Source{"in_nvfp4", mx::bfloat16, true, "nvfp4"}),
                         [](const auto& test) { return test.param.name; });

TEST_F(FuseModel, LayersInEightBitsStandInTheConfigAndAreReadBack) {
  make(mx::bfloat16, true);
  FuseOptions eight;
  eight.adapted = {Kind::quantized, 8};
  io::ModelFolder fused = fuse(eight);
  const json finer = {{"group_size", 32}, {"bits", 8}, {"mode", "affine"}};
  const json expected = {
      {"group_size", 32}, {"bits", 4}, {"mode", "affine"}, {kQ, finer}, {kDown, finer}};
  EXPECT_EQ(fused.config().at("quantization"), expected);
  EXPECT_EQ(fused.config().at("quantization_config"), expected);

  auto model = models::load_model(fused);
  for (const models::LinearPart& part : models::linears_of(model->parts())) {
    const nn::Linear* linear = std::get<nn::Linear*>(part.linear);
    EXPECT_EQ(linear->weight.bits, linear->path == kQ || linear->path == kDown ? 8 : 4)
        << linear->path;
  }
  EXPECT_LT(testing::distance(logits_of(*model), logits_of(*model_)), 0.03);
}

// 8 bits in groups of 32 beside a model's 4 bits in groups of 64: as many words for each scale.
TEST_F(FuseModel, ALayerWithoutAnEntryIsDequantizedByItsWidth) {
  make(mx::bfloat16, true);
  FuseOptions eight;
  eight.adapted = {Kind::quantized, 8};
  fuse(eight, {"up_proj"});
  fs::rename(folder_ / "fused", folder_ / "mixed");
  source_ = folder_ / "mixed";
  json config = io::read_json_object(source_ / "config.json");
  json& quantization = config["quantization"];
  config.erase("quantization_config");
  const io::ModelFolder mixed = io::ModelFolder::open(source_);
  for (const std::string& name : mixed.names()) {
    if (name.ends_with(".scales") && path_of(name) != kUp) {
      quantization[path_of(name)] = {{"group_size", 32}, {"bits", 4}};
    }
  }
  quantization.erase(kUp);
  quantization["group_size"] = 64;
  write_text(source_ / "config.json", config.dump());
  FuseOptions dense;
  dense.adapted.kind = Kind::dense;
  dense.de_quantize = true;
  const io::ModelFolder fused = fuse(dense);
  const mx::array up = fused.load(kUp + ".weight");
  ASSERT_EQ(up.shape(), (mx::Shape{96, 64}));
  for (const models::LinearPart& linear : models::linears_of(model_->parts())) {
    if (linear.path() != kUp) continue;
    EXPECT_EQ(linear.weight().bits, 8);
    EXPECT_TRUE(same_bits(up, ops::dequantized(linear.weight(), mx::bfloat16)));
  }
}

// Integers in the groups of the mode, if they can have such groups.
TEST_F(FuseModel, LayersOfNumbersOfFewBitsCanBecomeIntegers) {
  for (const auto& [mode, group] : {std::pair("mxfp4", 32), std::pair("nvfp4", 32)}) {
    make(mx::bfloat16, true, mode);
    FuseOptions eight;
    eight.adapted = {Kind::quantized, 8};
    io::ModelFolder fused = fuse(eight);
    const auto settings = io::QuantizationConfig::from_config(fused.config(), "config.json");
    EXPECT_EQ(settings->lookup(kQ), (io::LayerQuantization{group, 8})) << mode;
    EXPECT_EQ(settings->standard.mode, quantization_mode(mode));
    EXPECT_EQ(fused.info(kQ + ".scales").dtype, mx::bfloat16);
    EXPECT_EQ(fused.info(kUp + ".scales").dtype, mx::uint8);
    EXPECT_LT(testing::distance(logits_of(*models::load_model(fused)), logits_of(*model_)), 0.03);
  }
}

TEST_F(FuseModel, LayersInEightBitsStaySoWhenOthersAreFused) {
  make(mx::bfloat16, true);
  FuseOptions eight;
  eight.adapted = {Kind::quantized, 8};
  fuse(eight);
  fs::rename(folder_ / "fused", folder_ / "mixed");
  source_ = folder_ / "mixed";
  io::ModelFolder again = fuse({}, {"q_proj", "up_proj"});
  EXPECT_EQ(again.config(), io::ModelFolder::open(source_).config());
  EXPECT_TRUE(same_bits(again.load(kDown + ".weight"),
                        io::ModelFolder::open(source_).load(kDown + ".weight")));
  EXPECT_LT(testing::distance(logits_of(*models::load_model(again)), logits_of(*model_)), 0.2);
}

// What a tied model stores for its head is ignored when it is loaded, so nobody has looked at it.
TEST_F(FuseModel, AnIgnoredHeadWithoutSettingsIsNamed) {
  make(mx::bfloat16, true);
  io::ModelFolder source = io::ModelFolder::open(source_);
  std::map<std::string, mx::array> tensors;
  for (const std::string& name : source.names()) tensors.insert({name, source.load(name)});
  for (const char* part : {"weight", "scales", "biases"}) {
    tensors.insert_or_assign(std::string("lm_head.") + part,
                             source.load(std::string("model.embed_tokens.") + part));
  }
  io::save_safetensors(source_ / "model.safetensors", tensors, {{"format", "mlx"}});
  json config = source.config();
  config["tie_word_embeddings"] = true;
  config["quantization"]["lm_head"] = false;
  write_text(source_ / "config.json", config.dump());
  expect_error([&] { fuse(); }, "lm_head is quantized, but config.json has no quantization");
}

TEST_F(FuseModel, LayersOfADenseModelInBitsAreItsOnlyQuantizedOnes) {
  make(mx::bfloat16, false);
  FuseOptions eight;
  eight.adapted = {Kind::quantized, 8};
  io::ModelFolder fused = fuse(eight, {"q_proj", "up_proj"});
  EXPECT_EQ(fused.config().at("quantization"),
            (json{{"group_size", 64}, {"bits", 8}, {"mode", "affine"}}));
  auto model = models::load_model(fused);
  for (const models::LinearPart& part : models::linears_of(model->parts())) {
    const nn::Linear* linear = std::get<nn::Linear*>(part.linear);
    EXPECT_EQ(linear->weight.quantized(), linear->path == kQ || linear->path == kUp)
        << linear->path;
  }
  EXPECT_LT(testing::distance(logits_of(*model), logits_of(*model_)), 0.03);
}

// As mlx-lm wants those of a model: where those of one layer get new bits, and are one stack, so
// are the others, which keep theirs.
TEST_F(FuseModel, QuantizedExpertsBesideStacksAreStackedToo) {
  const fs::path fixture = testing::fixture("families/mixtral");
  json config = io::read_json_object(fixture / "config.json");
  config.update({{"hidden_size", 32}, {"intermediate_size", 64}});
  config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  const std::map<int, int> wider = {{16, 32}, {12, 64}, {8, 16}};
  std::map<std::string, mx::array> tensors;
  const json shapes = io::read_json_object(fixture / "tensors.json");
  for (const auto& [name, shape] : shapes.items()) {
    mx::Shape own;
    for (const int size : shape.get<std::vector<int>>()) {
      own.push_back(wider.count(size) > 0 ? wider.at(size) : size);
    }
    const mx::array weight = testing::named_values(name, own);
    if (name.find(".experts.") == std::string::npos) {
      tensors.insert({name, weight});
      continue;
    }
    const auto parts = mx::quantize(weight, 32, 4);
    for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) {
      const char* endings[] = {".weight", ".scales", ".biases"};
      tensors.insert({path_of(name) + endings[i], parts[i]});
    }
  }
  source_ = folder_ / "experts";
  fs::create_directory(source_);
  write_text(source_ / "config.json", config.dump());
  io::save_safetensors(source_ / "model.safetensors", tensors, {{"format", "mlx"}});
  FuseOptions eight;
  eight.adapted = {Kind::quantized, 8};
  size_ = 0.01f;
  const io::ModelFolder fused = fuse(eight, {"up_proj"});
  for (const std::string& name : fused.names()) {
    EXPECT_EQ(name.find(".experts."), std::string::npos) << name;
  }
  const std::string layer = "model.layers.0.block_sparse_moe.", gate = "switch_mlp.gate_proj";
  EXPECT_EQ(fused.config()
                .at("quantization")
                .at(layer.substr(0, 13) + "1" + layer.substr(14) + "switch_mlp.up_proj")["bits"],
            8);
  EXPECT_EQ(fused.config().at("quantization")["bits"], 4);
  EXPECT_TRUE(same_bits(ops::matrix_of(fused.load(layer + gate + ".weight"), 3),
                        tensors.at(layer + "experts.3.w1.weight")));
  const mx::array ids = mx::arange(3, 23, mx::int32);
  const auto logits = [&](const models::Model& model) {
    return models::logits(model, ids, model.context({{0, 20, 0, 20}}));
  };
  EXPECT_LT(testing::distance(logits(*models::load_model(fused)), logits(*model_)), 0.03);
}

// In one step with the model, or not at all.
TEST_F(FuseModel, FilesThatAreAddedComeWithIt) {
  make(mx::bfloat16, false);
  FuseOptions options;
  options.add = [&](const fs::path& folder) {
    EXPECT_FALSE(fs::exists(folder_ / "fused"));
    EXPECT_EQ(io::ModelFolder::open(folder).names(), io::ModelFolder::open(source_).names());
    write_text(folder / "more.txt", "more");
  };
  fuse(options);
  EXPECT_EQ(read_text(folder_ / "fused/more.txt"), "more");
  const auto files = io::recorded_files(folder_ / "fused");
  EXPECT_EQ(std::count(files.begin(), files.end(), "more.txt"), 1);
  options.add = [](const fs::path&) { fail("no more"); };
  expect_error([&] { fuse(options); }, "no more");
  EXPECT_EQ(read_text(folder_ / "fused/more.txt"), "more");
  EXPECT_EQ(testing::names_in(folder_.path()).size(), 2u);  // dense, fused
  fuse();
  EXPECT_FALSE(fs::exists(folder_ / "fused/more.txt"));
}

TEST_F(FuseModel, AFullDiskLeavesTheEarlierFolderWhole) {
  make(mx::bfloat16, false);
  testing::write_bytes(source_ / "tokenizer.json", std::string(400'000, ' '));
  fuse();
  auto contents = [&] {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) files[entry.path()] = testing::read_bytes(entry.path());
    }
    return files;
  };
  auto before = contents();
  for (rlim_t limit : {20'000, 300'000}) {  // in the weights; behind them, in the tokenizer
    testing::FileSizeLimit full(limit);
    testing::expect_error([&] { fuse(); }, "cannot write");
    EXPECT_EQ(contents(), before);
  }
  fuse();
  EXPECT_NE(contents(), before);  // other adapters
}

}  // namespace
}  // namespace graft::lora
