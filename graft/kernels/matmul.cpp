#include "graft/kernels/matmul.h"

#include <omp.h>

#include <dnnl.hpp>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/threads.h"
#include "graft/kernels/isa.h"

namespace graft::kernels {
namespace {

using dnnl::memory;

constexpr size_t kMaxCachedKernels = 512;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

memory::data_type data_type(ScalarType type) {
  switch (type) {
    case ScalarType::f32:
      return memory::data_type::f32;
    case ScalarType::bf16:
      return memory::data_type::bf16;
    default:
      fail("internal: oneDNN is given f16, which is to be widened to f32 first");
  }
}

// A kernel with the descriptors that its operands are wrapped in.
struct Kernel {
  memory::desc a, b, c;
  dnnl::matmul primitive;
};

Kernel compile(const Matmul& s) {
  memory::desc a({s.m, s.k}, data_type(s.type), memory::dims{s.lda, 1});
  memory::desc b({s.k, s.n}, data_type(s.type),
                 s.transpose_b ? memory::dims{1, s.ldb} : memory::dims{s.ldb, 1});
  memory::desc c({s.m, s.n}, data_type(s.c_type), memory::dims{s.ldc, 1});
  dnnl::primitive_attr attributes;
  if (s.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  try {
#if DNNL_VERSION_MAJOR >= 3
    dnnl::matmul::primitive_desc description(engine(), a, b, c, attributes);
#else
    dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine());
#endif
    return {a, b, c, dnnl::matmul(description)};
  } catch (const dnnl::error& error) {
    fail("oneDNN has no kernel for a {} x {} x {} product on this processor: {}", s.m, s.n, s.k,
         error.what());
  }
}

// Least recently used kernels leave first.
class KernelCache {
 public:
  const Kernel& get(const Matmul& shape) {
    auto found = index_.find(shape);
    if (found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().second;
    }
    entries_.emplace_front(shape, compile(shape));
    index_[shape] = entries_.begin();
    if (entries_.size() > kMaxCachedKernels) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return entries_.front().second;
  }

 private:
  using Entries = std::list<std::pair<Matmul, Kernel>>;
  Entries entries_;
  std::map<Matmul, Entries::iterator> index_;
};

}  // namespace

void matmul(const Matmul& shape, const void* a, const void* b, void* c) {
  // One product at a time: each takes all the threads.
  static std::mutex mutex;
  static KernelCache cache;
  static dnnl::stream stream(engine());
  std::lock_guard lock(mutex);
  // The OpenMP thread count belongs to the calling thread, which is one of MLX's.
  if (omp_get_max_threads() != num_threads()) omp_set_num_threads(num_threads());
  const Kernel& kernel = cache.get(shape);
  kernel.primitive.execute(stream,
                           {{DNNL_ARG_SRC, memory(kernel.a, engine(), const_cast<void*>(a))},
                            {DNNL_ARG_WEIGHTS, memory(kernel.b, engine(), const_cast<void*>(b))},
                            {DNNL_ARG_DST, memory(kernel.c, engine(), c)}});
  stream.wait();
}

bool has_bf16_matmul() {
  static const bool has = [] {
    auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    return (isa & wanted) == wanted && isa_has_avx512_bf16();
  }();
  return has;
}

}  // namespace graft::kernels
