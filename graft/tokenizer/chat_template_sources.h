#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "graft/base/files.h"

namespace graft::tokenizer {

inline constexpr size_t kMostTemplateBytes = size_t{1} << 20;

/// The name of the template that is taken where nothing asks for another.
inline constexpr const char* kDefaultTemplate = "default";

/// The text of a chat template, and its file in errors.
struct ChatTemplateSource {
  std::string where, text;
};
using ChatTemplateSources = std::map<std::string, ChatTemplateSource>;

/// The templates of a model folder by name: chat_template.jinja with those of
/// additional_chat_templates, else "chat_template" of tokenizer_config.json, which may be one, a
/// list or an object of named ones. None if there is none.
ChatTemplateSources read_chat_template_sources(const fs::path& folder);

}  // namespace graft::tokenizer
