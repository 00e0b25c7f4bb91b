#include "graft/engine/modelfile.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <string>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/gguf/ollama_template.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_template.h"

namespace graft::engine {
namespace {

constexpr const char* kFirstLine = "# Written by graft";

fs::path whole(const fs::path& path) { return absolute_path(path).lexically_normal(); }

// What the runtime puts before every text: that which the tokenizer puts there.
std::string begin_text(const tokenizer::Tokenizer& tokenizer) {
  const std::vector<int32_t> ids = tokenizer.encode("a");
  if (ids.empty() || tokenizer.bos_id() != ids.front()) return {};
  return std::string(tokenizer.piece(ids.front()));
}

// Ollama's names of generation_config.json's settings.
std::string parameters_of(const json& config) {
  struct Setting {
    const char* key;
    const char* name;
  };
  std::string text;
  for (const Setting& setting :
       {Setting{"temperature", "temperature"}, Setting{"top_k", "top_k"}, Setting{"top_p", "top_p"},
        Setting{"min_p", "min_p"}, Setting{"repetition_penalty", "repeat_penalty"}}) {
    const auto found = config.find(setting.key);
    if (found == config.end() || !found->is_number()) continue;
    text += fmt::format("PARAMETER {} {}\n", setting.name, found->dump());
  }
  return text;
}

}  // namespace

void check_modelfile_target(const fs::path& target, const fs::path& gguf, bool force) {
  if (whole(target) == whole(gguf)) fail_usage("{} cannot be both files", target.string());
  check_writable(target);
  if (force || !is_there(target)) return;
  std::ifstream in(target);
  std::string line;
  line.resize(std::strlen(kFirstLine));
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  if (line != kFirstLine) {
    fail_usage("{} is there and not graft's: give another name, or `force`", target.string());
  }
}

std::string modelfile_text(const LoadedModel& loaded, const fs::path& gguf, const fs::path& target,
                           FrontEnd& front_end) {
  // By its name where both are in one folder, which can be moved then.
  const fs::path own = whole(gguf);
  const bool beside = own.parent_path() == whole(target).parent_path();
  std::string text = fmt::format("{}\nFROM {}\n", kFirstLine,
                                 beside ? "./" + own.filename().string() : own.string());
  const auto chat =
      tokenizer::ChatTemplate::load(loaded.folder.path(), loaded.tokenizer.special_tokens());
  if (chat) {
    const auto go = gguf::ollama_template(*chat, begin_text(loaded.tokenizer));
    const auto quoted = go ? gguf::in_three_quotes(*go) : std::nullopt;
    if (quoted) {
      text += fmt::format("TEMPLATE {}\n", *quoted);
    } else {
      front_end.note(
          "{}: the chat template has no equal in a Modelfile: Ollama chooses one by the file's own",
          target.string());
    }
  }
  for (const int32_t id : loaded.eos_ids()) {
    const auto stop = std::string(loaded.tokenizer.piece(id));
    // Ollama takes what stands between the quotes as it is.
    if (stop.empty() || stop.find_first_of("\"\n") != std::string::npos) continue;
    text += fmt::format("PARAMETER stop \"{}\"\n", stop);
  }
  const fs::path generation = loaded.folder.path() / "generation_config.json";
  if (is_there(generation)) text += parameters_of(io::read_json_object(generation));
  return text;
}

}  // namespace graft::engine
