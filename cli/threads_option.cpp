#include "cli/threads_option.h"

#include "cli/number_checks.h"
#include "graft/base/threads.h"

namespace graft::cli {

void add_threads_option(CLI::App& command, engine::Runtime& runtime, const std::string& use) {
  command
      .add_option_function<int>(
          "--threads", [&runtime](int n) { runtime.set_threads(n); },
          use + " [GRAFT_THREADS, or every core that may be used]")
      ->check(count_up_to(kMaxThreads));
}

}  // namespace graft::cli
