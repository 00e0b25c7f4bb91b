// Renders chat templates, for comparison with other software. Reads JSON lines {"template": ...,
// "variables": {...}} and writes, for each, a line {"text": ...} or {"error": ...}.
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "graft/base/error.h"
#include "graft/tokenizer/chat_template.h"

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  try {
    while (std::getline(std::cin, line)) {
      const auto in = nlohmann::ordered_json::parse(line);
      nlohmann::ordered_json out;
      try {
        const graft::tokenizer::ChatTemplate chat(in.at("template").get<std::string>(), {}, "chat");
        out["text"] = chat.apply(in.at("variables"));
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
