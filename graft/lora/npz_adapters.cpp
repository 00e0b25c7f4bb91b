#include "graft/io/npz.h"
#include "graft/lora/adapter_format.h"

namespace graft::lora {
namespace {

AdapterContents read_npz(const fs::path& path) {
  io::Npz npz = io::load_npz(path);
  return {std::move(npz.arrays), std::move(npz.comment)};
}

void write_npz(const fs::path& path, const AdapterContents& contents) {
  io::save_npz(path, contents.tensors, contents.settings);
}

}  // namespace

const AdapterFormat kNpzAdapters{".npz", read_npz, write_npz};

}  // namespace graft::lora
