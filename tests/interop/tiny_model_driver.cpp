// Writes a tiny random model and a data set for it:
//   tiny_model_driver MODEL DATA

#include <cstdio>

#include "tests/support/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: tiny_model_driver MODEL DATA\n");
    return 2;
  }
  graft::testing::write_tiny_model(argv[1]);
  graft::testing::write_tiny_data(argv[2]);
}
