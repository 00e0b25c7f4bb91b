#include "graft/tokenizer/sentencepiece_model.h"

#include <cmath>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/protobuf.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

// The numbers of the fields of ModelProto.
constexpr uint32_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3;

// The names of the special pieces (unk, bos, eos, pad), which the file gives apart from the pieces.
struct Parts {
  std::string bos = "<s>", eos = "</s>", pad = "<pad>";
};

SentencePieceModel::Piece read_piece(ProtobufReader reader) {
  SentencePieceModel::Piece piece;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        piece.text = reader.bytes();
        break;
      case 2:
        piece.score = reader.float32();
        break;
      case 3:
        piece.type = static_cast<SentencePieceModel::Type>(reader.int32());
        break;
      default:
        reader.skip();
    }
  }
  return piece;
}

void read_trainer_spec(ProtobufReader reader, SentencePieceModel& model, Parts& parts) {
  while (reader.next()) {
    switch (reader.field()) {
      case 3:
        model.kind = static_cast<SentencePieceModel::Kind>(reader.int32());
        break;
      case 24:
        model.treat_whitespace_as_suffix = reader.boolean();
        break;
      case 35:
        model.byte_fallback = reader.boolean();
        break;
      case 46:
        parts.bos = reader.bytes();
        break;
      case 47:
        parts.eos = reader.bytes();
        break;
      case 48:
        parts.pad = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
}

void read_normalizer_spec(ProtobufReader reader, SentencePieceModel& model) {
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        model.normalizer_name = reader.bytes();
        break;
      case 2:
        model.precompiled_charsmap = reader.bytes();
        break;
      case 3:
        model.add_dummy_prefix = reader.boolean();
        break;
      case 4:
        model.remove_extra_whitespaces = reader.boolean();
        break;
      case 5:
        model.escape_whitespaces = reader.boolean();
        break;
      default:
        reader.skip();
    }
  }
}

void check_piece(const SentencePieceModel::Piece& piece, size_t id, const std::string& name) {
  if (piece.text.empty()) fail("{}: piece {} is empty", name, id);
  if (unicode::valid_prefix(piece.text) != piece.text.size()) {
    fail("{}: piece {} is not valid UTF-8", name, id);
  }
  if (!std::isfinite(piece.score)) fail("{}: piece {} has score {}", name, id, piece.score);
  if (piece.type < SentencePieceModel::Type::normal ||
      piece.type > SentencePieceModel::Type::byte) {
    fail("{}: piece {} has type {}; types go from 1 to 6", name, id,
         static_cast<int32_t>(piece.type));
  }
}

// As SentencePiece finds them: the unknown piece by its type, the others by their names.
void find_parts(const Parts& parts, SentencePieceModel& model, const std::string& name) {
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    int32_t id = static_cast<int32_t>(i);
    if (piece.type == SentencePieceModel::Type::unknown) {
      if (model.unk_id) fail("{}: pieces {} and {} are both unknown", name, *model.unk_id, id);
      model.unk_id = id;
    } else if (piece.type == SentencePieceModel::Type::control) {
      if (piece.text == parts.bos) model.bos_id = id;
      if (piece.text == parts.eos) model.eos_id = id;
      if (piece.text == parts.pad) model.pad_id = id;
    }
  }
  if (!model.unk_id) fail("{}: has no unknown piece", name);
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& name) {
  SentencePieceModel model;
  Parts parts;
  ProtobufReader reader(bytes, name);
  while (reader.next()) {
    if (reader.field() == kPieces) {
      if (model.pieces.size() == static_cast<size_t>(kMostTokens)) {
        fail("{}: more than {} pieces", name, kMostTokens);
      }
      model.pieces.push_back(read_piece(reader.message()));
      check_piece(model.pieces.back(), model.pieces.size() - 1, name);
    } else if (reader.field() == kTrainerSpec) {
      read_trainer_spec(reader.message(), model, parts);
    } else if (reader.field() == kNormalizerSpec) {
      read_normalizer_spec(reader.message(), model);
    } else {
      reader.skip();
    }
  }
  if (model.pieces.empty()) fail("{}: has no pieces", name);
  find_parts(parts, model, name);
  return model;
}

bool looks_like_sentencepiece(std::string_view bytes) {
  try {
    ProtobufReader reader(bytes, "");
    if (!reader.next() || reader.field() != kPieces) return false;
    SentencePieceModel::Piece piece = read_piece(reader.message());
    return !piece.text.empty() && unicode::valid_prefix(piece.text) == piece.text.size();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace graft::tokenizer
