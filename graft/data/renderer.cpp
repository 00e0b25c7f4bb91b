#include "graft/data/renderer.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/tokenizer/chatml.h"

namespace graft::data {
namespace {

using tokenizer::TrainOn;

TrainOn usual(const ChatRecord& chat) {
  return chat.prompt_messages == 0 ? TrainOn::assistant : TrainOn::completion;
}

TrainOn usual(const RecordContent& content) {
  if (std::holds_alternative<TextRecord>(content)) return TrainOn::all;
  const auto* chat = std::get_if<ChatRecord>(&content);
  return chat != nullptr ? usual(*chat) : TrainOn::completion;
}

bool all_may_be(const std::vector<bool>& trained) {
  return std::find(trained.begin(), trained.end(), false) == trained.end();
}

// What a message says: its text, or that of its parts.
std::string said(const ordered_json& message) {
  const auto content = message.find("content");
  if (content == message.end()) return "";
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  for (const ordered_json& part : *content) {
    if (part.is_object()) text += part.value("text", "");
  }
  return text;
}

// Prompt and completion as a chat of two messages.
ChatRecord as_chat(const PairRecord& pair) {
  ChatRecord chat{.variables = pair.variables, .prompt_messages = 1};
  chat.variables["messages"] = {{{"role", "user"}, {"content", pair.prompt}},
                                {{"role", "assistant"}, {"content", pair.completion}}};
  return chat;
}

}  // namespace

ChatForm chat_form(const fs::path& folder, const tokenizer::Tokenizer& tokenizer) {
  auto own = tokenizer::ChatTemplate::load(folder, tokenizer.special_tokens());
  const bool is_models = own.has_value();
  if (!own) own = tokenizer::chatml_template(tokenizer);
  return {std::make_shared<tokenizer::ChatTurns>(std::move(*own),
                                                 tokenizer::special_tokens_of(tokenizer)),
          is_models};
}

Renderer::Renderer(ChatForm chat, const RenderOptions& options)
    : chat_(std::move(chat)), train_on_(options.train_on), raw_pairs_(options.raw_pairs) {}

TrainOn Renderer::trained_of(const RecordContent& content) const {
  return train_on_.value_or(usual(content));
}

RenderedText Renderer::render(const RecordContent& content, const std::string& where) const {
  return std::visit([&](const auto& record) { return (*this)(record, where); }, content);
}

std::optional<AskedText> Renderer::asked(const RecordContent& content,
                                         const std::string& where) const {
  if (const auto* chat = std::get_if<ChatRecord>(&content)) return asked(*chat, where);
  const auto* pair = std::get_if<PairRecord>(&content);
  if (pair == nullptr) return {};
  if (templates_pairs()) return asked(as_chat(*pair), where);
  return AskedText{.text = pair->prompt, .question = pair->prompt, .reference = pair->completion};
}

std::optional<AskedText> Renderer::asked(const ChatRecord& chat, const std::string& where) const {
  const ordered_json& messages = chat.variables.at("messages");
  size_t count = chat.prompt_messages;
  if (count == 0) {
    for (size_t i = 1; i < messages.size(); ++i) {
      if (messages[i].value("role", "") == "assistant") count = i;
    }
  }
  if (count == 0 || count >= messages.size() || said(messages[count]).empty()) return {};
  try {
    return AskedText{.text = chat_.turns->prompt(chat.variables, count),
                     .from_template = true,
                     .question = said(messages[count - 1]),
                     .reference = said(messages[count])};
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
}

RenderedText Renderer::operator()(const TextRecord& record, const std::string& where) const {
  if (train_on_.value_or(TrainOn::all) != TrainOn::all) {
    fail_usage("{}: a text has neither completion nor answers: `train_on` all is what there is",
               where);
  }
  return {.text = record.text};
}

RenderedText Renderer::operator()(const PairRecord& record, const std::string& where) const {
  if (templates_pairs()) return (*this)(as_chat(record), where);
  RenderedText result{.text = record.prompt + record.completion};
  if (train_on_.value_or(TrainOn::completion) == TrainOn::all) return result;
  result.all_trained = false;
  result.edge = RenderedText::Edge::common;
  result.trained = {{record.prompt.size(), result.text.size()}};
  return result;
}

RenderedText Renderer::operator()(const ChatRecord& record, const std::string& where) const {
  tokenizer::ChatLoss loss{.on = train_on_.value_or(usual(record)), .messages = record.trained};
  if (record.prompt_messages > 0) loss.prompt_messages = record.prompt_messages;
  try {
    tokenizer::ChatText chat = chat_.turns->text(record.variables, loss);
    return {.text = std::move(chat.text),
            .from_template = true,
            .all_trained = loss.on == TrainOn::all && all_may_be(record.trained),
            .trained = std::move(chat.trained),
            .edge = loss.on == TrainOn::completion ? RenderedText::Edge::beginning
                                                   : RenderedText::Edge::touching,
            .unwritten_calls = chat.unwritten_calls};
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
}

RenderedText Renderer::operator()(const PreferenceRecord&, const std::string& where) const {
  fail("{}: a preference (chosen, rejected): this training learns texts, pairs and chats", where);
}

RenderedText Renderer::operator()(const LabelledRecord&, const std::string& where) const {
  fail("{}: an answer with a label: this training learns texts, pairs and chats", where);
}

}  // namespace graft::data
