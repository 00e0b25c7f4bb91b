#include <mlx/ops.h>

#include <cmath>
#include <cstdio>

#include "graft/base/error.h"
#include "graft/data/importers/wikisql.h"
#include "graft/ops/activation.h"

// An operation and a reader, so that what the library links privately is found as well.
int main() {
  namespace mx = mlx::core;
  mx::array result = graft::ops::gated_activation(graft::Activation::silu, mx::ones({3, 40}),
                                                  mx::full({3, 40}, 2.0f));
  const float expected = 2.0f / (1.0f + std::exp(-1.0f));
  const bool close = mx::allclose(result, mx::full({3, 40}, expected), 1e-5).item<bool>();
  try {
    graft::data::write_wikisql({.url = "http://localhost/"});
    return 1;
  } catch (const graft::Error& error) {
    std::printf("graft %s: SwiGLU is %s; %s\n", GRAFT_VERSION, close ? "right" : "wrong",
                error.what());
  }
  return close ? 0 : 1;
}
