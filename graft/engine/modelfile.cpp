#include "graft/engine/modelfile.h"

#include <fmt/format.h>

#include <string>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/gguf/ollama_template.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_template.h"

namespace graft::engine {
namespace {

constexpr const char* kFirstLine = "# Written by graft";

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

void check_modelfile_target(const fs::path& target, bool force) {
  check_writable(target);
  if (!force && is_there(target) && !read_text(target).starts_with(kFirstLine)) {
    fail_usage("{} is there and not graft's: give another name, or `force`", target.string());
  }
}

void write_modelfile(const LoadedModel& loaded, const fs::path& gguf, const fs::path& target,
                     FrontEnd& front_end) {
  const fs::path folder = fs::absolute(target).parent_path();
  // By its name where both are in one folder, which can be moved then.
  const fs::path own = fs::absolute(gguf).lexically_normal();
  const bool beside = own.parent_path() == folder.lexically_normal();
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
    const auto piece = std::string(loaded.tokenizer.piece(id));
    if (const std::string stop = ordered_json(piece).dump(); !piece.empty()) {
      text += fmt::format("PARAMETER stop {}\n", stop);
    }
  }
  const fs::path generation = loaded.folder.path() / "generation_config.json";
  if (is_there(generation)) text += parameters_of(io::read_json_object(generation));
  write_text(target, text);
}

}  // namespace graft::engine
