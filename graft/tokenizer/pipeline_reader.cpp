#include "graft/tokenizer/pipeline_reader.h"

#include <string>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/vocabulary.h"

namespace graft {
namespace {

// No tokenizer has more steps, forms or special tokens around a text; each costs time in every
// text.
constexpr size_t kMostParts = 32;

void check_parts(const JsonField& field, size_t parts) {
  if (parts > kMostParts) fail("{}: more than {} parts", field.where(), kMostParts);
}

[[noreturn]] void refuse(const JsonField& field, std::string_view type, std::string_view known) {
  fail("{}: type {} is not supported; supported: {}", field.where(), in_quotes(type), known);
}

std::string type_of(const JsonField& field) { return field.at("type").string(); }

void add_forms(const JsonField& field, std::vector<NormalForm>& forms) {
  std::string type = type_of(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("normalizers").elements()) add_forms(part, forms);
  } else if (type == "NFC") {
    forms.push_back(NormalForm::nfc);
  } else if (type == "NFD") {
    forms.push_back(NormalForm::nfd);
  } else if (type == "NFKC") {
    forms.push_back(NormalForm::nfkc);
  } else if (type == "NFKD") {
    forms.push_back(NormalForm::nfkd);
  } else {
    refuse(field, type, "NFC, NFD, NFKC, NFKD, Sequence");
  }
}

PreTokenizer::Step split_step(const JsonField& field) {
  JsonField pattern = field.at("pattern");
  std::optional<JsonField> regex = pattern.find("Regex");
  if (!regex) pattern.reject("a regular expression: {\"Regex\": ...}");
  std::optional<SplitRule> rule = split_rule_of_pattern(regex->string());
  if (!rule) {
    fail(
        "{}: the pattern {} is not supported; supported: those of GPT-2, Llama 3 (cl100k) and "
        "Qwen2",
        regex->where(), in_quotes(regex->string()));
  }
  // These patterns match all of a text, so keeping what lies between the matches is the same.
  std::string behavior = field.at("behavior").string();
  bool invert = field.boolean_or("invert", false);
  if (!(behavior == "Isolated" || (behavior == "Removed" && invert))) {
    fail("{}: behavior {} with invert {} is not supported; supported: Isolated", field.where(),
         in_quotes(behavior), invert);
  }
  return {.split = rule};
}

void add_steps(const JsonField& field, std::vector<PreTokenizer::Step>& steps, bool& bytes) {
  std::string type = type_of(field);
  if (bytes) {
    fail("{}: nothing may follow ByteLevel, and here stands {}", field.where(), in_quotes(type));
  }
  if (type == "Sequence") {
    for (const JsonField& part : field.at("pretokenizers").elements()) {
      add_steps(part, steps, bytes);
    }
  } else if (type == "Split") {
    steps.push_back(split_step(field));
  } else if (type == "Digits") {
    bool each = field.at("individual_digits").boolean();
    steps.push_back({.split = each ? SplitRule::each_digit : SplitRule::digit_runs});
  } else if (type == "ByteLevel") {
    PreTokenizer::Step step;
    step.add_prefix_space = field.at("add_prefix_space").boolean();
    if (field.boolean_or("use_regex", true)) step.split = SplitRule::gpt2;
    steps.push_back(step);
    bytes = true;
  } else {
    refuse(field, type, "ByteLevel, Split, Digits, Sequence");
  }
}

std::vector<int32_t> ids_of_special(const JsonField& template_field, const std::string& token) {
  std::vector<int32_t> ids;
  JsonField special = template_field.at("special_tokens").at(token);
  for (const JsonField& id : special.at("ids").elements()) {
    ids.push_back(static_cast<int32_t>(id.integer(0, kMostTokens - 1)));
  }
  return ids;
}

void read_template(const JsonField& field, std::vector<int32_t>& prefix,
                   std::vector<int32_t>& suffix) {
  bool seen_text = false;
  std::vector<int32_t> before;
  for (const JsonField& piece : field.at("single").elements()) {
    if (auto special = piece.find("SpecialToken")) {
      std::vector<int32_t> ids = ids_of_special(field, special->at("id").string());
      std::vector<int32_t>& side = seen_text ? suffix : before;
      side.insert(side.end(), ids.begin(), ids.end());
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

}  // namespace

Normalizer read_normalizer(const JsonField& field) {
  std::vector<NormalForm> forms;
  add_forms(field, forms);
  check_parts(field, forms.size());
  return Normalizer(std::move(forms));
}

PreTokenizer read_pre_tokenizer(const JsonField& field) {
  std::vector<PreTokenizer::Step> steps;
  bool bytes = false;
  add_steps(field, steps, bytes);
  check_parts(field, steps.size());
  if (!bytes) {
    fail("{}: has no ByteLevel: only byte-level BPE tokenizers are supported", field.where());
  }
  return PreTokenizer(std::move(steps));
}

void read_post_processor(const JsonField& field, std::vector<int32_t>& prefix,
                         std::vector<int32_t>& suffix) {
  std::string type = type_of(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("processors").elements()) {
      read_post_processor(part, prefix, suffix);
    }
  } else if (type == "TemplateProcessing") {
    read_template(field, prefix, suffix);
  } else if (type != "ByteLevel") {  // ByteLevel moves offsets only
    refuse(field, type, "ByteLevel, TemplateProcessing, Sequence");
  }
}

void check_decoder(const JsonField& field) {
  std::string type = type_of(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("decoders").elements()) check_decoder(part);
  } else if (type != "ByteLevel") {
    refuse(field, type, "ByteLevel");
  }
}

}  // namespace graft
