#include "graft/gguf/pipeline.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::gguf {
namespace {

using tokenizer::Bpe;
using tokenizer::GgufPreTokenizer;
using tokenizer::NormalForm;
using tokenizer::Normalizer;
using tokenizer::PreTokenizer;
using tokenizer::Replacement;
using tokenizer::SplitBehavior;
using tokenizer::Splitter;
using SpacePrefix = tokenizer::SentencePieceHints::SpacePrefix;

constexpr std::string_view kSpaceSign = "\u2581";

struct StepName {
  std::string operator()(NormalForm form) const {
    return form == NormalForm::nfc    ? "NFC"
           : form == NormalForm::nfd  ? "NFD"
           : form == NormalForm::nfkc ? "NFKC"
                                      : "NFKD";
  }
  std::string operator()(const Normalizer::Prepend& step) const {
    return "Prepend " + io::in_quotes(step.text);
  }
  std::string operator()(const Replacement& step) const {
    return "Replace by " + io::in_quotes(step.content());
  }
  std::string operator()(const Normalizer::Strip&) const { return "Strip"; }
  std::string operator()(const Normalizer::Lowercase&) const { return "Lowercase"; }
  std::string operator()(const tokenizer::Charsmap&) const { return "Precompiled"; }
};

[[noreturn]] void refuse(const Normalizer::Step& step, const std::string& name) {
  fail("{}: a GGUF file cannot hold its normalizer: {}", name, std::visit(StepName{}, step));
}

void note_nfc(const std::string& name, FrontEnd& front_end) {
  front_end.note(
      "{}: brings text to the normal form NFC first, which llama.cpp does not do: characters that "
      "are written with combining marks become other tokens there",
      name);
}

// The names that models of a type have in files of others.
std::string_view usual_name(const std::string& model_type) {
  if (model_type == "starcoder2") return "starcoder";
  if (model_type == "granite") return "refact";
  if (model_type == "phi") return "phi-2";
  return "";
}

std::string all_of(const std::vector<std::string>& patterns) {
  std::string text;
  for (const std::string& pattern : patterns) {
    text += (text.empty() ? "" : ", then ") + io::in_quotes(pattern);
  }
  return text.empty() ? "none" : text;
}

bool is_in_utf8(int byte) { return byte != 0xC0 && byte != 0xC1 && byte < 0xF5; }

// Bytes without a token: llama.cpp leaves them out, but does not join what stands around them.
void check_bytes(const Bpe& bpe, const std::string& name, FrontEnd& front_end) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (!is_in_utf8(byte) || bpe.model().vocabulary.find_bytes({&c, 1}) >= 0) continue;
    if (bpe.model().unknown_id) {
      fail("{}: a GGUF file cannot hold its unknown token, which stands for the byte {:#04x}", name,
           byte);
    }
    return front_end.note(
        "{}: has no token for the byte {:#04x}, and perhaps for others: what stands around "
        "characters with such bytes may become other tokens in llama.cpp",
        name, byte);
  }
}

bool replaces_spaces(const Normalizer::Step& step) {
  const auto* replacement = std::get_if<Replacement>(&step);
  if (replacement == nullptr || replacement->content() != kSpaceSign) return false;
  const auto* literal = std::get_if<std::string>(&replacement->pattern());
  return literal != nullptr && *literal == " ";
}

// A word for each part that begins with a space: no matter where no token has one further on.
bool cuts_before_spaces(const PreTokenizer::Step& step) {
  const auto* splitter = std::get_if<Splitter>(&step);
  const auto* literal =
      splitter == nullptr ? nullptr : std::get_if<std::string>(&splitter->pattern());
  return literal != nullptr && *literal == kSpaceSign && !splitter->inverts() &&
         splitter->behavior() == SplitBehavior::merged_with_next;
}

// Gemma's, after its normalizer has left no space.
bool cuts_at_plain_spaces(const PreTokenizer::Step& step) {
  const auto* splitter = std::get_if<Splitter>(&step);
  const auto* literal =
      splitter == nullptr ? nullptr : std::get_if<std::string>(&splitter->pattern());
  return literal != nullptr && *literal == " ";
}

bool has_inner_space(const tokenizer::Vocabulary& vocabulary) {
  for (int32_t id = 0; static_cast<size_t>(id) < vocabulary.id_limit(); ++id) {
    if (vocabulary.bytes(id).find(kSpaceSign, 1) != std::string_view::npos) return true;
  }
  return false;
}

std::optional<SpacePrefix> prefix_of(const PreTokenizer::Metaspace& metaspace,
                                     const std::string& name, FrontEnd& front_end) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  if (metaspace.prepend == Prepend::never) return std::nullopt;
  const bool first = metaspace.prepend == Prepend::first;
  front_end.note(
      "{}: puts no space before a text that begins with one{}, where llama.cpp puts one, as older "
      "tokenizers of this kind do",
      name, first ? " or after a special token" : "");
  return first ? SpacePrefix::text_start : SpacePrefix::each_part;
}

void check_byte_fallback(const Bpe& bpe, const std::string& name) {
  const auto& [vocabulary, merges, unknown, fuse, byte_fallback, ignore_merges] = bpe.model();
  if (!byte_fallback) {
    fail(
        "{}: a GGUF file cannot hold a BPE of characters without `byte_fallback`; with it, or with "
        "a byte-level pre-tokenizer, it could",
        name);
  }
  if (ignore_merges) fail("{}: a GGUF file cannot hold its `ignore_merges`", name);
  for (int byte = 0; byte < 256; ++byte) {
    const std::string plain(1, static_cast<char>(byte));
    if (vocabulary.find_spelling(fmt::format("<0x{:02X}>", byte))) continue;
    if (byte < 0x80 && vocabulary.find_spelling(plain)) continue;
    fail("{}: a GGUF file cannot hold its vocabulary, which lacks the token <0x{:02X}>", name,
         byte);
  }
}

}  // namespace

const GgufPreTokenizer& pre_tokenizer_of(const tokenizer::ResolvedTokenizer& tokenizer,
                                         const std::string& model_type, const std::string& name,
                                         FrontEnd& front_end) {
  const Bpe& bpe = *tokenizer.spec.model.bpe();
  bool nfc = false;
  for (const Normalizer::Step& step : tokenizer.spec.normalizer.steps()) {
    const auto* form = std::get_if<NormalForm>(&step);
    if (form == nullptr || *form != NormalForm::nfc) refuse(step, name);
    nfc = true;
  }
  const auto patterns = tokenizer::split_patterns(tokenizer.spec.pre_tokenizer);
  if (!patterns) {
    fail(
        "{}: a GGUF file cannot hold its pre-tokenizer, which does more than cut at regular "
        "expressions",
        name);
  }
  std::vector<const GgufPreTokenizer*> fitting;
  for (const GgufPreTokenizer& known : tokenizer::gguf_pre_tokenizers()) {
    if (std::equal(patterns->begin(), patterns->end(), known.patterns.begin(),
                   known.patterns.end())) {
      fitting.push_back(&known);
    }
  }
  if (fitting.empty()) {
    fail("{}: llama.cpp has no name for its pre-tokenizer, which cuts at {}", name,
         all_of(*patterns));
  }
  check_bytes(bpe, name, front_end);
  const bool ignores = bpe.model().ignore_merges;
  const auto ranking = [&](const GgufPreTokenizer* known) {
    return std::tuple(known->ignore_merges == ignores, known->name == usual_name(model_type),
                      known->nfc == nfc);
  };
  const GgufPreTokenizer& best = **std::max_element(
      fitting.begin(), fitting.end(), [&](auto* a, auto* b) { return ranking(a) < ranking(b); });
  if (best.ignore_merges != ignores && !tokenizer::merges_make_every_token(bpe)) {
    fail(
        "{}: llama.cpp has no name for its pre-tokenizer with `ignore_merges` {}, which cuts at {}",
        name, ignores, all_of(*patterns));
  }
  if (nfc) note_nfc(name, front_end);
  if (best.is_rough) {
    front_end.note(
        "{}: cuts words by upper and lower case, which llama.cpp tells from A to Z only: words "
        "with "
        "other letters may become other tokens there",
        name);
  }
  return best;
}

std::optional<SpacePrefix> space_prefix_of(const tokenizer::ResolvedTokenizer& tokenizer,
                                           const std::string& name, FrontEnd& front_end) {
  const Bpe& bpe = *tokenizer.spec.model.bpe();
  check_byte_fallback(bpe, name);
  std::optional<SpacePrefix> prefix;
  bool escapes = false;
  for (const Normalizer::Step& step : tokenizer.spec.normalizer.steps()) {
    const auto* prepend = std::get_if<Normalizer::Prepend>(&step);
    if (replaces_spaces(step)) {
      escapes = true;
    } else if (prepend != nullptr && (prepend->text == kSpaceSign || prepend->text == " ") &&
               !prefix && !escapes) {
      prefix = SpacePrefix::sentencepiece;
    } else {
      refuse(step, name);
    }
  }
  for (const PreTokenizer::Step& step : tokenizer.spec.pre_tokenizer.steps()) {
    const auto* metaspace = std::get_if<PreTokenizer::Metaspace>(&step);
    if (metaspace != nullptr && metaspace->replacement == kSpaceSign && !prefix) {
      escapes = true;
      prefix = prefix_of(*metaspace, name, front_end);
      continue;
    }
    const bool no_matter = (escapes && cuts_at_plain_spaces(step)) ||
                           (cuts_before_spaces(step) && !has_inner_space(bpe.model().vocabulary));
    if (!no_matter) {
      fail("{}: a GGUF file cannot hold its pre-tokenizer, which cuts text into words", name);
    }
  }
  if (!escapes) fail("{}: a GGUF file cannot hold its spaces, which are not spelled U+2581", name);
  return prefix;
}

}  // namespace graft::gguf
