#include "cli/ranks.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cli/output.h"
#include "graft/base/threads.h"
#include "graft/distributed/session.h"

namespace graft::cli {
namespace {

bool joined = false;
std::string backend;

// Of a host's processors, where nothing says how many threads there are to be.
int threads_of(const distributed::Place& place) {
  const ThreadsFrom from = threads_from();
  if (from != ThreadsFrom::processors && from != ThreadsFrom::quota) return 0;
  const Processors processors = find_processors();
  // Who started it may have given each process its own.
  if (processors.allowed < processors.online) return 0;
  return std::max(1, num_threads() / place.on_this_host);
}

[[noreturn]] void end_at_once(const std::string& why) {
  print_error("graft: {}\n", why);
  std::_Exit(1);
}

}  // namespace

std::string backend_in_use() { return backend; }

bool has_joined() { return joined; }

int with_ranks(const engine::Runtime& runtime,
               const std::function<int(const distributed::Group&)>& action) {
  const std::optional<distributed::Place> place = distributed::place_of_process();
  if (!place) return action(distributed::alone());
  ::unsetenv("GRAFT_SECRET");  // of no program that this one starts
  const ThreadsScope threads(threads_of(*place));
  if (place->rank != 0) mute_output();
  joined = true;
  backend = place->backend;
  distributed::Session session(*place, runtime.front_end(), end_at_once);
  runtime.front_end().note("Rank {} of {}, over {}", place->rank, place->size, place->backend);
  try {
    const int code = action(session.group());
    session.leave("");
    return code;
  } catch (const std::exception& error) {
    session.leave(error.what());
    throw;
  }
}

}  // namespace graft::cli
