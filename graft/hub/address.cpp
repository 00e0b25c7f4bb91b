#include "graft/hub/address.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "graft/base/error.h"

namespace graft::hub {
namespace {

// Without what may be a secret.
std::string shown(const std::string& url) {
  return url.substr(0, std::min(url.find('?'), size_t{200}));
}

struct Parts {
  std::string scheme, host, port;
};

Parts parts_of(const std::string& url) {
  std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    fail_usage("'{}' is no address that begins with https://", shown(url));
  }
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
      return std::string();
    std::string copy = text;
    curl_free(text);
    std::transform(copy.begin(), copy.end(), copy.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return copy;
  };
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty()) {
    fail_usage("an address must have no user or password in it");
  }
  return {part(CURLUPART_SCHEME), part(CURLUPART_HOST), part(CURLUPART_PORT)};
}

}  // namespace

std::string origin_of(const std::string& url) {
  const Parts parts = parts_of(url);
  if (parts.scheme != "https" && parts.scheme != "http") {
    fail("{} is neither https nor http", shown(url));
  }
  return parts.scheme + "://" + parts.host + ":" + parts.port;
}

void check_address(const std::string& url) {
  const Parts parts = parts_of(url);
  const bool here = parts.host == "localhost" || parts.host == "127.0.0.1" || parts.host == "[::1]";
  if (parts.scheme != "https" && !(parts.scheme == "http" && here)) {
    fail_usage("{} must be reached by https:// (http:// on this machine only)", shown(url));
  }
}

bool is_safe_address(const std::string& url) {
  try {
    check_address(url);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string escaped(const std::string& part) {
  std::string result;
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      result += c;
    } else {
      result += fmt::format("%{:02X}", byte);
    }
  }
  return result;
}

std::string unescaped(const std::string& text) {
  int length = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      curl_easy_unescape(nullptr, text.c_str(), static_cast<int>(text.size()), &length), curl_free);
  return plain ? std::string(plain.get(), static_cast<size_t>(length)) : text;
}

}  // namespace graft::hub
