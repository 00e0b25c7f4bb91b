#include <memory>

#include "graft/io/npz.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/adapter_metadata.h"

namespace graft::lora {
namespace {

void read_npz(AdapterFile& file) {
  const auto source = std::make_shared<const io::NpzFile>(file.path);
  for (const std::string& name : source->names()) {
    file.tensors.insert(
        {name, AdapterTensor(source->shape(name), [source, name] { return source->load(name); })});
  }
  take_metadata(file, source->comment());
  split_weights(file);
}

void write_npz(const AdapterFile& file) {
  io::save_npz(file.path, loaded(all_tensors(file)), metadata_of(file, io::kMaxComment));
}

void check_room_in_npz(const AdapterFile& file) { metadata_of(file, io::kMaxComment); }

}  // namespace

const AdapterFormat kNpzAdapters{.name = "npz",
                                 .file_name = "adapters.npz",
                                 .extension = ".npz",
                                 .read = read_npz,
                                 .write = write_npz,
                                 .is_exact = true,
                                 .check_room = check_room_in_npz};

}  // namespace graft::lora
