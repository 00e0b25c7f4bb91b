#pragma once

#include <cstdint>
#include <type_traits>

namespace graft {

/// A reference to a callable `void(int64_t part, int worker)`, which is not copied.
class PartWork {
 public:
  template <class Work>
  requires(!std::is_same_v<std::remove_cvref_t<Work>, PartWork>)
      PartWork(Work&& work)  // NOLINT(google-explicit-constructor): as std::function
      : object_(&work), call_([](const void* object, int64_t part, int worker) {
          (*static_cast<std::remove_reference_t<Work>*>(const_cast<void*>(object)))(part, worker);
        }) {}

  void operator()(int64_t part, int worker) const { call_(object_, part, worker); }

 private:
  const void* object_;
  void (*call_)(const void* object, int64_t part, int worker);
};

/// Calls work(part, worker) once for each part in [0, parts), on up to num_threads() threads
/// including the calling one; `worker`, in [0, num_threads()), tells the threads apart. Returns
/// when all parts are done; rethrows the first exception.
///
/// A thread takes its next part when it is done with its last. So a descheduled thread (other
/// programs want the processor, too) costs its own help and no more: nobody waits for a thread that
/// has not taken a part. Calls from several threads run side by side, each on threads of its own. A
/// call within a part runs its parts in order on the calling thread.
void run_parts(int64_t parts, PartWork work);

}  // namespace graft
