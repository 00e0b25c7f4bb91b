#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/component.h"
#include "graft/tokenizer/pipeline_reader.h"

namespace graft::tokenizer {
namespace {

using PreTokenizerSteps = std::vector<PreTokenizer::Step>;

SplitBehavior read_behavior(const JsonField& field) {
  std::string name = field.string();
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  field.reject("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

Splitter::Pattern split_pattern(const JsonField& field) {
  if (auto regex = field.find("Regex")) {
    if (std::optional<SplitRule> rule = split_rule_of_pattern(regex->string())) return *rule;
  }
  return std::visit([](auto pattern) -> Splitter::Pattern { return pattern; }, read_pattern(field));
}

PreTokenizer::Metaspace::Prepend prepend_of(const JsonField& field) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  std::optional<JsonField> scheme = field.find("prepend_scheme");
  // Older files have this key instead of a scheme.
  bool add_prefix_space = field.boolean_or("add_prefix_space", true);
  std::string name = scheme ? scheme->string() : add_prefix_space ? "always" : "never";
  if (!add_prefix_space && name != "never") {
    fail("{}: add_prefix_space is false, but prepend_scheme is {}", field.where(),
         io::in_quotes(name));
  }
  if (name == "always") return Prepend::always;
  if (name == "first") return Prepend::first;
  if (name == "never") return Prepend::never;
  scheme->reject("always, first or never");
}

void add_metaspace(const JsonField& field, PreTokenizerSteps& steps) {
  std::string replacement = read_character(field.at("replacement"));
  steps.push_back(PreTokenizer::Metaspace{replacement, prepend_of(field)});
  if (field.boolean_or("split", true)) {
    steps.push_back(Splitter(replacement, SplitBehavior::merged_with_next));
  }
}

void add_byte_level(const JsonField& field, PreTokenizerSteps& steps) {
  if (field.at("add_prefix_space").boolean()) steps.push_back(PreTokenizer::PrefixSpace{});
  if (field.boolean_or("use_regex", true)) {
    steps.push_back(Splitter(SplitRule::gpt2, SplitBehavior::isolated));
  }
}

void add_steps(const JsonField& field, PreTokenizerSteps& steps, Spelling& spelling) {
  std::string type = component_type(field);
  if (spelling == Spelling::byte_level) {
    fail("{}: nothing may follow ByteLevel, and here stands {}", field.where(),
         io::in_quotes(type));
  }
  if (type == "Sequence") {
    for (const JsonField& part : field.at("pretokenizers").elements()) {
      add_steps(part, steps, spelling);
    }
  } else if (type == "Split") {
    steps.push_back(Splitter(split_pattern(field.at("pattern")),
                             read_behavior(field.at("behavior")),
                             field.boolean_or("invert", false)));
  } else if (type == "Digits") {
    steps.push_back(Splitter(CharacterSet{unicode::kNumbers},
                             field.at("individual_digits").boolean() ? SplitBehavior::isolated
                                                                     : SplitBehavior::contiguous));
  } else if (type == "Punctuation") {
    std::optional<JsonField> behavior = field.find("behavior");
    steps.push_back(Splitter(CharacterSet{0, unicode::kOldPunctuation},
                             behavior ? read_behavior(*behavior) : SplitBehavior::isolated));
  } else if (type == "Whitespace") {
    steps.push_back(Splitter(SplitRule::words, SplitBehavior::removed, true));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(Splitter(CharacterSet{unicode::kSpaces}, SplitBehavior::removed));
  } else if (type == "Metaspace") {
    add_metaspace(field, steps);
  } else if (type == "ByteLevel") {
    add_byte_level(field, steps);
    spelling = Spelling::byte_level;
  } else {
    refuse_component(field, type,
                     "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, "
                     "Metaspace, Sequence");
  }
}

}  // namespace

PreTokenizer read_pre_tokenizer(const JsonField& field, Spelling& spelling) {
  PreTokenizerSteps steps;
  spelling = Spelling::literal;
  add_steps(field, steps, spelling);
  check_parts(field, steps.size());
  return PreTokenizer(std::move(steps));
}

}  // namespace graft::tokenizer
