#include "graft/tokenizer/tokenizer.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/thread_pool.h"
#include "graft/base/threads.h"
#include "graft/tokenizer/byte_level.h"
#include "graft/tokenizer/resolved_tokenizer.h"
#include "graft/tokenizer/span_trace.h"
#include "graft/tokenizer/tokenizer_spec.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

// What one call of encode needs; kept between calls, for its word cache most of all.
struct EncodeState {
  Model::Workspace workspace;
  PreTokenizer::Words words;
  std::vector<AddedTokenMatcher::Piece> pieces, normalized_pieces;
  std::string replaced, normalized;
  Origins origins;  // of `normalized`, where they are asked for
  std::vector<int32_t> ids;
  SpanTrace trace;
};

// In place of a SpanTrace where nobody asks for spans.
struct NoTrace {
  void begin_text(std::string_view, const PostProcessor&, size_t) {}
  void end_text(size_t) {}
  void add_token(Span) {}
  void begin_piece(Span) {}
  std::string normalize(const Normalizer& normalizer, std::string_view piece, Origins* origins) {
    return normalizer.apply(piece, origins);
  }
  void add_normalized_token(std::string_view, Span) {}
  void split(const PreTokenizer& pre_tokenizer, std::string_view stretch, size_t, size_t beginning,
             PreTokenizer::Words& words) {
    pre_tokenizer.split(stretch, beginning, words);
  }
  void encode(const Model& model, const PreTokenizer::Words& words, Model::Workspace& workspace,
              std::vector<int32_t>& ids) {
    model.encode(words, workspace, ids);
  }
};

// States that no thread is using.
class StatePool {
 public:
  std::unique_ptr<EncodeState> take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<EncodeState>();
    std::unique_ptr<EncodeState> state = std::move(free_.back());
    free_.pop_back();
    return state;
  }

  // A state that a huge text has enlarged is not kept.
  void give_back(std::unique_ptr<EncodeState> state) {
    const size_t capacity = state->ids.capacity() + state->words.spans.capacity() +
                            state->trace.capacity() + state->origins.capacity();
    if (capacity > kMostKept) return;
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(state));
  }

 private:
  static constexpr size_t kMostKept = 1 << 20;

  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeState>> free_;
};

// The bytes at the beginning of a changed text that come from the first `size` bytes of the text
// before. What has no origin is at the beginning, too.
size_t bytes_of_beginning(const Origins& origins, size_t size) {
  const auto comes_later = [&](size_t origin) { return origin != kNoOrigin && origin >= size; };
  return static_cast<size_t>(std::find_if(origins.begin(), origins.end(), comes_later) -
                             origins.begin());
}

AddedTokenMatcher matcher_of(const std::vector<AddedToken>& tokens, bool normalized,
                             const Normalizer& normalizer) {
  std::vector<AddedToken> chosen;
  std::vector<std::string> patterns;
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    patterns.push_back(normalized ? normalizer.apply(token.content) : token.content);
  }
  return {std::move(chosen), patterns};
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec spec)
      : model(std::move(spec.model)),
        decoder(std::move(spec.decoder)),
        normalizer(std::move(spec.normalizer)),
        pre_tokenizer(std::move(spec.pre_tokenizer)),
        matcher(matcher_of(spec.added.tokens(), false, normalizer)),
        normalized_matcher(matcher_of(spec.added.tokens(), true, normalizer)),
        post(std::move(spec.post_processor)) {
    size = vocabulary().id_limit();
    for (const AddedToken& token : spec.added.tokens()) {
      size = std::max(size, static_cast<size_t>(token.id) + 1);
      added_ids[token.content] = token.id;
      added_pieces[token.id] = piece_of(token.content);
      if (token.special) special.insert({token.id, true});
    }
  }

  const Vocabulary& vocabulary() const { return model.vocabulary(); }

  // As the byte-level decoder sees it: characters of its alphabet are bytes here too.
  std::string piece_of(const std::string& content) const {
    if (vocabulary().spelling() == Spelling::literal) return content;
    return bytes_of_spelling(content).value_or(content);
  }

  // The tokens of a text, in state.ids.
  void encode(std::string_view text, EncodeOptions options, EncodeState& state) const {
    if (unicode::valid_prefix(text) != text.size()) {
      state.replaced = unicode::replace_invalid(text);
      text = state.replaced;
    }
    encode_valid(text, options, state, NoTrace());
  }

  // The same with their spans, in state.trace.
  void encode_with_spans(std::string_view text, EncodeOptions options, EncodeState& state) const {
    if (size_t valid = unicode::valid_prefix(text); valid != text.size()) {
      fail("a text whose tokens' spans are asked for: byte {} is not valid UTF-8", valid);
    }
    encode_valid<SpanTrace&>(text, options, state, state.trace);
  }

  template <class Trace>
  void encode_valid(std::string_view text, EncodeOptions options, EncodeState& state,
                    Trace&& trace) const {
    state.ids.clear();
    if (options.add_special_tokens) state.ids = post.prefix;
    trace.begin_text(text, post, state.ids.size());
    state.pieces.clear();
    matcher.split(text, state.pieces);
    for (const AddedTokenMatcher::Piece& piece : state.pieces) {
      if (piece.id >= 0) {
        state.ids.push_back(piece.id);
        trace.add_token({piece.begin, piece.end});
      } else {
        std::string_view plain = text.substr(piece.begin, piece.end - piece.begin);
        trace.begin_piece({piece.begin, piece.end});
        encode_plain(plain, piece.begin == 0, state, trace);
      }
    }
    if (options.add_special_tokens) {
      state.ids.insert(state.ids.end(), post.suffix.begin(), post.suffix.end());
      trace.end_text(post.suffix.size());
    }
  }

  // Text without the added tokens that are looked for before normalization.
  template <class Trace>
  void encode_plain(std::string_view text, bool is_start, EncodeState& state, Trace& trace) const {
    size_t beginning = is_start && !text.empty() ? unicode::sequence_size(text.front()) : 0;
    if (!normalizer.leaves(text)) {
      const bool asks = is_start && pre_tokenizer.asks_for_beginning();
      state.normalized = trace.normalize(normalizer, text, asks ? &state.origins : nullptr);
      text = state.normalized;
      if (asks) beginning = bytes_of_beginning(state.origins, beginning);
    }
    if (normalized_matcher.empty()) return encode_words(text, 0, beginning, state, trace);
    state.normalized_pieces.clear();
    normalized_matcher.split(text, state.normalized_pieces);
    for (const AddedTokenMatcher::Piece& piece : state.normalized_pieces) {
      if (piece.id >= 0) {
        state.ids.push_back(piece.id);
        trace.add_normalized_token(text, {piece.begin, piece.end});
      } else {
        std::string_view plain = text.substr(piece.begin, piece.end - piece.begin);
        const size_t passed = std::min(beginning, piece.begin);
        encode_words(plain, piece.begin, beginning - passed, state, trace);
      }
    }
  }

  template <class Trace>
  void encode_words(std::string_view text, size_t begin, size_t beginning, EncodeState& state,
                    Trace& trace) const {
    trace.split(pre_tokenizer, text, begin, beginning, state.words);
    trace.encode(model, state.words, state.workspace, state.ids);
  }

  // Calls encode_one(text, state) for each of some texts, on all cores.
  template <class EncodeOne>
  void for_each_text(size_t texts, EncodeOne&& encode_one) const {
    std::vector<std::unique_ptr<EncodeState>> used(static_cast<size_t>(num_threads()));
    run_parts(static_cast<int64_t>(texts), [&](int64_t part, int worker) {
      std::unique_ptr<EncodeState>& state = used[static_cast<size_t>(worker)];
      if (!state) state = states.take();
      encode_one(static_cast<size_t>(part), *state);
    });
    for (std::unique_ptr<EncodeState>& state : used) {
      if (state) states.give_back(std::move(state));
    }
  }

  std::string_view piece(int32_t id) const {
    if (vocabulary().has(id)) return vocabulary().bytes(id);
    auto found = added_pieces.find(id);
    return found == added_pieces.end() ? std::string_view() : std::string_view(found->second);
  }

  std::optional<int32_t> token_id(std::string_view spelling) const {
    if (auto found = added_ids.find(std::string(spelling)); found != added_ids.end()) {
      return found->second;
    }
    return vocabulary().find_spelling(spelling);
  }

  Model model;
  Decoder decoder;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokenMatcher matcher, normalized_matcher;
  PostProcessor post;
  std::unordered_map<std::string, int32_t> added_ids;
  std::unordered_map<int32_t, std::string> added_pieces;
  std::unordered_map<int32_t, bool> special;
  std::map<std::string, std::string> special_tokens;
  std::string fingerprint;
  std::optional<int32_t> bos, eos;
  size_t size = 0;
  mutable StatePool states;
};

Tokenizer Tokenizer::load(const fs::path& folder) { return parse(read_tokenizer_files(folder)); }

Tokenizer Tokenizer::parse(const TokenizerFiles& files) {
  ResolvedTokenizer resolved = resolve_tokenizer(files);
  auto impl = std::make_shared<Impl>(std::move(resolved.spec));
  for (const auto& [name, token] : resolved.config.named) {
    if (!name.empty()) impl->special_tokens[name] = token.content;
  }
  uint64_t hash = kFnv1aStart;
  for (const std::string* text : {&files.tokenizer_json, &files.tokenizer_config_json,
                                  &files.special_tokens_map_json, &files.added_tokens_json}) {
    hash = fnv1a(*text, fnv1a(std::to_string(text->size()), hash));
  }
  impl->fingerprint = fmt::format("{:016x}", hash);
  impl->bos = resolved.bos;
  impl->eos = resolved.eos;
  return Tokenizer(std::move(impl));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::unique_ptr<EncodeState> state = impl_->states.take();
  impl_->encode(text, options, *state);
  std::vector<int32_t> ids(state->ids.begin(), state->ids.end());
  impl_->states.give_back(std::move(state));
  return ids;
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(const std::vector<std::string>& texts,
                                                          EncodeOptions options) const {
  std::vector<std::vector<int32_t>> ids(texts.size());
  impl_->for_each_text(texts.size(), [&](size_t text, EncodeState& state) {
    impl_->encode(texts[text], options, state);
    ids[text].assign(state.ids.begin(), state.ids.end());
  });
  return ids;
}

Encoding Tokenizer::encode_with_spans(std::string_view text, EncodeOptions options) const {
  std::unique_ptr<EncodeState> state = impl_->states.take();
  impl_->encode_with_spans(text, options, *state);
  Encoding encoding{state->ids, state->trace.spans()};
  impl_->states.give_back(std::move(state));
  return encoding;
}

std::vector<Encoding> Tokenizer::encode_batch_with_spans(const std::vector<std::string>& texts,
                                                         EncodeOptions options) const {
  std::vector<Encoding> encodings(texts.size());
  impl_->for_each_text(texts.size(), [&](size_t text, EncodeState& state) {
    impl_->encode_with_spans(texts[text], options, state);
    encodings[text] = {state.ids, state.trace.spans()};
  });
  return encodings;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, DecodeOptions options) const {
  std::string text;
  DecodeState state(impl_->decoder);
  for (int32_t id : ids) {
    if (!has(id) || (options.skip_special_tokens && is_special(id))) continue;
    state.push(piece(id), text);
  }
  state.finish(text);
  return unicode::valid_prefix(text) == text.size() ? text : unicode::replace_invalid(text);
}

bool Tokenizer::has(int32_t id) const {
  return impl_->vocabulary().has(id) || impl_->added_pieces.count(id) > 0;
}

const Decoder& Tokenizer::decoder() const { return impl_->decoder; }

std::string_view Tokenizer::piece(int32_t id) const { return impl_->piece(id); }

std::optional<int32_t> Tokenizer::token_id(std::string_view spelling) const {
  return impl_->token_id(spelling);
}

bool Tokenizer::is_special(int32_t id) const { return impl_->special.count(id) > 0; }

std::string Tokenizer::kind() const {
  return (impl_->vocabulary().spelling() == Spelling::byte_level ? "byte-level " : "") +
         impl_->model.type();
}

const std::string& Tokenizer::fingerprint() const { return impl_->fingerprint; }

const std::map<std::string, std::string>& Tokenizer::special_tokens() const {
  return impl_->special_tokens;
}

std::optional<int32_t> Tokenizer::eos_id() const { return impl_->eos; }
std::optional<int32_t> Tokenizer::bos_id() const { return impl_->bos; }
size_t Tokenizer::vocab_size() const { return impl_->size; }

}  // namespace graft::tokenizer
