#include "graft/io/npz.h"
#include "graft/lora/adapter_format.h"

namespace graft::lora {
namespace {

AdapterContents read_npz(const fs::path& path) {
  const auto file = std::make_shared<const io::NpzFile>(path);
  AdapterContents contents{.tensors = {}, .settings = file->comment()};
  for (const std::string& name : file->names()) {
    contents.tensors.insert(
        {name, AdapterTensor(file->shape(name), [file, name] { return file->load(name); })});
  }
  return contents;
}

void write_npz(const fs::path& path, const AdapterContents& contents) {
  io::save_npz(path, loaded(contents.tensors), contents.settings);
}

}  // namespace

const AdapterFormat kNpzAdapters{".npz", read_npz, write_npz};

}  // namespace graft::lora
