#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "graft/convert/convert.h"
#include "graft/io/quantized_layer.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::convert {
namespace {

namespace mx = mlx::core;

using testing::expect_error;
using testing::same_bits;
using testing::TempFolder;
using testing::TinyCheckpoint;
using testing::write_bytes;

TinyCheckpoint checkpoint(mx::Dtype dtype = mx::bfloat16, bool head = true) {
  TinyCheckpoint tiny;
  tiny.dtype = dtype;
  tiny.head = head;
  tiny.make();
  return tiny;
}

bool is_matrix(const std::string& name) { return name.find("norm") == std::string::npos; }

TEST(ConvertFolder, KeepsATensorsTypeAndBits) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.config["torch_dtype"] = "float16";
  tiny.tensors.insert_or_assign("model.norm.weight", mx::random::normal({tiny.hidden}));
  tiny.tensors.emplace("model.layers.0.self_attn.rotary_emb.inv_freq", mx::array({1.0f}));
  tiny.write(folder / "in");
  ConvertReport report = convert({.hf_path = folder / "in", .mlx_path = folder / "out"});
  io::ModelFolder out = io::ModelFolder::open(folder / "out");
  EXPECT_EQ(out.names().size(), tiny.tensors.size() - 1);
  for (const std::string& name : out.names()) {
    EXPECT_TRUE(same_bits(out.load(name), tiny.tensors.at(name))) << name;
  }
  EXPECT_EQ(report.tensors, out.names().size());
  EXPECT_EQ(report.files, std::vector<std::string>{"model.safetensors"});
  EXPECT_FALSE(out.config().contains("_name_or_path"));
  EXPECT_FALSE(out.config().contains("quantization"));
}

TEST(ConvertFolder, QuantizesAllMatricesAsMlxDoes) {
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    TempFolder folder;
    TinyCheckpoint tiny = checkpoint();
    tiny.write(folder / "in");
    ConvertReport report = convert({.hf_path = folder / "in",
                                    .mlx_path = folder / "out",
                                    .quantize = true,
                                    .q_bits = bits,
                                    .q_group_size = 32});
    io::ModelFolder out = io::ModelFolder::open(folder / "out");
    size_t expected = 0;
    for (const auto& [name, weight] : tiny.tensors) {
      if (!is_matrix(name)) {
        EXPECT_TRUE(same_bits(out.load(name), weight)) << name;
        ++expected;
        continue;
      }
      std::string path = name.substr(0, name.rfind('.'));
      std::vector<mx::array> parts = mx::quantize(weight, 32, bits);
      EXPECT_TRUE(same_bits(out.load(path + ".weight"), parts[0])) << name;
      EXPECT_TRUE(same_bits(out.load(path + ".scales"), parts[1])) << name;
      EXPECT_TRUE(same_bits(out.load(path + ".biases"), parts[2])) << name;
      EXPECT_EQ(io::quantized_layer_shape(out, path, {32, bits}), weight.shape());
      expected += 3;
    }
    EXPECT_EQ(out.names().size(), expected);
    EXPECT_EQ(report.tensors, expected);
    auto settings = io::QuantizationConfig::from_config(out.config(), "config.json");
    EXPECT_EQ(settings->standard, (io::LayerQuantization{32, bits}));
    EXPECT_EQ(out.config().at("quantization"), out.config().at("quantization_config"));
    EXPECT_NEAR(report.bits_per_weight, bits + 1, 0.06);
  }
}

TEST(ConvertFolder, QuantizesInEveryModeAndBackAgain) {
  for (const char* name : {"mxfp4", "mxfp8", "nvfp4"}) {
    const auto setting = io::LayerQuantization::default_of(quantization_mode(name).value());
    TempFolder folder;
    TinyCheckpoint tiny = checkpoint();
    tiny.write(folder / "in");
    convert({.hf_path = folder / "in", .mlx_path = folder / "q", .quantize = true, .q_mode = name});
    convert({.hf_path = folder / "q", .mlx_path = folder / "plain", .dequantize = true});
    const auto out = io::ModelFolder::open(folder / "q");
    const auto plain = io::ModelFolder::open(folder / "plain");
    for (const auto& [tensor, weight] : tiny.tensors) {
      if (!is_matrix(tensor) || weight.shape(-1) % setting.group_size != 0) {
        EXPECT_TRUE(same_bits(out.load(tensor), weight)) << tensor;
        continue;
      }
      const std::string path = tensor.substr(0, tensor.rfind('.'));
      const auto parts = mx::quantize(weight, {}, {}, name);
      EXPECT_TRUE(same_bits(out.load(path + ".weight"), parts[0])) << tensor;
      EXPECT_TRUE(same_bits(out.load(path + ".scales"), parts[1])) << tensor;
      EXPECT_FALSE(out.has(path + ".biases"));
      EXPECT_EQ(io::quantized_layer_shape(out, path, setting), weight.shape());
      const mx::array dense = mx::dequantize(parts[0], parts[1], {}, {}, {}, name);
      EXPECT_TRUE(same_bits(plain.load(tensor), dense)) << tensor;
      EXPECT_FALSE(plain.has(path + ".scales"));
    }
    const auto settings = io::QuantizationConfig::from_config(out.config(), "config.json");
    EXPECT_EQ(settings->standard, setting);
    EXPECT_FALSE(plain.config().contains("quantization"));
  }
}

// A mode without biases has none: what is called so beside its layers is no part of the model.
TEST(ConvertFolder, StrayBiasesAreLeftOut) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  convert(
      {.hf_path = folder / "in", .mlx_path = folder / "q", .quantize = true, .q_mode = "mxfp4"});
  const auto quantized = io::ModelFolder::open(folder / "q");
  std::map<std::string, mx::array> tensors;
  for (const std::string& name : quantized.names()) {
    tensors.insert({name, quantized.load(name)});
    if (!name.ends_with(".scales")) continue;
    tensors.insert({name.substr(0, name.size() - 7) + ".biases", quantized.load(name)});
  }
  fs::create_directory(folder / "stray");
  fs::copy_file(folder / "q/config.json", folder / "stray/config.json");
  io::save_safetensors(folder / "stray/model.safetensors", tensors, {{"format", "mlx"}});
  const ConvertReport report = convert({.hf_path = folder / "stray", .mlx_path = folder / "kept"});
  EXPECT_EQ(io::ModelFolder::open(folder / "kept").names(), quantized.names());
  EXPECT_EQ(std::count(report.lines.begin(), report.lines.end(),
                       "model.embed_tokens.biases is left out: mode mxfp4 has no biases"),
            1);
  convert({.hf_path = folder / "stray", .mlx_path = folder / "plain", .dequantize = true});
  const auto plain = io::ModelFolder::open(folder / "plain");
  for (const std::string& name : plain.names()) {
    EXPECT_FALSE(name.ends_with(".biases")) << name;
  }
}

TEST(ConvertFolder, ARecipeGivesMoreBitsToSomeLayers) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  convert({.hf_path = folder / "in",
           .mlx_path = folder / "out",
           .quantize = true,
           .q_group_size = 32,
           .quant_predicate = "mixed_3_6"});
  const auto out = io::ModelFolder::open(folder / "out");
  const auto settings = io::QuantizationConfig::from_config(out.config(), "config.json");
  EXPECT_EQ(settings->standard, (io::LayerQuantization{32, 4}));
  const auto bits_of = [&](const std::string& path) {
    EXPECT_EQ(settings->layers.count(path), 1u) << path;
    const auto setting = settings->lookup(path).value();
    io::quantized_layer_shape(out, path, setting);  // it is stored so
    return setting.bits;
  };
  EXPECT_EQ(bits_of("model.embed_tokens"), 3);
  EXPECT_EQ(bits_of("lm_head"), 6);
  // Of two layers the last is in the last eighth: 7 * 2 / 8 = 1.
  EXPECT_EQ(bits_of("model.layers.0.mlp.down_proj"), 3);
  EXPECT_EQ(bits_of("model.layers.1.mlp.down_proj"), 6);
  EXPECT_EQ(bits_of("model.layers.1.self_attn.v_proj"), 6);
  EXPECT_EQ(bits_of("model.layers.1.self_attn.q_proj"), 3);
}

TEST(ConvertFolder, QuantizesFromTheTypeThatTheConfigNames) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint(mx::float32);
  tiny.config["torch_dtype"] = "bfloat16";
  tiny.write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "out", .quantize = true});
  io::ModelFolder out = io::ModelFolder::open(folder / "out");
  mx::array weight = mx::astype(tiny.tensors.at("lm_head.weight"), mx::bfloat16);
  EXPECT_TRUE(same_bits(out.load("lm_head.weight"), mx::quantize(weight, 64, 4)[0]));
  EXPECT_EQ(out.load("model.norm.weight").dtype(), mx::bfloat16);
}

TEST(ConvertFolder, LeavesAWidthThatDoesNotDivide) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  ConvertReport report =
      convert({.hf_path = folder / "in", .mlx_path = folder / "out", .quantize = true});
  io::ModelFolder out = io::ModelFolder::open(folder / "out");
  EXPECT_TRUE(out.has("model.layers.0.mlp.up_proj.scales"));
  EXPECT_FALSE(out.has("model.layers.0.mlp.down_proj.scales"));
  ASSERT_EQ(report.lines.size(), 2u);
  EXPECT_EQ(report.lines[0],
            "\"model.layers.0.mlp.down_proj.weight\" is not quantized: its width 96 does not "
            "divide into groups of 64");
}

TEST(ConvertFolder, CastsToTheTypeAskedFor) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.tensors.emplace("counts", mx::array({1, 2, 3}));
  tiny.write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "out", .dtype = "float16"});
  io::ModelFolder out = io::ModelFolder::open(folder / "out");
  for (const auto& [name, value] : tiny.tensors) {
    mx::Dtype dtype = name == "counts" ? mx::int32 : mx::float16;
    EXPECT_TRUE(same_bits(out.load(name), mx::astype(value, dtype))) << name;
  }
  EXPECT_EQ(out.config().at("torch_dtype"), "float16");
}

TEST(ConvertFolder, WritesShardsWithAnIndex) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.write(folder / "in");
  ConvertReport report = convert({.hf_path = folder / "in",
                                  .mlx_path = folder / "out",
                                  .dtype = {},
                                  .max_shard_bytes = 40'000});
  EXPECT_GT(report.files.size(), 2u);
  json index = io::read_json_object(folder / "out" / "model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], report.bytes);
  EXPECT_EQ(index["metadata"]["total_parameters"], report.parameters);
  EXPECT_EQ(report.bytes, 2 * report.parameters);
  for (const std::string& file : report.files) {
    io::SafetensorsFile shard(folder / "out" / file);
    EXPECT_EQ(shard.metadata().at("format"), "mlx");
    for (const std::string& name : shard.names()) EXPECT_EQ(index["weight_map"][name], file);
  }
  // Shards are read as one file is, and give the same model.
  convert({.hf_path = folder / "out", .mlx_path = folder / "again"});
  convert({.hf_path = folder / "in", .mlx_path = folder / "whole"});
  EXPECT_EQ(testing::read_bytes(folder / "again" / "model.safetensors"),
            testing::read_bytes(folder / "whole" / "model.safetensors"));
}

TEST(ConvertFolder, ATiedHeadIsLeftOut) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.config["tie_word_embeddings"] = true;
  tiny.tensors.insert_or_assign("lm_head.weight", tiny.tensors.at("model.embed_tokens.weight"));
  tiny.write(folder / "in");
  ConvertReport report = convert({.hf_path = folder / "in", .mlx_path = folder / "out"});
  EXPECT_FALSE(io::ModelFolder::open(folder / "out").has("lm_head.weight"));
  EXPECT_EQ(report.lines.size(), 1u);
  tiny.config.erase("tie_word_embeddings");
  tiny.write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "out"});
  io::ModelFolder out = io::ModelFolder::open(folder / "out");
  EXPECT_TRUE(out.has("lm_head.weight"));
  EXPECT_EQ(out.config().at("tie_word_embeddings"), false);
}

TEST(ConvertFolder, DequantizesInFloat32AndRoundsOnce) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "q", .quantize = true});
  ConvertReport report =
      convert({.hf_path = folder / "q", .mlx_path = folder / "out", .dequantize = true});
  io::ModelFolder quantized = io::ModelFolder::open(folder / "q"),
                  out = io::ModelFolder::open(folder / "out");
  EXPECT_FALSE(out.config().contains("quantization"));
  EXPECT_FALSE(out.config().contains("quantization_config"));
  EXPECT_EQ(report.bits_per_weight, 16);
  mx::array exact = mx::dequantize(
      quantized.load("lm_head.weight"), mx::astype(quantized.load("lm_head.scales"), mx::float32),
      mx::astype(quantized.load("lm_head.biases"), mx::float32), 64, 4);
  EXPECT_TRUE(same_bits(out.load("lm_head.weight"), mx::astype(exact, mx::bfloat16)));
  EXPECT_FALSE(out.has("lm_head.scales"));
  convert({.hf_path = folder / "q",
           .mlx_path = folder / "out",
           .dtype = "float32",
           .dequantize = true});
  EXPECT_TRUE(same_bits(io::ModelFolder::open(folder / "out").load("lm_head.weight"), exact));
}

// 8 bits in groups of 32 beside a model's 4 bits in groups of 64: as many words for each scale.
TEST(ConvertFolder, DequantizesALayerWithoutAnEntryByItsWidth) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  const std::string path = "model.layers.1.mlp.up_proj";
  const mx::array dense = mx::astype(tiny.tensors.at(path + ".weight"), mx::float32);
  const std::vector<mx::array> eight = mx::quantize(dense, 32, 8);
  tiny.tensors.insert_or_assign(path + ".weight", eight[0]);
  tiny.tensors.insert_or_assign(path + ".scales", eight[1]);
  tiny.tensors.insert_or_assign(path + ".biases", eight[2]);
  tiny.config["quantization"] = {{"group_size", 64}, {"bits", 4}};
  tiny.write(folder / "in");
  const ConvertOptions options{
      .hf_path = folder / "in", .mlx_path = folder / "out", .dequantize = true, .force = true};
  convert(options);
  const mx::array back = io::ModelFolder::open(folder / "out").load(path + ".weight");
  EXPECT_EQ(back.shape(), dense.shape());
  EXPECT_LT(mx::max(mx::abs(mx::subtract(back, dense))).item<float>(), 0.01f);
  tiny.config["model_type"] = "unknown";
  tiny.write(folder / "in");
  // Of a family that graft has not the width is not known: the model's setting is taken.
  convert(options);
  EXPECT_EQ(io::ModelFolder::open(folder / "out").info(path + ".weight").shape.back(),
            2 * dense.shape(1));
}

// What the model's layers are is asked only for a quantized layer without an entry, and is no
// secret then.
TEST(ConvertFolder, AConfigThatDoesNotSayTheWidthsIsAnErrorWhereTheyAreWanted) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.config.erase("hidden_size");
  tiny.write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "dense"});
  convert({.hf_path = folder / "in",
           .mlx_path = folder / "small",
           .quantize = true,
           .q_group_size = 32});
  const ConvertOptions back{
      .hf_path = folder / "small", .mlx_path = folder / "plain", .dequantize = true};
  expect_error([&] { convert(back); }, "hidden_size");
  // Of a family that graft has not the shapes say it.
  ordered_json config = io::read_ordered_json_object(folder / "small/config.json");
  config["model_type"] = "another";
  write_bytes(folder / "small/config.json", config.dump());
  convert(back);
  EXPECT_EQ(io::ModelFolder::open(folder / "plain").names().size(), tiny.tensors.size());
}

// As mlx-vlm writes a multimodal model.
TEST(ConvertFolder, AQuantizedVisionTowerIsLeftOut) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.write(folder / "dense");
  convert({.hf_path = folder / "dense",
           .mlx_path = folder / "text",
           .quantize = true,
           .q_group_size = 32});
  const io::ModelFolder text = io::ModelFolder::open(folder / "text");
  TinyCheckpoint whole;
  std::set<std::string> of_text;
  for (const std::string& name : text.names()) {
    of_text.insert("language_model." + name);
    whole.tensors.insert_or_assign("language_model." + name, text.load(name));
  }
  const std::string tower = "vision_tower.encoder.layers.0.self_attn.q_proj";
  const std::vector<mx::array> parts = mx::quantize(mx::random::normal({64, 64}), 64, 8);
  whole.tensors.insert({tower + ".weight", parts[0]});
  whole.tensors.insert({tower + ".scales", parts[1]});
  whole.tensors.insert({tower + ".biases", parts[2]});
  ordered_json own = tiny.config;
  own["model_type"] = "gemma3_text";
  whole.config = {{"model_type", "gemma3"},
                  {"text_config", own},
                  {"quantization", {{"group_size", 32}, {"bits", 4}}}};
  whole.write(folder / "whole");
  const ConvertReport kept = convert({.hf_path = folder / "whole", .mlx_path = folder / "kept"});
  const auto names = [](const io::ModelFolder& model) {
    const std::vector<std::string> all = model.names();
    return std::set<std::string>(all.begin(), all.end());
  };
  EXPECT_EQ(names(io::ModelFolder::open(folder / "kept")), of_text);
  EXPECT_EQ(std::count(kept.lines.begin(), kept.lines.end(),
                       "what the model has for images is left out: it is the text part"),
            1);
  convert({.hf_path = folder / "whole", .mlx_path = folder / "plain", .dequantize = true});
  const io::ModelFolder plain = io::ModelFolder::open(folder / "plain");
  for (const std::string& name : plain.names()) {
    EXPECT_TRUE(name.starts_with("language_model.")) << name;
  }
}

TEST(ConvertFolder, AGivenWeightThatIsNoLayersIsRefused) {
  TempFolder folder;
  TinyCheckpoint tiny = checkpoint();
  tiny.write(folder / "in");
  const ops::Weight rounded =
      ops::quantized_as(mx::astype(tiny.tensors.at("lm_head.weight"), mx::float32),
                        QuantizationMode::affine, 4, 32, mx::bfloat16);
  ConvertOptions options{
      .hf_path = folder / "in", .mlx_path = folder / "out", .quantize = true, .q_group_size = 32};
  options.rounded = {{"lm_head", rounded}};
  convert(options);
  options.rounded = {{"lm_heads", rounded}};
  expect_error([&] { convert(options); }, "lm_heads was rounded, but is no layer");
}

TEST(ConvertFolder, AQuantizedModelStaysAsItIsButIsNotQuantizedAgain) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "q", .quantize = true});
  convert({.hf_path = folder / "q", .mlx_path = folder / "out"});
  EXPECT_EQ(testing::read_bytes(folder / "q" / "model.safetensors"),
            testing::read_bytes(folder / "out" / "model.safetensors"));
  EXPECT_EQ(testing::read_bytes(folder / "q" / "config.json"),
            testing::read_bytes(folder / "out" / "config.json"));
  expect_error<UsageError>(
      [&] { convert({.hf_path = folder / "q", .mlx_path = folder / "x", .quantize = true}); },
      "is quantized already");
  EXPECT_FALSE(fs::exists(folder / "x"));
}

TEST(ConvertFolder, WeightsThatAreNotFiniteAreRefusedByName) {
  for (const char* name : {"model.layers.1.mlp.up_proj.weight", "model.norm.weight"}) {
    for (const float bad : {NAN, INFINITY}) {
      TempFolder folder;
      TinyCheckpoint tiny = checkpoint();
      mx::array& tensor = tiny.tensors.at(name);
      tensor = mx::where(
          mx::equal(mx::reshape(mx::arange(static_cast<int>(tensor.size())), tensor.shape()),
                    mx::array(3)),
          mx::array(bad, tensor.dtype()), tensor);
      tiny.write(folder / "in");
      for (const bool quantize : {false, true}) {
        expect_error(
            [&] {
              convert({.hf_path = folder / "in",
                       .mlx_path = folder / "out",
                       .quantize = quantize,
                       .q_group_size = 32});
            },
            std::string(name) + " holds numbers that are NaN or infinite");
        EXPECT_EQ(testing::names_in(folder.path()), std::vector<std::string>{"in"});
      }
    }
  }
}

TEST(ConvertFolder, CopiesWhatBelongsToTheModel) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "tokenizer.model", "merges.txt", "LICENSE"}) {
    write_bytes(folder / "in" / name, name);
  }
  write_bytes(folder / "in" / "generation_config.json", R"({"eos_token_id": [5, 6]})");
  for (const char* name : {"pytorch_model.bin", "README.md", "graft.json", ".gitattributes",
                           "model.onnx", "pytorch_model.bin.index.json"}) {
    write_bytes(folder / "in" / name, "no");
  }
  convert({.hf_path = folder / "in", .mlx_path = folder / "out"});
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder / "out")) {
    found.insert(entry.path().filename().string());
  }
  EXPECT_EQ(found,
            (std::set<std::string>{"LICENSE", "chat_template.jinja", "config.json",
                                   "generation_config.json", "graft.json", "merges.txt",
                                   "model.safetensors", "model.safetensors.index.json",
                                   "tokenizer.json", "tokenizer.model", "tokenizer_config.json"}));
  EXPECT_EQ(testing::read_bytes(folder / "out" / "tokenizer.json"), "tokenizer.json");
  const std::vector<std::string> recorded = io::recorded_files(folder / "out");
  EXPECT_EQ(std::set<std::string>(recorded.begin(), recorded.end()), found);
  EXPECT_EQ(io::read_json_object(folder / "out" / "config.json").at("eos_token_id"), json({5, 6}));
}

TEST(ConvertFolder, RefusesTensorsThatContradictTheConfig) {
  TempFolder folder;
  checkpoint().write(folder / "in");
  convert({.hf_path = folder / "in", .mlx_path = folder / "q", .quantize = true});
  const std::string config = testing::read_bytes(folder / "q" / "config.json");
  auto expect = [&](const char* quantization, const char* complaint) {
    json changed = json::parse(config);
    changed["quantization"] = json::parse(quantization);
    changed.erase("quantization_config");
    write_bytes(folder / "q" / "config.json", changed.dump());
    expect_error([&] { convert({.hf_path = folder / "q", .mlx_path = folder / "x"}); }, complaint);
  };
  expect("null", "has no \"quantization\", but the model has \"lm_head.scales\"");
  expect(R"({"lm_head": {"bits": 8, "group_size": 64}})", "\"lm_head.weight\" is uint32 [128, 8]");
  expect(R"({"lm_head": {"bits": 3, "group_size": 64}})", "\"lm_head.weight\" is uint32 [128, 8]");
  expect(R"({"lm_head": false})", "says that \"lm_head\" is not quantized");
  expect(R"({"lm_head": {"mode": "mxfp4"}})",
         "\"lm_head.scales\" is bfloat16 [128, 1], but expected uint8 [128, 2] for mxfp4");
  expect(R"({"mode": "nf4"})", "the quantization mode is \"nf4\", expected affine, mxfp4");
}

}  // namespace
}  // namespace graft::convert
