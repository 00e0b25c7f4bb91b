#include "graft/io/gguf_keys.h"

#include <stdexcept>

#include "graft/io/gguf_bytes.h"

namespace graft::io {

std::string& GgufKeys::pair(std::string_view key, GgufValueType type) {
  if (closed_) throw std::logic_error("metadata after tensors");
  ++pair_count_;
  put_gguf_text(pairs_, key);
  put_gguf(pairs_, static_cast<uint32_t>(type));
  return pairs_;
}

template <class Number>
void GgufKeys::array(std::string_view key, GgufValueType type, const std::vector<Number>& numbers) {
  std::string& bytes = pair(key, GgufValueType::array);
  put_gguf(bytes, static_cast<uint32_t>(type));
  put_gguf<uint64_t>(bytes, numbers.size());
  for (const Number number : numbers) put_gguf(bytes, number);
}

void GgufKeys::set(std::string_view key, std::string_view text) {
  put_gguf_text(pair(key, GgufValueType::text), text);
}

void GgufKeys::set(std::string_view key, uint32_t number) {
  put_gguf(pair(key, GgufValueType::u32), number);
}

void GgufKeys::set(std::string_view key, int32_t number) {
  put_gguf(pair(key, GgufValueType::i32), number);
}

void GgufKeys::set(std::string_view key, float number) {
  put_gguf(pair(key, GgufValueType::f32), number);
}

void GgufKeys::set(std::string_view key, bool flag) {
  put_gguf<uint8_t>(pair(key, GgufValueType::boolean), flag ? 1 : 0);
}

void GgufKeys::set(std::string_view key, const std::vector<std::string>& texts) {
  std::string& bytes = pair(key, GgufValueType::array);
  put_gguf(bytes, static_cast<uint32_t>(GgufValueType::text));
  put_gguf<uint64_t>(bytes, texts.size());
  for (const std::string& text : texts) put_gguf_text(bytes, text);
}

void GgufKeys::set(std::string_view key, const std::vector<int32_t>& numbers) {
  array(key, GgufValueType::i32, numbers);
}

void GgufKeys::set(std::string_view key, const std::vector<uint32_t>& numbers) {
  array(key, GgufValueType::u32, numbers);
}

void GgufKeys::set(std::string_view key, const std::vector<float>& numbers) {
  array(key, GgufValueType::f32, numbers);
}

void GgufKeys::set(std::string_view key, const std::vector<bool>& flags) {
  array(key, GgufValueType::boolean, std::vector<uint8_t>(flags.begin(), flags.end()));
}

}  // namespace graft::io
