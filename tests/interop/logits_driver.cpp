// Writes the f32 logits of one text: MODEL ADAPTER|none TARGET.npz ID... For model_parity.py.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/npz.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/registry.h"

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: %s MODEL ADAPTER|none TARGET.npz ID...\n", argv[0]);
    return 2;
  }
  namespace mx = mlx::core;
  try {
    auto model = graft::models::load_model(graft::io::ModelFolder::open(argv[1]), mx::float32);
    if (std::strcmp(argv[2], "none") != 0) {
      graft::lora::apply(*model, graft::lora::read_adapter_file(argv[2]));
    }
    std::vector<int32_t> ids;
    for (int i = 4; i < argc; ++i) ids.push_back(std::atoi(argv[i]));
    int n = static_cast<int>(ids.size());
    mx::array logits = graft::models::logits(*model, mx::array(ids.begin(), {n}, mx::int32),
                                             model->context({{0, n, 0, n}}));
    graft::io::save_npz(argv[3], {{"logits", logits}});
    return 0;
  } catch (const graft::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
