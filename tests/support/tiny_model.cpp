#include "tests/support/tiny_model.h"

#include <mlx/ops.h>
#include <mlx/random.h>

#include <map>

#include "graft/base/atomic_file.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/tokenizer/byte_level.h"

namespace graft::testing {
namespace {

constexpr int kLayers = 2;

json tokenizer_json() {
  json vocab = json::object();
  for (int byte = 0; byte < 256; ++byte)
    vocab[tokenizer::spelling_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  vocab["<s>"] = 256;
  vocab["</s>"] = 257;
  vocab["th"] = 258;
  vocab["the"] = 259;
  auto special = [](const char* text, int id) {
    return json{{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {special("<s>", 256), special("</s>", 257)}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "ByteLevel"},
            {"add_prefix_space", true},
            {"trim_offsets", true},
            {"use_regex", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocab},
            {"merges", {"t h", "th e"}}}}};
}

}  // namespace

void write_tiny_model(const fs::path& folder, int seed, int hidden, int vocab) {
  namespace mx = mlx::core;
  fs::create_directories(folder);
  constexpr int feed_forward = 64;
  json config = {{"model_type", "llama"},
                 {"architectures", {"LlamaForCausalLM"}},
                 {"hidden_size", hidden},
                 {"num_hidden_layers", kLayers},
                 {"intermediate_size", feed_forward},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"vocab_size", vocab},
                 {"rms_norm_eps", 1e-5},
                 {"rope_theta", 10000.0},
                 {"max_position_embeddings", 512},
                 {"tie_word_embeddings", true},
                 {"torch_dtype", "float32"},
                 {"bos_token_id", 256},
                 {"eos_token_id", 257}};
  write_text(folder / "config.json", config.dump(2));
  write_text(folder / "tokenizer.json", tokenizer_json().dump());
  write_text(folder / "tokenizer_config.json", json{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                                    {"eos_token", "</s>"},
                                                    {"bos_token", "<s>"}}
                                                   .dump());

  mx::random::seed(static_cast<uint64_t>(seed));
  std::map<std::string, mx::array> tensors;
  auto matrix = [&](const std::string& name, int out, int in) {
    tensors.insert({name, mx::multiply(mx::random::normal({out, in}), mx::array(0.15f))});
  };
  auto ones = [&](const std::string& name) { tensors.insert({name, mx::ones({hidden})}); };
  matrix("model.embed_tokens.weight", vocab, hidden);
  ones("model.norm.weight");
  for (int i = 0; i < kLayers; ++i) {
    std::string at = "model.layers." + std::to_string(i) + ".";
    ones(at + "input_layernorm.weight");
    ones(at + "post_attention_layernorm.weight");
    matrix(at + "self_attn.q_proj.weight", hidden, hidden);
    matrix(at + "self_attn.k_proj.weight", hidden / 2, hidden);
    matrix(at + "self_attn.v_proj.weight", hidden / 2, hidden);
    matrix(at + "self_attn.o_proj.weight", hidden, hidden);
    matrix(at + "mlp.gate_proj.weight", feed_forward, hidden);
    matrix(at + "mlp.up_proj.weight", feed_forward, hidden);
    matrix(at + "mlp.down_proj.weight", hidden, feed_forward);
  }
  io::save_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
}

void write_tiny_data(const fs::path& folder) {
  fs::create_directories(folder);
  for (const char* split : {"train", "valid", "test"}) {
    std::string lines;
    for (int i = 0; i < 12; ++i) {
      lines += json{{"text", "the number " + std::to_string(i) + " comes before the number " +
                                 std::to_string(i + 1)},
                    {"other", i}}
                   .dump() +
               "\n";
    }
    write_text(folder / (std::string(split) + ".jsonl"), lines);
  }
}

}  // namespace graft::testing
