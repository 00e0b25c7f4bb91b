// Reads and runs chat templates, within limits that keep a run short. Where output comes from must
// be parts of the output, and to take it down must not change that.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "graft/base/error.h"
#include "graft/jinja/template.h"
#include "graft/unicode/unicode.h"

namespace {

void check(const std::vector<graft::Span>& spans, std::string_view text) {
  for (const graft::Span& span : spans) {
    if (span.begin > span.end || span.end > text.size()) std::abort();
    if (graft::unicode::valid_prefix(text.substr(0, span.end)) != span.end) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (graft::unicode::valid_prefix(source) != size) return 0;
  static const nlohmann::ordered_json variables = {
      {"messages",
       {{{"role", "user"}, {"content", "h\xC3\xA9 1"}},
        {{"role", "assistant"}, {"content", "\xC3\xA9"}}}},
      {"tools", {{{"name", "f"}, {"n", 1.5}}}},
      {"bos_token", "<s>"},
      {"add_generation_prompt", true}};
  const graft::jinja::Limits limits{.steps = 100'000, .bytes = 1 << 20};
  try {
    const graft::jinja::Template parsed(source);
    const auto chat = parsed.render_with_spans(variables, "messages", limits);
    check(chat.generated, chat.text);
    for (const auto& spans : chat.of_items) check(spans, chat.text);
    const bool by_time = source.find("strftime_now") != source.npos;
    if (!by_time && parsed.render(variables, limits) != chat.text) std::abort();
  } catch (const graft::Error&) {
  }
  return 0;
}
