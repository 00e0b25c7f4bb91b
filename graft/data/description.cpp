#include "graft/data/description.h"

#include <fmt/format.h>

namespace graft::data {
namespace {

using tokenizer::TrainOn;

std::string form_of(const RecordContent& first, const Renderer& renderer) {
  const char* chat = renderer.has_own_template() ? "in the model's chat template" : "as ChatML";
  if (std::holds_alternative<ChatRecord>(first)) return chat;
  if (!std::holds_alternative<PairRecord>(first)) return "as they are";
  return renderer.templates_pairs() ? chat : "as plain texts";
}

const char* trained_text(TrainOn on, bool is_text) {
  switch (on) {
    case TrainOn::all:
      break;
    case TrainOn::completion:
      return "completions are trained";
    case TrainOn::assistant:
      return "what assistants say is trained";
    case TrainOn::last:
      return "the last answers are trained";
  }
  return is_text ? "all of it is trained" : "all of it is trained, prompts too";
}

}  // namespace

std::string description_of(const RecordFormat& format, const RecordContent& first,
                           const Renderer& renderer) {
  const bool is_text = std::holds_alternative<TextRecord>(first);
  return fmt::format("{}s ({}) {}; {}", format.name, format.fields, form_of(first, renderer),
                     trained_text(renderer.trained_of(first), is_text));
}

}  // namespace graft::data
