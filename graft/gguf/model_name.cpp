#include "graft/gguf/model_name.h"

#include <algorithm>
#include <cctype>

namespace graft::gguf {

std::string safe_name(std::string name, bool wants_phi3) {
  const auto found = [&] {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::min(lower.find("phi-3"), lower.find("phi3"));
  };
  if (wants_phi3) return found() == std::string::npos ? name + " (Phi-3)" : name;
  for (size_t at = found(); at != std::string::npos; at = found()) {
    const size_t digit = name.find('3', at);
    name.replace(at + 3, digit - at - 3, " ");
  }
  return name;
}

}  // namespace graft::gguf
