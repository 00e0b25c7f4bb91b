#pragma once

#include <optional>
#include <string>

#include "graft/tokenizer/chat_template.h"

namespace graft::gguf {

/// A chat template in the language of Ollama's Modelfile (Go's text/template), which writes chats
/// of system, user and assistant messages in turn as the Jinja template does, up to where the
/// answer begins. `begin`: a token's text that the runtime puts before every text itself, left out
/// here. Nothing for a template whose text of a message depends on more than its place.
std::optional<std::string> ollama_template(const tokenizer::ChatTemplate& chat,
                                           const std::string& begin);

/// Text as a Modelfile has it between three quotes; nothing if it holds these itself.
std::optional<std::string> in_three_quotes(const std::string& text);

}  // namespace graft::gguf
