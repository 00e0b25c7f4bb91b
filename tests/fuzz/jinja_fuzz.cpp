// Reads and runs chat templates, within limits that keep a run short.
#include <cstdint>
#include <string_view>

#include "graft/base/error.h"
#include "graft/jinja/template.h"
#include "graft/unicode/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (graft::unicode::valid_prefix(source) != size) return 0;
  static const nlohmann::ordered_json variables = {
      {"messages", {{{"role", "user"}, {"content", "h\xC3\xA9 1"}}}},
      {"tools", {{{"name", "f"}, {"n", 1.5}}}},
      {"bos_token", "<s>"},
      {"add_generation_prompt", true}};
  try {
    graft::jinja::Template(source).render(variables, {.steps = 100'000, .bytes = 1 << 20});
  } catch (const graft::Error&) {
  }
  return 0;
}
