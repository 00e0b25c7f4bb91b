#include "graft/data/download.h"

#include <curl/curl.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "graft/base/error.h"
#include "graft/base/terminal.h"

namespace graft::data {
namespace {

struct Transfer {
  std::string body;
  size_t max_bytes;
  bool too_large = false;
  LiveLine line;
};

size_t receive(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (size > transfer.max_bytes - transfer.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.body.append(data, size);
  return size;
}

int progress(void* user, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) {
  const double done = static_cast<double>(received) / 1e6, all = static_cast<double>(total) / 1e6;
  std::string text = fmt::format("{:.1f} MB", done);
  if (total > 0)
    text = fmt::format("{} {:.1f} of {:.1f} MB", progress_bar(done / all, 30), done, all);
  if (received > 0) static_cast<Transfer*>(user)->line.show(text);
  return 0;
}

}  // namespace

std::string download(const std::string& url, const DownloadOptions& options) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  const bool from_file = url.rfind("file://", 0) == 0;
  if (!from_file && url.rfind("https://", 0) != 0) {
    fail("cannot download {}: the address must begin with https:// or file://", url);
  }
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (initialized != CURLE_OK || !curl) fail("cannot download {}: libcurl does not start", url);

  Transfer transfer{.body = {}, .max_bytes = options.max_bytes, .line = {}};
  std::array<char, CURL_ERROR_SIZE> reason{};
  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, from_file ? "file" : "https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "graft/" GRAFT_VERSION);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, options.connect_seconds);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1024L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, options.stalled_seconds);
  curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.max_bytes));
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, stderr_is_terminal() ? 0L : 1L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  // The libcurl of some distributions does not look at it itself.
  if (const char* authorities = std::getenv("SSL_CERT_FILE")) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, authorities);
  }

  const CURLcode code = curl_easy_perform(handle);
  transfer.line.clear();
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    fail("cannot download {}: it is larger than {} bytes, the most that is taken", url,
         options.max_bytes);
  }
  if (code != CURLE_OK) {
    fail("cannot download {}: {}", url,
         reason[0] != '\0' ? reason.data() : curl_easy_strerror(code));
  }
  return std::move(transfer.body);
}

}  // namespace graft::data
