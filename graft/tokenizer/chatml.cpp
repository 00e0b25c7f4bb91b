#include "graft/tokenizer/chatml.h"

#include <utility>

namespace graft::tokenizer {
namespace {

constexpr std::string_view kSource = R"jinja(
{%- macro text_of(message) %}
    {%- if message.content is string %}{{ message.content }}
    {%- else %}
        {%- for part in message.content or [] %}{{ part.text }}{% endfor %}
    {%- endif %}
{%- endmacro %}
{%- macro listed() %}
    {{- 'Tools, which are called by <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>:' }}
    {%- for tool in tools %}{{ '\n' + tool | tojson }}{% endfor %}
{%- endmacro %}
{%- set system = messages and messages[0].role == 'system' %}
{%- if tools and not system %}
    {{- '<|im_start|>system\n' }}{{ listed() }}{{ end_of_turn + '\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- generation %}
            {{- text_of(message) }}
            {%- for call in message.tool_calls or [] %}
                {%- set called = call.function or call %}
                {%- if text_of(message) or not loop.first %}{{ '\n' }}{% endif %}
                {{- '<tool_call>\n{"name": ' + called.name | tojson + ', "arguments": ' }}
                {{- called.arguments if called.arguments is string else called.arguments | tojson }}
                {{- '}\n</tool_call>' }}
            {%- endfor %}
            {{- end_of_turn }}
        {%- endgeneration %}
        {{- '\n' }}
    {%- elif message.role in ['system', 'user', 'tool'] %}
        {{- '<|im_start|>' + message.role + '\n' + text_of(message) }}
        {%- if tools and system and loop.first %}{{ '\n\n' }}{{ listed() }}{% endif %}
        {{- end_of_turn + '\n' }}
    {%- else %}
        {{- raise_exception('a chat has the roles system, user, assistant and tool, not ' ~ message.role) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
)jinja";

}  // namespace

ChatTemplate chatml_template(const Tokenizer& tokenizer) {
  const std::string end = "<|im_end|>";
  ChatTemplate::Tokens tokens = tokenizer.special_tokens();
  const auto eos = tokens.find("eos_token");
  const bool has_end = tokenizer.token_id(end).has_value();
  tokens["end_of_turn"] = has_end || eos == tokens.end() ? end : eos->second;
  return {kSource, std::move(tokens), "the ChatML template that stands in for the model's own"};
}

}  // namespace graft::tokenizer
