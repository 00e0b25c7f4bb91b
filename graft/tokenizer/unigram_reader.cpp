#include "graft/tokenizer/unigram_reader.h"

#include <charconv>
#include <cmath>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/json_score.h"

namespace graft::tokenizer {
namespace {

double read_score(JsonReader& reader, bool exact, const std::string& where) {
  std::string_view text = reader.skip();
  double score = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), score);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(score)) {
    fail("{}: expected a score, found {}", where, text);
  }
  return exact ? score : json_score(text).value_or(score);
}

void read_piece(JsonReader& reader, bool exact, const std::string& where, UnigramModel& model) {
  auto id = static_cast<int32_t>(model.scores.size());
  std::string buffer;
  int part = 0;
  reader.array([&] {
    if (part == 0) {
      std::string_view piece = reader.string(buffer);
      if (!model.vocabulary.add(piece, id)) {
        fail("{}[{}]: {} is there twice", where, id, io::in_quotes(piece));
      }
    } else if (part == 1) {
      model.scores.push_back(read_score(reader, exact, fmt::format("{}[{}]", where, id)));
    } else {
      reader.skip();
    }
    ++part;
  });
  if (part != 2) fail("{}[{}]: expected a token and its score", where, id);
}

}  // namespace

UnigramModel read_unigram_model(const ModelFields& fields, Spelling spelling) {
  const PutOff& pieces = fields.vocabulary;
  JsonField options(fields.options, fields.name, "model");
  if (spelling == Spelling::byte_level) {
    fail("{}: model: a Unigram model with a ByteLevel pre-tokenizer is not supported", fields.name);
  }
  check_put_off(pieces, '[', static_cast<size_t>(kMostTokens), "tokens");
  UnigramModel model;
  model.vocabulary.reserve(pieces.entries(), pieces.json.text.size() / 2);
  JsonReader reader = pieces.reader();
  reader.array([&] { read_piece(reader, fields.exact_scores, pieces.where, model); });
  auto count = static_cast<int64_t>(model.scores.size());
  if (count == 0) fail("{}: is empty", pieces.where);
  model.unknown_id = static_cast<int32_t>(options.at("unk_id").integer(0, count - 1));
  model.byte_fallback = options.boolean_or("byte_fallback", false);
  return model;
}

}  // namespace graft::tokenizer
