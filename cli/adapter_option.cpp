#include "cli/adapter_option.h"

#include "graft/base/error.h"

namespace graft::cli {
namespace {

constexpr const char* kDefaultAdapter = "adapters.npz";

}  // namespace

void use_adapter(engine::LoadedModel& loaded, const std::optional<std::string>& file,
                 FrontEnd& front_end) {
  if (file == "none") return;
  if (!file && !fs::exists(kDefaultAdapter)) return;
  if (file) {
    engine::put_adapter(loaded, lora::read_adapter_file(*file), front_end);
    return;
  }
  try {
    lora::AdapterFile adapter = lora::read_adapter_file(kDefaultAdapter);
    lora::check_fits(*loaded.model, adapter);
    front_end.note("Using the adapter {} (--adapter-file none: the base model)", kDefaultAdapter);
    engine::put_adapter(loaded, adapter, front_end);
  } catch (const Error& error) {
    fail("{}; name another with --adapter-file, or give --adapter-file none for the base model",
         error.what());
  }
}

}  // namespace graft::cli
