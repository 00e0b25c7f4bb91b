#include "graft/tokenizer/sentencepiece_tokenizer.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/bpe_merges.h"

namespace graft::tokenizer {
namespace {

using Json = nlohmann::ordered_json;
using SpacePrefix = SentencePieceHints::SpacePrefix;

// What SentencePiece writes for a space.
constexpr std::string_view kSpace = "\u2581";

struct Spaces {
  SpacePrefix prefix;
  bool wanted;
};

void check_supported(const SentencePieceModel& model, const std::string& name) {
  if (model.kind != SentencePieceModel::Kind::bpe &&
      model.kind != SentencePieceModel::Kind::unigram) {
    fail("{}: trainer_spec.model_type {} is not supported; supported: 1 (Unigram), 2 (BPE)", name,
         static_cast<int32_t>(model.kind));
  }
  if (model.treat_whitespace_as_suffix) {
    fail("{}: trainer_spec.treat_whitespace_as_suffix is not supported", name);
  }
  if (!model.escape_whitespaces) {
    fail("{}: normalizer_spec.escape_whitespaces = false is not supported", name);
  }
}

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

// The best score first. Among equals, the longest left first, then the longest right, then in the
// order of ids.
void sort_by_score(std::vector<TokenSplit>& splits, const SentencePieceModel& model) {
  std::vector<int64_t> lengths;
  for (const SentencePieceModel::Piece& piece : model.pieces)
    lengths.push_back(characters_in(piece.text));
  auto key = [&](const TokenSplit& split) {
    auto length = [&](int32_t id) { return lengths[static_cast<size_t>(id)]; };
    return std::tuple(-model.pieces[static_cast<size_t>(split.result)].score, -length(split.left),
                      -length(split.right), split.result, split.left, split.right);
  };
  std::sort(splits.begin(), splits.end(),
            [&](const TokenSplit& a, const TokenSplit& b) { return key(a) < key(b); });
}

Json normalizer_json(const SentencePieceModel& model, const Spaces& spaces) {
  std::vector<Json> steps;
  if (!model.precompiled_charsmap.empty()) {
    steps.push_back({{"type", "Precompiled"},
                     {"precompiled_charsmap", base64_encode(model.precompiled_charsmap)}});
  }
  if (model.remove_extra_whitespaces) {
    steps.push_back(replace_json({{"Regex", " {2,}"}}, " "));
    steps.push_back(replace_json({{"Regex", "\\A | \\z"}}, ""));
  }
  if (spaces.prefix == SpacePrefix::sentencepiece) {
    if (spaces.wanted) steps.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
    steps.push_back(replace_json({{"String", " "}}, kSpace));
  }
  return sequence_json("normalizers", std::move(steps));
}

// Whether a text can be cut into words, each with the space before it, without changing its pieces.
bool cuts_at_spaces(const SentencePieceModel& model) {
  bool has_space = false;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.text.find(kSpace, 1) != std::string::npos) return false;
    has_space = has_space || piece.text == kSpace;
  }
  // Otherwise unknown characters on both sides of a space would be one unknown piece.
  return has_space;
}

Json pre_tokenizer_json(const SentencePieceModel& model, const Spaces& spaces) {
  // A BPE tokenizer makes such cuts by itself.
  bool split = model.kind == SentencePieceModel::Kind::unigram && cuts_at_spaces(model);
  std::string_view scheme = "never";
  if (spaces.prefix == SpacePrefix::sentencepiece) {
    if (!split) return nullptr;
  } else if (spaces.wanted) {
    scheme = spaces.prefix == SpacePrefix::each_part ? "always" : "first";
  }
  return {
      {"type", "Metaspace"}, {"replacement", kSpace}, {"prepend_scheme", scheme}, {"split", split}};
}

Json decoder_json(const SentencePieceModel& model, bool prefix) {
  std::vector<Json> steps = {replace_json({{"String", kSpace}}, " ")};
  if (model.byte_fallback) steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (prefix) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return sequence_json("decoders", std::move(steps));
}

Json bpe_json(const SentencePieceModel& model, Json merges) {
  Json::object_t vocabulary;
  vocabulary.reserve(model.pieces.size());
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    // push_back, not operator[]: an ordered object looks up keys by linear search.
    vocabulary.push_back({model.pieces[id].text, id});
  }
  Json json = bpe_model_json(std::move(vocabulary), std::move(merges));
  if (model.unk_id) json["unk_token"] = model.pieces[static_cast<size_t>(*model.unk_id)].text;
  json["fuse_unk"] = true;
  json["byte_fallback"] = model.byte_fallback;
  return json;
}

Json unigram_json(const SentencePieceModel& model) {
  Json::array_t vocabulary;
  vocabulary.reserve(model.pieces.size());
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    vocabulary.push_back(Json::array({piece.text, piece.score}));
  }
  Json json = {{"type", "Unigram"},
               {"unk_id", model.unk_id ? Json(*model.unk_id) : Json(nullptr)},
               {"byte_fallback", model.byte_fallback}};
  json["vocab"] = std::move(vocabulary);
  return json;
}

void check_distinct(const SentencePieceModel& model, const std::string& name) {
  std::unordered_set<std::string_view> seen;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const std::string& text = model.pieces[id].text;
    if (!seen.insert(text).second) {
      fail("{}: piece {} is the same as another: {}", name, id, io::in_quotes(text));
    }
  }
}

std::optional<TokenizerParts::Named> named(const SentencePieceModel& model,
                                           std::optional<int32_t> id) {
  if (!id) return std::nullopt;
  return TokenizerParts::Named{model.pieces[static_cast<size_t>(*id)].text, *id};
}

bool is_added(std::string_view kind, std::optional<bool> wanted, std::optional<int32_t> id,
              const std::string& name) {
  if (wanted.value_or(false) && !id) {
    fail("{}: {} is to be added to every text, but there is no such token", name, kind);
  }
  return wanted.value_or(false);
}

std::vector<AddedToken> added_tokens(const SentencePieceModel& model) {
  std::vector<AddedToken> added;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    int32_t id = static_cast<int32_t>(i);
    // A piece of another type may also be BOS, EOS and so on; it is then found in text like any
    // special token.
    bool special = piece.type == SentencePieceModel::Type::control ||
                   piece.type == SentencePieceModel::Type::unknown || id == model.unk_id ||
                   id == model.bos_id || id == model.eos_id || id == model.pad_id;
    if (!special && piece.type != SentencePieceModel::Type::user_defined) continue;
    added.push_back({.id = id, .content = piece.text, .special = special});
  }
  return added;
}

}  // namespace

Json sentencepiece_merges(const SentencePieceModel& model, SentencePieceHints::MergeOrder order,
                          const std::string& name) {
  std::vector<std::string_view> texts;
  texts.reserve(model.pieces.size());
  for (const SentencePieceModel::Piece& piece : model.pieces) texts.push_back(piece.text);
  std::vector<TokenSplit> splits = find_token_splits(texts, name);
  if (order == SentencePieceHints::MergeOrder::by_score) sort_by_score(splits, model);
  return merges_json(splits, texts);
}

TokenizerParts sentencepiece_parts(const SentencePieceModel& model, Json merges,
                                   const SentencePieceHints& hints, const std::string& name) {
  check_supported(model, name);
  check_distinct(model, name);
  Spaces spaces{hints.space_prefix, hints.add_prefix_space.value_or(model.add_dummy_prefix)};
  bool bpe = model.kind == SentencePieceModel::Kind::bpe;
  TokenizerParts parts;
  parts.normalizer = normalizer_json(model, spaces);
  parts.pre_tokenizer = pre_tokenizer_json(model, spaces);
  parts.decoder = decoder_json(model, spaces.wanted);
  parts.model = bpe ? bpe_json(model, std::move(merges)) : unigram_json(model);
  parts.added = added_tokens(model);
  parts.unk = named(model, model.unk_id);
  parts.bos = named(model, model.bos_id);
  parts.eos = named(model, model.eos_id);
  parts.pad = named(model, model.pad_id);
  parts.add_bos = is_added("bos", hints.add_bos_token, model.bos_id, name);
  parts.add_eos = is_added("eos", hints.add_eos_token, model.eos_id, name);
  return parts;
}

TokenizerDocuments sentencepiece_tokenizer(const SentencePieceModel& model, const std::string& name,
                                           const SentencePieceHints& hints) {
  Json merges;
  if (model.kind == SentencePieceModel::Kind::bpe)
    merges = sentencepiece_merges(model, hints.merge_order, name);
  return make_tokenizer_documents(sentencepiece_parts(model, std::move(merges), hints, name));
}

}  // namespace graft::tokenizer
