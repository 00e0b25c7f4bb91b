#include "graft/tokenizer/chat_template_sources.h"

#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"

namespace graft::tokenizer {
namespace {

// The files' templates by name; none if there are no such files.
ChatTemplateSources sources_of_files(const fs::path& folder) {
  ChatTemplateSources sources;
  const auto add = [&](const std::string& name, const fs::path& file) {
    sources[name] = {file.string(), read_text(file, kMostTemplateBytes)};
  };
  const fs::path own = folder / "chat_template.jinja", more = folder / "additional_chat_templates";
  if (is_there(own)) add(kDefaultTemplate, own);
  if (!is_folder(more)) return sources;
  for (const fs::path& file : entries_of(more)) {
    if (file.extension() == ".jinja") add(file.stem().string(), file);
  }
  return sources;
}

// Those of tokenizer_config.json: the text, a list of {"name", "template"}, or an object.
ChatTemplateSources sources_of_config(const fs::path& file) {
  if (!is_there(file)) return {};
  const json document = io::parse_json(read_text(file), file.string());
  const auto field = JsonField(document, file.string()).find("chat_template");
  ChatTemplateSources sources;
  if (!field) return sources;
  const std::string where = file.string() + ": chat_template";
  if (field->value().is_array()) {
    for (const JsonField& named : field->elements()) {
      sources[named.at("name").string()] = {where, named.at("template").string()};
    }
  } else if (field->value().is_object()) {
    for (const auto& [name, member] : field->members()) sources[name] = {where, member.string()};
  } else {
    sources[kDefaultTemplate] = {where, field->string()};
  }
  return sources;
}

}  // namespace

ChatTemplateSources read_chat_template_sources(const fs::path& folder) {
  ChatTemplateSources sources = sources_of_files(folder);
  if (sources.empty()) sources = sources_of_config(folder / "tokenizer_config.json");
  return sources;
}

}  // namespace graft::tokenizer
