// Chat templates in Ollama's language: reads lines of JSON {"template", "begin", "tokens"}, writes
// for each the template as JSON, or null where there is none. For ollama_templates.py.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "graft/base/error.h"
#include "graft/gguf/ollama_template.h"

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const nlohmann::json given = nlohmann::json::parse(line);
    nlohmann::json result;
    try {
      const graft::tokenizer::ChatTemplate chat(given.at("template").get<std::string>(),
                                                given.at("tokens"), "a template");
      const auto go = graft::gguf::ollama_template(chat, given.at("begin").get<std::string>());
      if (go) result = *go;
    } catch (const graft::Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::printf("%s\n", result.dump().c_str());
  }
  return 0;
}
