// Renders chat templates, for comparison with other software. Reads JSON lines {"template": ...,
// "variables": {...}} and writes, for each, a line {"text": ..., "generated": [[begin, end], ...]},
// the bytes that {% generation %} blocks wrote, or {"error": ...}. With "train_on" ("all",
// "completion", "assistant", "last"), and perhaps "special_tokens" and "prompt_messages", a line
// {"text": ..., "trained": [[begin, end], ...]} instead.
#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/tokenizer/chat_template.h"
#include "graft/tokenizer/chat_turns.h"

namespace {

using graft::tokenizer::ChatLoss;
using graft::tokenizer::ChatTemplate;
using graft::tokenizer::ChatTurns;
using graft::tokenizer::TrainOn;
using Json = nlohmann::ordered_json;

Json pairs(const std::vector<graft::Span>& spans) {
  Json result = Json::array();
  for (const graft::Span& span : spans) result.push_back({span.begin, span.end});
  return result;
}

ChatLoss loss_of(const Json& in) {
  static const std::map<std::string, TrainOn> kNames = {{"all", TrainOn::all},
                                                        {"completion", TrainOn::completion},
                                                        {"assistant", TrainOn::assistant},
                                                        {"last", TrainOn::last}};
  ChatLoss loss{.on = kNames.at(in.at("train_on").get<std::string>())};
  if (in.contains("prompt_messages")) loss.prompt_messages = in["prompt_messages"].get<size_t>();
  if (in.contains("messages")) loss.messages = in["messages"].get<std::vector<bool>>();
  return loss;
}

Json answer(const Json& in) {
  Json out;
  const auto source = in.at("template").get<std::string>();
  if (!in.contains("train_on")) {
    const auto chat = ChatTemplate(source, {}, "chat").render(in.at("variables"));
    out["text"] = chat.text;
    out["generated"] = pairs(chat.generated);
    return out;
  }
  const auto tokens = in.value("special_tokens", std::set<std::string>());
  static std::map<std::pair<std::string, std::set<std::string>>, ChatTurns> made;
  auto found = made.find({source, tokens});
  if (found == made.end()) {
    std::map<std::string, std::string> named;
    for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
      if (const auto value = in["variables"].find(name); value != in["variables"].end()) {
        named[name] = value->get<std::string>();
      }
    }
    found = made.emplace(std::pair(source, tokens),
                         ChatTurns(ChatTemplate(source, named, "chat"), tokens))
                .first;
  }
  const auto chat = found->second.text(in.at("variables"), loss_of(in));
  out["text"] = chat.text;
  out["trained"] = pairs(chat.trained);
  return out;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  try {
    while (std::getline(std::cin, line)) {
      const auto in = Json::parse(line);
      Json out;
      try {
        out = answer(in);
      } catch (const graft::Error& error) {
        out["error"] = error.what();
      }
      std::cout << out.dump() << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
