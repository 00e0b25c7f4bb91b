#include "graft/data/check/secrets.h"

#include <fmt/format.h>
#include <string.h>  // memmem

#include <algorithm>
#include <bitset>

#include "graft/data/check/record_check.h"

namespace graft::data::check {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_upper(c) || is_lower(c); }
bool is_base32(char c) { return is_upper(c) || (c >= '2' && c <= '7'); }
bool is_url_base64(char c) { return is_alnum(c) || c == '-' || c == '_'; }
bool is_base64(char c) { return is_alnum(c) || c == '+' || c == '/' || c == '='; }
// What a longer run of base64 or a longer name would have before a key.
bool is_word(char c) { return is_base64(c) || c == '_' || c == '-'; }

size_t run_of(std::string_view text, bool (*is)(char)) {
  size_t size = 0;
  while (size < text.size() && is(text[size])) ++size;
  return size;
}

// A key is random: words and "xxxxxxxx" are not.
bool looks_random(std::string_view text) {
  std::bitset<256> seen;
  bool digit = false, letter = false;
  for (const char c : text) {
    seen.set(static_cast<unsigned char>(c));
    digit = digit || is_digit(c);
    letter = letter || is_upper(c) || is_lower(c);
  }
  return seen.count() >= 10 && digit && letter;
}

// What of `rest`, the text behind a prefix, belongs to the key; 0: it is none.
using SizeOf = size_t (*)(std::string_view rest);

struct Form {
  const char* kind;
  std::string_view prefix;
  SizeOf size;
};

template <size_t kSize, bool (*kIs)(char)>
size_t exactly(std::string_view rest) {
  const size_t size = run_of(rest, kIs);
  return size == kSize && looks_random(rest.substr(0, size)) ? size : 0;
}

template <size_t kLeast, bool (*kIs)(char)>
size_t at_least(std::string_view rest) {
  const size_t size = run_of(rest, kIs);
  return size >= kLeast && looks_random(rest.substr(0, size)) ? size : 0;
}

size_t aws(std::string_view rest) {
  constexpr std::string_view kOfTheManual = "IOSFODNN7EXAMPLE";
  const size_t size = run_of(rest, is_base32);
  const bool longer = size < rest.size() && is_word(rest[size]);
  return size == 16 && !longer && rest.substr(0, size) != kOfTheManual ? size : 0;
}

// "sk-" and a run; those of projects have more words before it.
size_t openai(std::string_view rest) {
  for (const std::string_view word : {"proj-", "svcacct-", "admin-", "or-v1-"}) {
    if (!rest.starts_with(word)) continue;
    const size_t size = at_least<40, is_url_base64>(rest.substr(word.size()));
    return size == 0 ? 0 : word.size() + size;
  }
  const size_t size = run_of(rest, is_alnum);
  const bool longer = size < rest.size() && (rest[size] == '-' || rest[size] == '_');
  return size >= 32 && !longer && looks_random(rest.substr(0, size)) ? size : 0;
}

size_t hugging_face(std::string_view rest) {
  const size_t size = run_of(rest, is_alnum);
  const std::string_view key = rest.substr(0, size);
  const bool mixed = std::any_of(key.begin(), key.end(), is_upper) &&
                     std::any_of(key.begin(), key.end(), is_lower);
  const bool longer = size < rest.size() && rest[size] == '_';
  return size == 34 && mixed && !longer ? size : 0;
}

// "xoxb-" and numbers of workspace and bot before the random part.
size_t slack(std::string_view rest) {
  if (rest.size() < 2 || std::string_view("abeprs").find(rest[0]) == std::string_view::npos ||
      rest[1] != '-') {
    return 0;
  }
  const std::string_view key = rest.substr(2);
  const size_t size = run_of(key, is_url_base64);
  return size >= 24 && run_of(key, is_digit) >= 8 && looks_random(key.substr(0, size)) ? 2 + size
                                                                                       : 0;
}

// Of a JWT (RFC 7519) behind "eyJ", which is {" in base64: a header, claims and a signature.
size_t jwt(std::string_view rest) {
  size_t at = run_of(rest, is_url_base64);
  if (at < 10 || !rest.substr(at).starts_with(".eyJ")) return 0;
  const size_t claims = run_of(rest.substr(at + 1), is_url_base64);
  at += 1 + claims;
  if (claims < 10 || at == rest.size() || rest[at] != '.') return 0;
  const size_t signature = run_of(rest.substr(at + 1), is_url_base64);
  return signature < 20 ? 0 : at + 1 + signature;
}

// Of a PEM block: its label ends in PRIVATE KEY, and base64 follows.
size_t private_key(std::string_view rest) {
  constexpr std::string_view kLabel = "PRIVATE KEY", kDashes = "-----";
  constexpr size_t kLongestLabel = 40, kLeastBody = 48;
  const size_t end = rest.substr(0, kLongestLabel).find(kDashes);
  if (end == std::string_view::npos) return 0;
  const std::string_view label = rest.substr(0, end);
  if (!label.ends_with(kLabel) && !label.ends_with("PRIVATE KEY BLOCK")) return 0;
  // Line breaks may be written as \n. Headers stand before the body in some.
  size_t at = end + kDashes.size();
  const size_t stop = std::min(rest.find("-----END", at), rest.size());
  const std::string_view body = rest.substr(at, stop - at);
  for (size_t i = 0; i < body.size(); ++i) {
    const size_t run = run_of(body.substr(i), is_base64);
    if (run >= kLeastBody) {
      const size_t dashes = rest.find(kDashes, std::min(stop + kDashes.size(), rest.size()));
      return dashes == std::string_view::npos ? stop : dashes + kDashes.size();
    }
    i += run;
  }
  return 0;
}

size_t github_fine(std::string_view rest) {
  const size_t size = run_of(rest, [](char c) { return is_alnum(c) || c == '_'; });
  return size == 82 && rest[22] == '_' && looks_random(rest.substr(0, size)) ? size : 0;
}

// The longer prefix first where one begins with another.
constexpr Form kForms[] = {
    {"an access key of AWS", "AKIA", aws},
    {"an access key of AWS", "ASIA", aws},
    {"a token of GitHub", "ghp_", exactly<36, is_alnum>},
    {"a token of GitHub", "gho_", exactly<36, is_alnum>},
    {"a token of GitHub", "ghu_", exactly<36, is_alnum>},
    {"a token of GitHub", "ghs_", exactly<36, is_alnum>},
    {"a token of GitHub", "ghr_", exactly<36, is_alnum>},
    {"a token of GitHub", "github_pat_", github_fine},
    {"a key of Anthropic", "sk-ant-", at_least<32, is_url_base64>},
    {"a key of OpenAI", "sk-", openai},
    {"a token of Hugging Face", "hf_", hugging_face},
    {"a token of Slack", "xox", slack},
    {"a key of Google", "AIza", exactly<35, is_url_base64>},
    {"a JSON web token", "eyJ", jwt},
    {"a private key", "-----BEGIN ", private_key},
};

// Whether a longer word began before `at`. A key may stand behind "NAME=" and behind an escape such
// as \n.
bool is_inside(std::string_view text, size_t at) {
  if (at == 0 || !is_word(text[at - 1]) || text[at - 1] == '=') return false;
  return at == 1 || text[at - 2] != '\\';
}

void look_for_secrets(const RecordView& view, const ControlTokens&, const Found& found) {
  for_each_text(view, [&](const std::string& place, std::string_view text) {
    for (const Secret& secret : secrets_in(text)) found(place + ": " + secret.kind);
  });
}

}  // namespace

std::vector<Secret> secrets_in(std::string_view text) {
  std::vector<Secret> secrets;
  const char* const end = text.data() + text.size();
  for (const Form& form : kForms) {
    const char* from = text.data();
    while (from != end) {
      const void* hit =
          ::memmem(from, static_cast<size_t>(end - from), form.prefix.data(), form.prefix.size());
      if (hit == nullptr) break;
      const auto at = static_cast<size_t>(static_cast<const char*>(hit) - text.data());
      from = text.data() + at + form.prefix.size();
      if (form.prefix.front() != '-' && is_inside(text, at)) continue;
      const size_t size = form.size(text.substr(at + form.prefix.size()));
      if (size > 0) secrets.push_back({form.kind, {at, at + form.prefix.size() + size}});
    }
  }
  std::stable_sort(secrets.begin(), secrets.end(),
                   [](const Secret& a, const Secret& b) { return a.bytes.begin < b.bytes.begin; });
  // "sk-ant-..." is one key.
  std::vector<Secret> apart;
  for (const Secret& secret : secrets) {
    if (apart.empty() || secret.bytes.begin >= apart.back().bytes.end) apart.push_back(secret);
  }
  return apart;
}

std::string without_secrets(std::string_view text) {
  std::string result;
  size_t at = 0;
  for (const Secret& secret : secrets_in(text)) {
    result += text.substr(at, secret.bytes.begin - at);
    result += fmt::format("[{}]", secret.kind);
    at = secret.bytes.end;
  }
  result += text.substr(at);
  return result;
}

const RecordCheck kSecrets = {
    {"secret", "texts that look like keys and passwords",
     "a model can repeat them word for word: revoke them, and take them out"},
    look_for_secrets};

}  // namespace graft::data::check
