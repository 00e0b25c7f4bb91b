#include "graft/hub/environment.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/address.h"

namespace graft::hub {
namespace {

constexpr size_t kMostTokenBytes = 4096;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

bool is_true(const char* name) {
  std::string value = variable(name).value_or("");
  for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

fs::path home() { return variable("HOME").value_or("."); }

// "$NAME" and "${NAME}" of variables that are set, as Python's os.path.expandvars.
std::string with_variables(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    const size_t dollar = std::min(path.find('$'), path.size());
    result += path.substr(0, dollar);
    path.remove_prefix(dollar);
    if (path.empty()) break;
    const bool braced = path.starts_with("${");
    const size_t begin = braced ? 2 : 1;
    size_t end = begin;
    while (end < path.size() &&
           (std::isalnum(static_cast<unsigned char>(path[end])) != 0 || path[end] == '_')) {
      ++end;
    }
    const std::string name(path.substr(begin, end - begin));
    const bool whole = !name.empty() && (!braced || path.substr(end).starts_with("}"));
    const char* value = whole ? std::getenv(name.c_str()) : nullptr;
    const size_t taken = value == nullptr ? 1 : end + (braced ? 1 : 0);
    result += value == nullptr ? path.substr(0, 1) : std::string_view(value);
    path.remove_prefix(taken);
  }
  return result;
}

// As huggingface_hub: the home folder, then variables.
fs::path expanded(const std::string& path) {
  if (path == "~") return home();
  if (path.starts_with("~/")) return with_variables((home() / path.substr(2)).string());
  return with_variables(path);
}

fs::path hub_home() {
  if (auto own = variable("HF_HOME")) return expanded(*own);
  if (auto caches = variable("XDG_CACHE_HOME")) return expanded(*caches) / "huggingface";
  return home() / ".cache" / "huggingface";
}

fs::path cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (auto own = variable(name)) return expanded(*own);
  }
  return hub_home() / "hub";
}

std::optional<std::string> cleaned(std::string token) {
  std::erase_if(token, [](char c) { return c == '\r' || c == '\n'; });
  const size_t begin = token.find_first_not_of(" \t");
  if (begin == std::string::npos) return std::nullopt;
  token = token.substr(begin, token.find_last_not_of(" \t") - begin + 1);
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 32 && c < 127; });
  if (!printable)
    fail_usage("the Hub's token (HF_TOKEN or its file) has a character that no token has");
  return token;
}

std::optional<std::string> read_token(FrontEnd& front_end) {
  if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return std::nullopt;
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (auto own = variable(name)) return cleaned(*own);
  }
  const auto named = variable("HF_TOKEN_PATH");
  const fs::path path = named ? expanded(*named) : hub_home() / "token";
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  if ((status.st_mode & 077) != 0) {
    front_end.warn("{} can be read by others: chmod 600 {}", path.string(), path.string());
  }
  return cleaned(read_text(path, kMostTokenBytes));
}

long timeout() {
  const std::string text = variable("HF_HUB_DOWNLOAD_TIMEOUT").value_or("10");
  long seconds = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (result.ptr != text.data() + text.size() || seconds < 1 || seconds > 86400) {
    fail_usage("HF_HUB_DOWNLOAD_TIMEOUT must be a number of seconds, found '{}'", text);
  }
  return seconds;
}

}  // namespace

Environment Environment::read(std::shared_ptr<FrontEnd> front_end) {
  Environment environment;
  environment.front_end = std::move(front_end);
  environment.endpoint = variable("HF_ENDPOINT").value_or("https://huggingface.co");
  while (environment.endpoint.ends_with('/')) environment.endpoint.pop_back();
  check_address(environment.endpoint);
  environment.cache = absolute_path(cache_folder());
  environment.notes = absolute_path(hub_home() / "graft");
  environment.token = read_token(*environment.front_end);
  environment.offline = is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
  environment.timeout_seconds = timeout();
  return environment;
}

}  // namespace graft::hub
