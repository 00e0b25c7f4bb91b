#include "graft/lora/layer_key.h"

#include <charconv>
#include <string_view>

namespace graft::lora {
namespace {

constexpr std::string_view kLayers = "layers.";

}  // namespace

std::string key_of(const std::string& path) {
  const size_t layers = path.find(kLayers);
  if (layers == std::string::npos) return path;
  const size_t end = path.find('.', layers + kLayers.size());
  return end == std::string::npos ? path : path.substr(end + 1);
}

std::optional<int> layer_of(const std::string& path) {
  const size_t layers = path.find(kLayers);
  if (layers == std::string::npos) return {};
  const char* begin = path.data() + layers + kLayers.size();
  const char* end = path.data() + path.size();
  int number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || number < 0 || (stop != end && *stop != '.')) return {};
  return number;
}

}  // namespace graft::lora
