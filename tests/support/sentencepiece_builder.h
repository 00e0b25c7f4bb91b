#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace graft::testing {

/// Writes protobuf messages, field by field.
class ProtobufBuilder {
 public:
  ProtobufBuilder& varint(uint32_t field, uint64_t value) {
    number(uint64_t{field} << 3);
    number(value);
    return *this;
  }
  ProtobufBuilder& bytes(uint32_t field, std::string_view value) {
    number(uint64_t{field} << 3 | 2);
    number(value.size());
    text_ += value;
    return *this;
  }
  ProtobufBuilder& float32(uint32_t field, float value) {
    number(uint64_t{field} << 3 | 5);
    uint32_t bits = std::bit_cast<uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8)
      text_ += static_cast<char>(bits >> shift & 0xFF);
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>((value & 0x7F) | 0x80);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

/// Writes SentencePiece models. The numbers of types and fields are those of
/// sentencepiece_model.proto.
class SentencePieceBuilder {
 public:
  SentencePieceBuilder& piece(std::string_view text, float score = 0, uint64_t type = 1) {
    ProtobufBuilder piece;
    piece.bytes(1, text).float32(2, score);
    if (type != 1) piece.varint(3, type);
    model_.bytes(1, piece.text());
    return *this;
  }
  /// <unk>, <s> and </s>, as most models have them.
  SentencePieceBuilder& usual_specials() {
    return piece("<unk>", 0, 2).piece("<s>", 0, 3).piece("</s>", 0, 3);
  }

  ProtobufBuilder trainer{}, normalizer{};

  std::string build() const {
    ProtobufBuilder model = model_;
    return model.bytes(2, trainer.text()).bytes(3, normalizer.text()).text();
  }

 private:
  ProtobufBuilder model_;
};

}  // namespace graft::testing
