#include "graft/gguf/file_type.h"

#include <algorithm>

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;

constexpr FileType kFileTypes[] = {
    {"f32", Type::f32, 0},           {"f16", Type::f16, 1},    {"bf16", Type::bf16, 32},
    {"q8_0", Type::q8_0, 7},         {"q4_0", Type::q4_0, 2},  {"q4_1", Type::q4_1, 3},
    {"q5_0", Type::q5_0, 8},         {"q5_1", Type::q5_1, 9},  {"q4_k", Type::q4_k, 14},
    {"q5_k", Type::q5_k, 16},        {"q6_k", Type::q6_k, 18}, {"q4_k_m", Type::q4_k, 15, true},
    {"q5_k_m", Type::q5_k, 17, true}};

bool is_plain(Type type) { return io::block_of(type).elements == 1; }

// The first and last eighth of the layers, and each third of the others.
bool has_more_bits(int i, int n) { return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2; }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> layers) {
  return std::any_of(layers.begin(), layers.end(), [&](std::string_view layer) {
    return name.find("." + std::string(layer) + ".") != std::string_view::npos;
  });
}

}  // namespace

std::vector<std::string> file_type_names() {
  std::vector<std::string> names;
  for (const FileType& type : kFileTypes) names.emplace_back(type.name);
  return names;
}

const FileType* file_type(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFileTypes), std::end(kFileTypes),
                                   [&](const FileType& type) { return type.name == name; });
  return found == std::end(kFileTypes) ? nullptr : found;
}

const FileType& file_type_of(Type matrix) {
  return *std::find_if(std::begin(kFileTypes), std::end(kFileTypes),
                       [&](const FileType& type) { return type.matrix == matrix && !type.mixed; });
}

Type mixed_type(const FileType& file, const MatrixPlace& place, const MixModel& model) {
  const Type type = file.matrix;
  if (is_plain(type)) return type;
  const auto block = static_cast<int>(io::block_of(type).elements);
  if (place.is_head) {
    return place.width % block != 0 || type == Type::q8_0 ? Type::q8_0 : Type::q6_k;
  }
  const bool eight_experts = model.experts == 8;
  const bool more = file.mixed && has_more_bits(place.layer, model.layers);
  if (is_one_of(place.name, {"attn_v", "attn_qkv"})) {
    if (eight_experts) return Type::q8_0;
    if (more) return Type::q6_k;
    // Llama 2 70B and its like, and Qwen 2 72B: v is small there beside the rest.
    const bool seventy =
        model.layers == 80 &&
        ((model.architecture == "llama" && model.grouped_queries) || model.architecture == "qwen2");
    return seventy && file.mixed && type == Type::q4_k ? Type::q5_k : type;
  }
  if (is_one_of(place.name, {"attn_k"}) && eight_experts) return Type::q8_0;
  if (is_one_of(place.name, {"ffn_down", "ffn_down_exps"}) && more) return Type::q6_k;
  if (is_one_of(place.name, {"attn_output"}) && eight_experts && file.mixed && type == Type::q4_k) {
    return Type::q5_k;
  }
  return type;
}

Type fitting_type(Type type, int width) {
  const auto divides = [&](Type one) {
    return width % static_cast<int>(io::block_of(one).elements) == 0;
  };
  if (divides(type)) return type;
  const Type smaller = type == Type::q4_k   ? Type::q5_0
                       : type == Type::q5_k ? Type::q5_1
                       : type == Type::q6_k ? Type::q8_0
                                            : type;
  return divides(smaller) ? smaller : Type::f16;
}

}  // namespace graft::gguf
