#pragma once

#include <mlx/mlx.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/gguf_builder.h"

namespace graft::testing {

namespace mx = mlx::core;

/// A small llama model as a GGUF file, and the numbers that it stands for under their checkpoint
/// names, Q and K in the checkpoint's order of rows.
struct TinyGguf {
  int hidden = 64, inner = 96, heads = 2, kv_heads = 1, head_dim = 32, vocab = 64, layers = 2;
  /// Of a layer's matrices, in turn; embedding and head have Q8_0.
  std::vector<io::GgufTensorType> types{io::GgufTensorType::q4_1, io::GgufTensorType::q4_0,
                                        io::GgufTensorType::q8_0, io::GgufTensorType::f16,
                                        io::GgufTensorType::bf16, io::GgufTensorType::f32};
  bool head = true;
  float largest_scale = 0.1f;
  GgufBuilder file;
  std::map<std::string, std::vector<float>> expected;

  void make() {
    auto u32 = [](int value) { return static_cast<uint32_t>(value); };
    file.set("general.architecture", "llama");
    file.set("llama.block_count", u32(layers)).set("llama.embedding_length", u32(hidden));
    file.set("llama.feed_forward_length", u32(inner)).set("llama.context_length", u32(256));
    file.set("llama.attention.head_count", u32(heads));
    file.set("llama.attention.head_count_kv", u32(kv_heads));
    file.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.set("llama.rope.freq_base", 500000.0f);
    file.set("tokenizer.ggml.bos_token_id", u32(1)).set("tokenizer.ggml.eos_token_id", u32(2));
    tokenizer();
    matrix("token_embd", "model.embed_tokens", vocab, hidden, io::GgufTensorType::q8_0);
    norm("output_norm", "model.norm");
    if (head) matrix("output", "lm_head", vocab, hidden, io::GgufTensorType::q8_0);
    for (int i = 0; i < layers; ++i) {
      std::string from = "blk." + std::to_string(i) + ".";
      std::string to = "model.layers." + std::to_string(i) + ".";
      norm(from + "attn_norm", to + "input_layernorm");
      norm(from + "ffn_norm", to + "post_attention_layernorm");
      matrix(from + "attn_q", to + "self_attn.q_proj", heads * head_dim, hidden, next(), true);
      matrix(from + "attn_k", to + "self_attn.k_proj", kv_heads * head_dim, hidden, next(), true);
      matrix(from + "attn_v", to + "self_attn.v_proj", kv_heads * head_dim, hidden, next());
      matrix(from + "attn_output", to + "self_attn.o_proj", hidden, heads * head_dim, next());
      matrix(from + "ffn_gate", to + "mlp.gate_proj", inner, hidden, next());
      matrix(from + "ffn_up", to + "mlp.up_proj", inner, hidden, next());
      matrix(from + "ffn_down", to + "mlp.down_proj", hidden, inner, next());
    }
  }

  /// Tokens '!', '"', '#', ... and, as the last, the first two together.
  void tokenizer() {
    std::vector<std::string> tokens;
    for (int i = 0; i < vocab; ++i) tokens.emplace_back(1, static_cast<char>('!' + i));
    file.set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.pre", "smollm");
    tokens.back() = "!\"";
    file.set("tokenizer.ggml.tokens", tokens);
    file.set("tokenizer.ggml.merges", std::vector<std::string>{"! \""});
    file.set("tokenizer.ggml.token_type", std::vector<int32_t>(tokens.size(), 1));
  }

  void norm(const std::string& gguf, const std::string& checkpoint) {
    std::vector<float> values;
    std::string bytes;
    for (int i = 0; i < hidden; ++i) append(io::GgufTensorType::f32, bytes, values);
    file.tensor(gguf + ".weight", {static_cast<uint64_t>(hidden)}, io::GgufTensorType::f32, bytes);
    expected[checkpoint + ".weight"] = values;
  }

  void matrix(const std::string& gguf, const std::string& checkpoint, int rows, int width,
              io::GgufTensorType type, bool permuted = false) {
    std::vector<std::string> stored(static_cast<size_t>(rows));
    std::vector<float> all;
    for (int row = 0; row < rows; ++row) {
      std::vector<float> values;
      std::string bytes;
      while (values.size() < static_cast<size_t>(width)) append(type, bytes, values);
      all.insert(all.end(), values.begin(), values.end());
      stored[static_cast<size_t>(permuted ? place(row) : row)] = bytes;
    }
    std::string bytes;
    for (const std::string& row : stored) bytes += row;
    file.tensor(gguf + ".weight", {static_cast<uint64_t>(width), static_cast<uint64_t>(rows)}, type,
                bytes);
    expected[checkpoint + ".weight"] = all;
  }

 private:
  io::GgufTensorType next() { return types[turn_++ % types.size()]; }

  // Where a checkpoint's row of Q or K stands: halves of a head are interleaved.
  int place(int row) const {
    int head_start = row / head_dim * head_dim, inside = row % head_dim, half = head_dim / 2;
    return inside < half ? head_start + 2 * inside : head_start + 2 * (inside - half) + 1;
  }

  float f16(std::string& bytes) {
    float value = std::uniform_real_distribution<float>(-largest_scale, largest_scale)(random_);
    auto rounded = static_cast<mx::float16_t>(value);
    bytes.append(reinterpret_cast<const char*>(&rounded), sizeof rounded);
    return static_cast<float>(rounded);
  }

  // One block, or one number.
  void append(io::GgufTensorType type, std::string& bytes, std::vector<float>& values) {
    if (type == io::GgufTensorType::f32) {
      values.push_back(std::normal_distribution<float>()(random_));
      bytes += GgufBuilder::raw(values.back());
    } else if (type == io::GgufTensorType::f16) {
      values.push_back(f16(bytes));
    } else if (type == io::GgufTensorType::bf16) {
      auto bits = static_cast<uint16_t>(0x3c00 + random_() % 0x300);
      uint32_t wide = uint32_t{bits} << 16;
      float value;
      std::memcpy(&value, &wide, sizeof value);
      values.push_back(value);
      bytes += GgufBuilder::raw(bits);
    } else {
      append_block(type, bytes, values);
    }
  }

  void append_block(io::GgufTensorType type, std::string& bytes, std::vector<float>& values) {
    float scale = f16(bytes);
    float minimum = type == io::GgufTensorType::q4_1 ? f16(bytes) : 0;
    if (type == io::GgufTensorType::q8_0) {
      for (int i = 0; i < 32; ++i) {
        auto number = static_cast<int8_t>(random_());
        values.push_back(scale * number);
        bytes += static_cast<char>(number);
      }
      return;
    }
    int zero = type == io::GgufTensorType::q4_0 ? 8 : 0;
    int numbers[32];
    for (int& number : numbers) {
      number = static_cast<int>(random_() % 16);
      float value = scale * static_cast<float>(number - zero);
      values.push_back(type == io::GgufTensorType::q4_1 ? value + minimum : value);
    }
    for (int i = 0; i < 16; ++i) bytes += static_cast<char>(numbers[i] | numbers[i + 16] << 4);
  }

  std::mt19937 random_{7};
  size_t turn_ = 0;
};

}  // namespace graft::testing
