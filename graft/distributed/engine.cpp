#include "graft/distributed/engine.h"

#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <system_error>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/json_types.h"
#include "graft/base/temporary.h"

namespace graft::distributed {
namespace {

mx::distributed::Group initialized(const std::string& backend, int rank, int size) {
  std::optional<mx::distributed::Group> group;
  try {
    group = mx::distributed::init(true, backend);
  } catch (const std::exception& error) {
    fail("MLX's backend {} does not connect the processes: {}", backend, error.what());
  }
  if (group->size() != size || group->rank() != rank) {
    fail("MLX's backend {} says that this is rank {} of {}, and the environment rank {} of {}",
         backend, group->rank(), group->size(), rank, size);
  }
  return *group;
}

// Debian's package has no libmpi.so, which MLX looks for, without that for developers.
void find_libmpi() {
#ifdef __linux__
  if (std::getenv("MLX_MPI_LIBNAME") != nullptr) return;
  for (const char* name : {"libmpi.so", "libmpi.so.40", "libmpi.so.80", "libmpi.so.12"}) {
    void* library = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) continue;
    ::dlclose(library);
    ::setenv("MLX_MPI_LIBNAME", name, 1);
    return;
  }
#endif
}

}  // namespace

mx::distributed::Group join_ring(int rank, const std::vector<std::string>& addresses) {
  json hosts = json::array();
  for (const std::string& address : addresses) hosts.push_back({address});
  // MLX reads the addresses from a file that its environment names.
  std::error_code error;
  const fs::path folder = fs::temp_directory_path(error);
  if (error) fail("there is no folder for temporary files: {}", error.message());
  const Temporary file(folder / "ring", Temporary::Kind::file);
  std::ofstream(file.path()) << hosts.dump();
  ::setenv("MLX_HOSTFILE", file.path().c_str(), 1);
  ::setenv("MLX_RANK", std::to_string(rank).c_str(), 1);
  auto group = initialized("ring", rank, static_cast<int>(addresses.size()));
  ::unsetenv("MLX_HOSTFILE");
  ::unsetenv("MLX_RANK");
  return group;
}

mx::distributed::Group join_engine(const std::string& backend, int rank, int size) {
  if (backend == "mpi") find_libmpi();
  if (!mx::distributed::is_available(backend)) {
    fail("MLX has no backend {} here{}", backend,
         backend == "mpi" ? ": Open MPI's library is not found (MLX_MPI_LIBNAME names it)" : "");
  }
  return initialized(backend, rank, size);
}

}  // namespace graft::distributed
