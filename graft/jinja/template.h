#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/jinja/error.h"
#include "graft/jinja/interpreter.h"
#include "graft/jinja/output_recorder.h"
#include "graft/jinja/parser.h"

namespace graft::jinja {

/// What a template sees of a JSON value. Throws TemplateError if it nests deeper than 100 levels,
/// `depth` of which are around it, or has an integer that does not fit 64 bits.
Value value_of(const nlohmann::ordered_json& json, int depth = 0);

/// The variables of a template: different names, and their values.
using Variables = std::vector<std::pair<std::string, Value>>;

/// A Jinja template as transformers runs it: the white space control, functions and filters of its
/// chat templates (transformers/utils/chat_template_utils.py), Python's meaning of operators and
/// methods, nothing that changes data or reads files.
class Template {
 public:
  /// Throws TemplateError with the line and the column. The source must be valid UTF-8.
  explicit Template(std::string_view source);

  /// Returns the text. Throws TemplateError with the line if it cannot go on, if the template calls
  /// raise_exception, or beyond `limits`.
  std::string render(Variables variables, const Limits& limits = {}) const;

  /// The same text, with the parts that {% generation %} blocks and loops over the items of the
  /// variable `list` have written.
  Rendering render_with_spans(Variables variables, std::string_view list,
                              const Limits& limits = {}) const;

  /// The same with the members of an object as variables.
  std::string render(const nlohmann::ordered_json& variables, const Limits& limits = {}) const;
  Rendering render_with_spans(const nlohmann::ordered_json& variables, std::string_view list,
                              const Limits& limits = {}) const;

  /// Whether it has {% generation %} blocks.
  bool has_generation() const { return parsed_->has_generation; }

 private:
  std::shared_ptr<const ParsedTemplate> parsed_;
};

}  // namespace graft::jinja
