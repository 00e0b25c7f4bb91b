#include <string>

#include "graft/tokenizer/component.h"
#include "graft/tokenizer/pipeline_reader.h"

namespace graft::tokenizer {
namespace {

std::vector<int32_t> ids_of_special(const JsonField& template_field, const std::string& token) {
  std::vector<int32_t> ids;
  JsonField special = template_field.at("special_tokens").at(token);
  check_parts(template_field, special.at("ids").value().size());
  for (const JsonField& id : special.at("ids").elements()) {
    ids.push_back(static_cast<int32_t>(id.integer(0, kMostTokens - 1)));
  }
  return ids;
}

void read_template(const JsonField& field, PostProcessor& processor) {
  auto& [prefix, suffix, trims] = processor;
  bool seen_text = false;
  std::vector<int32_t> before;
  for (const JsonField& piece : field.at("single").elements()) {
    if (auto special = piece.find("SpecialToken")) {
      std::vector<int32_t> ids = ids_of_special(field, special->at("id").string());
      std::vector<int32_t>& side = seen_text ? suffix : before;
      side.insert(side.end(), ids.begin(), ids.end());
      check_parts(field, before.size() + suffix.size());
    } else {
      if (piece.at("Sequence").at("id").string() != "A" || seen_text) {
        piece.reject("the text, {\"Sequence\": {\"id\": \"A\"}}, once");
      }
      seen_text = true;
    }
  }
  if (!seen_text) field.at("single").reject("a template with {\"Sequence\": {\"id\": \"A\"}}");
  prefix.insert(prefix.begin(), before.begin(), before.end());
  check_parts(field, prefix.size() + suffix.size());
}

void add_processor(const JsonField& field, PostProcessor& processor) {
  std::string type = component_type(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("processors").elements()) add_processor(part, processor);
  } else if (type == "TemplateProcessing") {
    read_template(field, processor);
  } else if (type == "ByteLevel") {  // moves offsets only
    if (!field.boolean_or("trim_offsets", true)) return;
    processor.trims.push_back({.keeps_first_space = field.boolean_or("add_prefix_space", true)});
    check_parts(field, processor.trims.size());
  } else {
    refuse_component(field, type, "ByteLevel, TemplateProcessing, Sequence");
  }
}

}  // namespace

PostProcessor read_post_processor(const JsonField& field) {
  PostProcessor processor;
  add_processor(field, processor);
  return processor;
}

}  // namespace graft::tokenizer
