#include "cli/size_option.h"

#include "graft/base/byte_size.h"
#include "graft/base/error.h"

namespace graft::cli {
namespace {

constexpr const char* kNone = "none";

// What is wrong with a size, or "".
std::string fault_of(const std::string& given) {
  try {
    byte_size(given);
    return {};
  } catch (const UsageError& error) {
    return error.what();
  }
}

}  // namespace

CLI::Option* add_size_option(CLI::App& command, const std::string& name,
                             const std::function<void(uint64_t)>& take, const std::string& text) {
  return command
      .add_option_function<std::string>(
          name, [take](const std::string& given) { take(byte_size(given)); }, text)
      ->check(fault_of)
      ->option_text("SIZE");
}

CLI::Option* add_limit_option(CLI::App& command, const std::string& name,
                              const std::function<void(std::optional<uint64_t>)>& take,
                              const std::string& text) {
  return command
      .add_option_function<std::string>(
          name,
          [take](const std::string& given) {
            take(given == kNone ? std::nullopt : std::optional(byte_size(given)));
          },
          text)
      ->check(
          [](const std::string& given) { return given == kNone ? std::string() : fault_of(given); })
      ->option_text("SIZE|none [none]");
}

}  // namespace graft::cli
