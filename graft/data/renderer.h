#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/span.h"
#include "graft/data/records/record.h"
#include "graft/data/render_options.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::data {

/// The text of a record for a model, and what of it carries loss.
struct RenderedText {
  std::string text;
  bool from_template = false;  // which has written the special tokens, too
  bool all_trained = true;
  std::vector<Span> trained = {};  // bytes, in order; unless all is
  // Which tokens are of a part. `touching`: all that have a byte of it, as in transformers.
  // `beginning`: those that begin in it, as those behind the prompt in mlx-lm. `common`: all but
  // those that the text before it has alone, too, as in TRL, whose pairs of texts may have a token
  // that lies in both.
  enum class Edge { touching, beginning, common } edge = Edge::touching;
  // The first message of which the chat template writes a tool call nowhere.
  std::optional<size_t> unwritten_calls = {};
};

/// What a record asks a model, and the answer that it has.
struct AskedText {
  std::string text;            // that the model continues
  bool from_template = false;  // which has written the special tokens, too
  std::string question;        // as a person reads it: what the user says last
  std::string reference;
};

/// How chats are written for a model.
struct ChatForm {
  std::shared_ptr<const tokenizer::ChatTurns> turns;
  bool is_models = true;  // its own template; else graft's ChatML
};

/// The form of the model in a folder, which may hold its tokenizer's files alone.
ChatForm chat_form(const fs::path& folder, const tokenizer::Tokenizer& tokenizer);

/// Writes records as a model sees them. Several threads may use it.
class Renderer {
 public:
  Renderer(ChatForm chat, const RenderOptions& options);

  /// Throws Error, as "where: ...", if the template refuses the record, if what is to be trained
  /// cannot be told exactly, and for a record that is not to be trained on: a preference, say.
  RenderedText render(const RecordContent& content, const std::string& where) const;

  /// The record as a question: a pair's prompt, a chat up to its last answer. Nothing if it has no
  /// answer. Throws Error as render does.
  std::optional<AskedText> asked(const RecordContent& content, const std::string& where) const;

  const ChatForm& chat() const { return chat_; }
  bool has_own_template() const { return chat_.is_models; }
  /// Whether pairs of plain texts go through the chat template.
  bool templates_pairs() const { return chat_.is_models && !raw_pairs_; }
  /// What carries loss of such a record.
  tokenizer::TrainOn trained_of(const RecordContent& content) const;

 private:
  RenderedText operator()(const TextRecord& record, const std::string& where) const;
  RenderedText operator()(const PairRecord& record, const std::string& where) const;
  RenderedText operator()(const ChatRecord& record, const std::string& where) const;
  RenderedText operator()(const PreferenceRecord&, const std::string& where) const;
  RenderedText operator()(const LabelledRecord&, const std::string& where) const;

  std::optional<AskedText> asked(const ChatRecord& chat, const std::string& where) const;

  ChatForm chat_;
  std::optional<tokenizer::TrainOn> train_on_;
  bool raw_pairs_;
};

}  // namespace graft::data
