#include "graft/hub/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>

#include "graft/base/front_end.h"
#include "graft/hub/address.h"

namespace graft::hub {
namespace {

constexpr size_t kMostBody = size_t{8} << 20;
constexpr size_t kMostHeaders = 200;
constexpr size_t kMostHeaderBytes = 16384;
constexpr int kMostRedirects = 10;
constexpr double kLongestPause = 60;
// Multiples of the usual time-out: while a body is sent, the server may be busy with what it has.
constexpr long kPatienceWithUploads = 6, kPatienceWithLateAnswers = 60;

struct Transfer {
  CURL* curl;
  const Request& request;
  const FrontEnd& front_end;
  Response response;
  bool asked = false, to_sink = false, broken_off = false;
  uint64_t sent = 0;
  std::exception_ptr failure;  // of a source or a sink: it must not propagate through libcurl

  uint64_t body_size() const { return request.source ? request.source_size : request.body.size(); }
};

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return std::string(text);
}

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size);
  auto& headers = transfer.response.headers;
  if (line.starts_with("HTTP/")) headers.clear();  // after "100 Continue" or a proxy's answer
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || size > kMostHeaderBytes || headers.size() > kMostHeaders)
    return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  headers[name] = trimmed(line.substr(colon + 1));
  return size;
}

size_t take_body(Transfer& transfer, std::string_view bytes) {
  const Request& request = transfer.request;
  if (!transfer.asked) {
    transfer.asked = true;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.response.status);
    const bool good = transfer.response.status / 100 == 2 && request.sink;
    transfer.to_sink = good && (!request.wants_body || request.wants_body(transfer.response));
    transfer.broken_off = good && !transfer.to_sink;
  }
  if (transfer.to_sink && !transfer.broken_off) {
    transfer.broken_off = !request.sink(bytes);
  } else if (!transfer.broken_off) {
    std::string& body = transfer.response.body;
    transfer.broken_off = body.size() + bytes.size() > kMostBody;
    if (!transfer.broken_off) body.append(bytes);
  }
  return transfer.broken_off ? 0 : bytes.size();
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    return take_body(transfer, {data, size});
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;
  }
}

// Called while data flows, and about once a second while none does.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    transfer.front_end.check_cancelled();
    return 0;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 1;
  }
}

// libcurl's own reading of a body that is sent.
size_t on_read(char* to, size_t, size_t room, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const Request& request = transfer.request;
  const auto size =
      static_cast<size_t>(std::min<uint64_t>(room, transfer.body_size() - transfer.sent));
  if (size == 0) return 0;
  try {
    const size_t read = request.source ? request.source(transfer.sent, to, size)
                                       : request.body.copy(to, size, transfer.sent);
    transfer.sent += read;
    return read;
  } catch (...) {
    transfer.failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

}  // namespace

Response Http::hop(const Request& request, const std::string& url, std::string& redirect) const {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (initialized != CURLE_OK || !curl) fail("libcurl does not start");
  CURL* handle = curl.get();
  Transfer transfer{.curl = handle,
                    .request = request,
                    .front_end = *environment_.front_end,
                    .response = {},
                    .failure = {}};
  std::array<char, CURL_ERROR_SIZE> reason{};
  const bool sends = request.method == "POST" || request.method == "PUT";
  const long patience =
      request.answered_late ? kPatienceWithLateAnswers : (sends ? kPatienceWithUploads : 1);

  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
  if (environment_.token && origin_of(url) == origin_of(environment_.endpoint)) {
    list = curl_slist_append(list, ("Authorization: Bearer " + *environment_.token).c_str());
  }
  list = curl_slist_append(list, "Expect:");
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);

  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "graft/" GRAFT_VERSION);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, environment_.timeout_seconds);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, environment_.timeout_seconds * patience);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 512L << 10);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason.data());
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  // The libcurl of some distributions does not look at it itself.
  if (const char* authorities = std::getenv("SSL_CERT_FILE")) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, authorities);
  }
  if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (sends) {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(transfer.body_size()));
  }

  const CURLcode code = curl_easy_perform(handle);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  Response& response = transfer.response;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && transfer.broken_off)) {
    const std::string why = reason[0] != '\0' ? reason.data() : curl_easy_strerror(code);
    const std::string host = origin_of(url);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
      fail(
          "{}: its certificate is not trusted ({}); SSL_CERT_FILE names a file of other "
          "authorities",
          host, why);
    }
    throw ConnectionError(fmt::format("{}: {}", host, why));
  }
  if (transfer.broken_off && !request.sink)
    fail("{}: the answer is larger than {} MB", origin_of(url), kMostBody >> 20);
  if (response.status / 100 == 3) {
    char* next = nullptr;
    curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &next);
    if (next != nullptr) redirect = next;
  }
  return std::move(response);
}

Response Http::send_once(const Request& request) const {
  std::string url = request.url;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    check_address(url);
    std::string next;
    Response response = hop(request, url, next);
    if (next.empty()) return response;
    url = next;
  }
  fail("{}: more than {} redirects", origin_of(request.url), kMostRedirects);
}

Response Http::send(const Request& request, const Say& say) const {
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt + 1 == kTries;
    double pause;
    std::string why;
    try {
      Response response = send_once(request);
      if (last || !is_transient(response)) return response;
      pause = pause_seconds(attempt, &response);
      why = fmt::format("{}: HTTP status {}", origin_of(request.url), response.status);
    } catch (const ConnectionError& error) {
      if (last) throw;
      pause = pause_seconds(attempt, nullptr);
      why = error.what();
    }
    const std::string line = fmt::format("{}; trying again in {:.1f} s", why, pause);
    if (say) {
      say(line);
    } else {
      environment_.front_end->note_line(line);
    }
    this->pause(pause);
  }
}

void Http::pause(double seconds) const {
  constexpr double kSlice = 0.1;
  for (; seconds > 0; seconds -= kSlice) {
    environment_.front_end->check_cancelled();
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, kSlice)));
  }
}

Request post_json(const std::string& url, const std::string& text, const std::string& type) {
  Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {"Content-Type: " + type, "Accept: " + type};
  request.body = text;
  return request;
}

bool is_transient(const Response& response) {
  return response.status == 408 || response.status == 429 || response.status / 100 == 5 ||
         (response.status == 400 && response.body.find("RequestTimeout") != std::string::npos);
}

void check_not_transient(const Response& response, const std::string& what) {
  if (is_transient(response)) {
    throw ConnectionError(fmt::format("{}: HTTP status {}", what, response.status));
  }
}

double pause_seconds(int attempt, const Response* response) {
  if (response != nullptr) {
    const std::string wanted = response->header("retry-after");
    char* end = nullptr;
    const double seconds = std::strtod(wanted.c_str(), &end);
    if (!wanted.empty() && *end == '\0' && seconds >= 0) return std::min(seconds, kLongestPause);
  }
  return 0.5 * std::pow(2.0, std::min(attempt, 5));
}

}  // namespace graft::hub
