// Plans the conversion of GGUF files and makes every tensor.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "graft/base/error.h"
#include "graft/convert/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int descriptor = ::memfd_create("input", 0);
  if (descriptor < 0 || ::write(descriptor, data, size) != static_cast<ssize_t>(size)) std::abort();
  graft::convert::ConvertOptions options;
  options.hf_path = "/proc/self/fd/" + std::to_string(descriptor);
  for (bool dequantize : {false, true}) {
    options.dequantize = dequantize;
    try {
      graft::convert::ConversionPlan plan =
          graft::convert::plan_gguf(options, *graft::silent_front_end());
      for (const graft::io::TensorJob& job : plan.jobs) {
        std::vector<mlx::core::array> values = job.make();
        if (values.size() != job.outputs.size()) std::abort();
        for (size_t i = 0; i < values.size(); ++i) {
          if (values[i].shape() != job.outputs[i].shape) std::abort();
          if (values[i].dtype() != job.outputs[i].dtype) std::abort();
        }
      }
    } catch (const graft::Error&) {
    }
  }
  ::close(descriptor);
  return 0;
}
