// How long an idle OpenMP thread spins before it sleeps. GNU's library spins for milliseconds by
// default: on a machine with other work to do (a browser, a compiler) that takes the processor from
// the very thread that is waited for, and training runs ten times slower. It reads its environment
// when it is loaded, so the variable is set before any library's constructors run. A user's own
// setting stands.

#if defined(__linux__) && defined(GRAFT_CPU_KERNELS)

#include <cstdlib>

namespace {

void set_spin_count(int, char**, char**) {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) ::setenv("GOMP_SPINCOUNT", "1000", 0);
}

[[gnu::used,
  gnu::section(".preinit_array")]] void (*const before_constructors)(int, char**,
                                                                     char**) = set_spin_count;

}  // namespace

#endif
