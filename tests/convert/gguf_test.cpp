#include <gtest/gtest.h>

#include "graft/convert/convert.h"
#include "graft/convert/gguf_rope.h"
#include "graft/io/quantized_layer.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_gguf.h"

namespace graft::convert {
namespace {

namespace mx = mlx::core;

using testing::expect_error;
using testing::same_bits;
using testing::TempFolder;
using testing::TinyGguf;

ConvertReport convert_file(const TempFolder& folder, const testing::GgufBuilder& file,
                           ConvertOptions options = {}) {
  testing::write_bytes(folder / "x.gguf", file.bytes());
  options.hf_path = folder / "x.gguf";
  options.mlx_path = folder / "out";
  return convert(options);
}

// The numbers of a converted tensor in float32.
mx::array values_of(const io::ModelFolder& model, const std::string& name) {
  std::string path = name.substr(0, name.rfind('.'));
  if (!io::is_quantized_layer(model, path)) return mx::astype(model.load(name), mx::float32);
  auto settings = io::QuantizationConfig::from_config(model.config(), "config.json");
  io::LayerQuantization setting = settings->lookup(path).value();
  io::quantized_layer_shape(model, path, setting);
  return mx::dequantize(model.load(name), mx::astype(model.load(path + ".scales"), mx::float32),
                        mx::astype(model.load(path + ".biases"), mx::float32), setting.group_size,
                        setting.bits);
}

void expect_exact(const mx::array& found, const std::vector<float>& expected,
                  const std::string& name) {
  mx::array flat = mx::contiguous(mx::flatten(found));
  flat.eval();
  ASSERT_EQ(flat.size(), expected.size()) << name;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(flat.data<float>()[i], expected[i]) << name << " at " << i;
  }
}

TEST(ConvertGguf, LosesNothing) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.make();
  convert_file(folder, tiny.file);
  io::ModelFolder model = io::ModelFolder::open(folder / "out");
  size_t quantized = 0, plain = 0;
  for (const auto& [name, values] : tiny.expected) {
    expect_exact(values_of(model, name), values, name);
    bool layer = io::is_quantized_layer(model, name.substr(0, name.rfind('.')));
    (layer ? quantized : plain) += 1;
  }
  EXPECT_EQ(model.names().size(), 3 * quantized + plain);
  // 2 layers of 7 matrices of 6 types in turn: three of them are blocks.
  EXPECT_EQ(quantized, 2u + 8u);
}

TEST(ConvertGguf, HoldsEveryNumberOfEveryType) {
  for (io::GgufTensorType type :
       {io::GgufTensorType::q4_0, io::GgufTensorType::q4_1, io::GgufTensorType::q8_0}) {
    TempFolder folder;
    TinyGguf tiny;
    tiny.types = {type};
    tiny.largest_scale = 500;
    tiny.make();
    convert_file(folder, tiny.file);
    io::ModelFolder model = io::ModelFolder::open(folder / "out");
    for (const auto& [name, values] : tiny.expected) {
      expect_exact(values_of(model, name), values, name);
    }
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
      convert_file(folder, tiny.file, {.dtype = dtype, .dequantize = true});
      io::ModelFolder dense = io::ModelFolder::open(folder / "out");
      EXPECT_EQ(dense.names().size(), tiny.expected.size());
      EXPECT_EQ(dense.config().at("torch_dtype"), dtype);
      for (const auto& [name, values] : tiny.expected) {
        mx::array exact(values.data(), {static_cast<int>(values.size())}, mx::float32);
        mx::array rounded = mx::astype(exact, io::dtype_from_name(dtype).value());
        EXPECT_TRUE(same_bits(mx::flatten(dense.load(name)), rounded)) << name;
      }
    }
  }
}

TEST(ConvertGguf, WritesTheConfig) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.types = {io::GgufTensorType::q4_1};
  tiny.make();
  tiny.file.set("tokenizer.ggml.eot_token_id", uint32_t{3});
  tiny.file.set("general.sampling.temp", 0.6f).set("general.sampling.top_k", uint32_t{20});
  convert_file(folder, tiny.file);
  json config = io::read_json_object(folder / "out" / "config.json");
  json expected = json::parse(R"({
      "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1,
      "eos_token_id": [2, 3], "head_dim": 32, "hidden_act": "silu", "hidden_size": 64,
      "intermediate_size": 96, "max_position_embeddings": 256, "mlp_bias": false,
      "model_type": "llama", "num_attention_heads": 2, "num_hidden_layers": 2,
      "num_key_value_heads": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
      "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "float16",
      "vocab_size": 64, "quantization": {"group_size": 32, "bits": 4, "mode": "affine",
      "lm_head": {"group_size": 32, "bits": 8, "mode": "affine"},
      "model.embed_tokens": {"group_size": 32, "bits": 8, "mode": "affine"}}})");
  expected["quantization_config"] = expected["quantization"];
  EXPECT_EQ(config, expected);
  json generation = io::read_json_object(folder / "out" / "generation_config.json");
  EXPECT_EQ(generation, json::parse(R"({"bos_token_id": 1, "eos_token_id": [2, 3],
                                        "temperature": 0.6, "top_k": 20})"));
}

TEST(ConvertGguf, WritesTheTokenizer) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.make();
  tiny.file.set("tokenizer.chat_template", "{{ messages }}");
  convert_file(folder, tiny.file);
  json tokenizer = io::read_json_object(folder / "out" / "tokenizer.json");
  EXPECT_EQ(tokenizer.at("model").at("vocab").at("!"), 0);
  json config = io::read_json_object(folder / "out" / "tokenizer_config.json");
  EXPECT_EQ(config.at("chat_template"), "{{ messages }}");
  EXPECT_EQ(config.at("eos_token"), "#");
  TinyGguf broken;
  broken.make();
  broken.file.set("tokenizer.chat_template", "\xff");
  expect_error([&] { convert_file(folder, broken.file); }, "UTF-8");
}

TEST(ConvertGguf, ATiedHeadHasNoTensor) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.head = false;
  tiny.make();
  convert_file(folder, tiny.file);
  io::ModelFolder model = io::ModelFolder::open(folder / "out");
  EXPECT_FALSE(model.has("lm_head.weight"));
  EXPECT_EQ(model.config().at("tie_word_embeddings"), true);
}

TEST(ConvertGguf, TypesAskedForAreSaid) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.make();
  ConvertReport dense = convert_file(folder, tiny.file, {.dequantize = true});
  EXPECT_EQ(dense.lines[0], "Dequantizing to float16 (`dtype` chooses another type)");
  ConvertReport mixed = convert_file(folder, tiny.file, {.dtype = "bfloat16"});
  EXPECT_NE(mixed.lines.at(0).find("keep their float16 scales"), std::string::npos);
  io::ModelFolder model = io::ModelFolder::open(folder / "out");
  EXPECT_EQ(model.load("model.norm.weight").dtype(), mx::bfloat16);
  EXPECT_EQ(model.load("lm_head.scales").dtype(), mx::float16);
  expect_exact(values_of(model, "lm_head.weight"), tiny.expected.at("lm_head.weight"), "head");
}

TEST(ConvertGguf, APlainFileIsQuantizedAsAFolderIs) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.types = {io::GgufTensorType::q4_1};
  tiny.make();
  expect_error<UsageError>([&] { convert_file(folder, tiny.file, {.quantize = true}); },
                           "is quantized already");
  convert_file(folder, tiny.file, {.dtype = "float16", .dequantize = true});
  fs::rename(folder / "out", folder / "plain");
  ConvertOptions options{.hf_path = folder / "plain", .mlx_path = folder / "q", .quantize = true};
  convert(options);
  io::ModelFolder model = io::ModelFolder::open(folder / "q");
  mx::array weight = io::ModelFolder::open(folder / "plain").load("lm_head.weight");
  EXPECT_TRUE(same_bits(model.load("lm_head.weight"), mx::quantize(weight, 64, 4)[0]));
}

TEST(ConvertGguf, AScaleThatDoesNotFitIsNamed) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.types = {io::GgufTensorType::q8_0};
  tiny.largest_scale = 60'000;
  tiny.make();
  expect_error([&] { convert_file(folder, tiny.file); }, "is too large for a quantized layer");
  convert_file(folder, tiny.file, {.dtype = "float32", .dequantize = true});
  io::ModelFolder model = io::ModelFolder::open(folder / "out");
  for (const auto& [name, values] : tiny.expected) {
    expect_exact(values_of(model, name), values, name);
  }
}

TEST(ConvertGguf, FindsLlama3sRopeScaling) {
  TempFolder folder;
  for (double factor : {8.0, 32.0}) {
    TinyGguf tiny;
    tiny.make();
    std::string bytes;
    for (double divisor : llama3_divisors(factor, 500'000, 32)) {
      bytes += testing::GgufBuilder::raw(static_cast<float>(divisor));
    }
    tiny.file.tensor("rope_freqs.weight", {16}, io::GgufTensorType::f32, bytes);
    convert_file(folder, tiny.file);
    json scaling = io::read_json_object(folder / "out" / "config.json").at("rope_scaling");
    EXPECT_EQ(scaling, json({{"rope_type", "llama3"},

                             {"factor", factor},
                             {"low_freq_factor", 1.0},
                             {"high_freq_factor", 4.0},
                             {"original_max_position_embeddings", 8192}}));
    TinyGguf other;
    other.make();
    bytes.replace(4 * 9, 4, testing::GgufBuilder::raw(3.0f));
    other.file.tensor("rope_freqs.weight", {16}, io::GgufTensorType::f32, bytes);
    expect_error([&] { convert_file(folder, other.file); }, "scaled in a way that is not known");
  }
}

TEST(ConvertGguf, ReadsLinearRopeScaling) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.make();
  tiny.file.set("llama.rope.scaling.type", "linear").set("llama.rope.scaling.factor", 4.0f);
  convert_file(folder, tiny.file);
  json scaling = io::read_json_object(folder / "out" / "config.json").at("rope_scaling");
  EXPECT_EQ(scaling.at("rope_type"), "linear");
  EXPECT_EQ(scaling.at("factor"), 4.0);
}

TEST(ConvertGguf, YarnKeepsItsParameters) {
  TempFolder folder;
  TinyGguf tiny;
  tiny.make();
  tiny.file.set("llama.rope.scaling.type", "yarn")
      .set("llama.rope.scaling.factor", 4.0f)
      .set("llama.rope.scaling.original_context_length", uint32_t{32})
      .set("llama.rope.scaling.yarn_beta_fast", 8.0f)
      .set("llama.rope.scaling.yarn_attn_factor", 0.5f);
  convert_file(folder, tiny.file);
  json scaling = io::read_json_object(folder / "out" / "config.json").at("rope_scaling");
  EXPECT_EQ(scaling.at("rope_type"), "yarn");
  EXPECT_EQ(scaling.at("original_max_position_embeddings"), 32);
  EXPECT_EQ(scaling.at("beta_fast"), 8.0);
  EXPECT_FALSE(scaling.contains("beta_slow"));
  EXPECT_NEAR(scaling.at("attention_factor").get<double>(), 0.5 * (0.1 * std::log(4.0) + 1), 1e-9);
}

TEST(ConvertGguf, SaysWhatIsWrong) {
  struct Case {
    std::function<void(TinyGguf&)> change;
    const char* complaint;
  };
  constexpr auto kF32 = io::GgufTensorType::f32;
  for (const Case& bad : std::vector<Case>{
           {[](TinyGguf& t) { t.file.set("llama.rope.scaling.type", "spiral"); },
            "RoPE scaling of kind \"spiral\" is not supported"},
           {[](TinyGguf& t) {
              t.file.set("llama.rope.scaling.type", "yarn")
                  .set("llama.rope.scaling.factor", 4.0f)
                  .set("llama.rope.scaling.original_context_length", uint32_t{32})
                  .set("llama.rope.scaling.yarn_ext_factor", 0.0f);
            },
            "yarn_ext_factor"},
           {[](TinyGguf& t) { t.file.set("llama.expert_count", uint32_t{8}); },
            "\"llama.expert_count\" is 8, which is not supported"},
           {[](TinyGguf& t) { t.file.set("llama.attention.scale", 0.5f); },
            "llama.attention.scale"},
           {[](TinyGguf& t) { t.file.set("llama.attention.key_length", uint32_t{16}); },
            "but the metadata makes it [32, 64]"},
           {[](TinyGguf& t) { t.file.set("llama.rope.dimension_count", uint32_t{16}); },
            "do not fit together"},
           {[](TinyGguf& t) { t.file.set("split.count", uint32_t{3}); }, "one of 3 parts"},
           {[](TinyGguf& t) { t.file.tensor("extra", {1}, kF32, "1234"); },
            "tensor \"extra\" is not one of a llama model"},
           {[](TinyGguf& t) {
              t.file.tensor("blk.0.attn_q.bias", {4}, kF32, std::string(16, 'x'));
            },
            "\"blk.0.attn_q.bias\" is [4], but the metadata makes it [64]"},
       }) {
    TempFolder folder;
    TinyGguf tiny;
    tiny.make();
    bad.change(tiny);
    expect_error([&] { convert_file(folder, tiny.file); }, bad.complaint);
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
}

TEST(ConvertGguf, RefusesOtherArchitecturesByName) {
  TempFolder folder;
  testing::GgufBuilder file;
  expect_error([&] { convert_file(folder, file); }, "the architecture (none is named)");
  file.set("general.architecture", "falcon");
  expect_error([&] { convert_file(folder, file); }, "\"falcon\" is not supported");
  testing::GgufBuilder empty;
  empty.set("general.architecture", "llama");
  expect_error([&] { convert_file(folder, empty); }, "no metadata \"llama.block_count\"");
  for (const char* key : {"block_count", "embedding_length", "feed_forward_length",
                          "attention.head_count", "context_length"}) {
    empty.set(std::string("llama.") + key, uint32_t{1});
  }
  expect_error([&] { convert_file(folder, empty); }, "layer_norm_rms_epsilon");
  empty.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  empty.set("llama.attention.key_length", uint32_t{2});
  empty.set("llama.attention.value_length", uint32_t{2});
  expect_error([&] { convert_file(folder, empty); }, "no tensor \"token_embd.weight\"");
}

}  // namespace
}  // namespace graft::convert
