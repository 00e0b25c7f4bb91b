// Reads a .npz file and writes what it read: SOURCE TARGET COMMENT. For npz_parity.py.
#include <cstdio>

#include "graft/base/error.h"
#include "graft/io/npz.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s SOURCE TARGET COMMENT\n", argv[0]);
    return 2;
  }
  try {
    graft::io::save_npz(argv[2], graft::io::load_npz(argv[1]), argv[3]);
    return 0;
  } catch (const graft::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
