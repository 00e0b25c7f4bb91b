#include "cli/adapter_option.h"

#include <cmath>

#include "cli/named.h"
#include "graft/base/error.h"

namespace graft::cli {
namespace {

constexpr const char* kDefaultAdapter = "adapters.npz";

// The number behind the last colon; a path with a colon in it that is there is a path.
lora::WeightedAdapter weighted(const engine::Runtime& runtime, const std::string& name) {
  const auto read = [&](const std::string& adapter) {
    return lora::read_adapter_file(adapter_path(runtime, adapter));
  };
  const size_t colon = name.rfind(':');
  if (colon == std::string::npos || is_there(name)) return {read(name)};
  const std::string text = name.substr(colon + 1);
  size_t used = 0;
  float weight = 0;
  try {
    weight = std::stof(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (text.empty() || used != text.size() || !std::isfinite(weight)) {
    fail_usage("--adapter-file {}: its weight must be a number, found \"{}\"", name, text);
  }
  return {read(name.substr(0, colon)), weight};
}

}  // namespace

std::vector<lora::WeightedAdapter> named_adapters(const engine::Runtime& runtime,
                                                  const std::vector<std::string>& names) {
  std::vector<lora::WeightedAdapter> all;
  for (const std::string& text : names) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t comma = is_there(text) ? std::string::npos : text.find(',', begin);
      const std::string name = text.substr(begin, comma - begin);
      if (name.empty()) fail_usage("--adapter-file {}: a name is missing", text);
      all.push_back(weighted(runtime, name));
      if (comma == std::string::npos) break;
      begin = comma + 1;
    }
  }
  return all;
}

void add_adapter_option(CLI::App& command, std::vector<std::string>& names,
                        const std::string& what_for) {
  command
      .add_option("--adapter-file", names,
                  what_for +
                      ": a file, a folder of mlx-lm or PEFT, or the name of one on the Hub, "
                      "owner/name or owner/name?file=NAME; several are added up, each with its "
                      "weight if that is not 1: a.npz:0.5")
      ->allow_extra_args(false)
      ->take_all()
      ->type_name("ADAPTER[:WEIGHT]");
}

lora::AdapterFile named_adapter(const engine::Runtime& runtime,
                                const std::vector<std::string>& names) {
  return lora::merged(named_adapters(runtime, names));
}

void use_adapter(const engine::Runtime& runtime, engine::LoadedModel& loaded,
                 const std::vector<std::string>& names) {
  FrontEnd& front_end = runtime.front_end();
  if (names == std::vector<std::string>{"none"}) return;
  if (names.empty() && !is_there(kDefaultAdapter)) return;
  if (!names.empty()) {
    engine::put_adapter(loaded, named_adapter(runtime, names), front_end);
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
