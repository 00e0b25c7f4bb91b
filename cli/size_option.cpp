#include "cli/size_option.h"

#include "graft/base/byte_size.h"
#include "graft/base/error.h"

namespace graft::cli {

CLI::Option* add_size_option(CLI::App& command, const std::string& name,
                             const std::function<void(uint64_t)>& take, const std::string& text) {
  return command
      .add_option_function<std::string>(
          name, [take](const std::string& given) { take(byte_size(given)); }, text)
      ->check([](const std::string& given) {
        try {
          byte_size(given);
          return std::string();
        } catch (const UsageError& error) {
          return std::string(error.what());
        }
      })
      ->option_text("SIZE");
}

}  // namespace graft::cli
