#include "graft/distributed/channel.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "graft/base/error.h"

namespace graft::distributed {
namespace {

constexpr size_t kLongestMessage = size_t{4} << 20;  // of one who knows the secret
constexpr size_t kLengthDigits = 8;                  // hexadecimal
constexpr auto kLongestSend = std::chrono::seconds(5);

std::string in_digits(const unsigned char* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string random_digits(size_t bytes) {
  std::string buffer(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(buffer.data());
  if (RAND_bytes(data, static_cast<int>(bytes)) != 1) fail("libcrypto has no random numbers");
  return in_digits(data, bytes);
}

std::string proof_of(const std::string& secret, const char* part, const std::string& callers,
                     const std::string& hosts) {
  const std::string text = std::string(part) + ":" + callers + ":" + hosts;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data(), &length);
  return in_digits(bytes.data(), length);
}

bool is_equal(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string text_in(const std::optional<json>& message, const char* name) {
  if (!message || !message->contains(name) || !(*message)[name].is_string()) return {};
  return (*message)[name].get<std::string>();
}

}  // namespace

std::string new_secret() { return random_digits(32); }

// The other's, for one's own.
std::optional<std::string> Channel::exchanged_challenge(const std::string& own,
                                                        Clock::time_point deadline) {
  if (!send({{"graft", 1}, {"challenge", own}})) return {};
  const std::string other = text_in(receive(deadline), "challenge");
  if (other.size() != own.size() || other == own) return {};
  return other;
}

std::optional<Channel> Channel::welcome(Socket socket, const std::string& secret,
                                        Clock::time_point deadline) {
  Channel channel(std::move(socket));
  const std::string own = random_digits(16);
  const auto other = channel.exchanged_challenge(own, deadline);
  if (!other) return {};
  const std::string proof = text_in(channel.receive(deadline), "proof");
  if (!is_equal(proof, proof_of(secret, "caller", *other, own))) {
    channel.send({{"proof", ""}});  // nothing of the secret for a stranger
    return {};
  }
  if (!channel.send({{"proof", proof_of(secret, "host", *other, own)}})) return {};
  channel.longest_ = kLongestMessage;
  return channel;
}

std::optional<Channel> Channel::call_on(Socket socket, const std::string& secret,
                                        Clock::time_point deadline) {
  Channel channel(std::move(socket));
  const std::string own = random_digits(16);
  const auto other = channel.exchanged_challenge(own, deadline);
  if (!other || !channel.send({{"proof", proof_of(secret, "caller", own, *other)}})) return {};
  const auto answer = channel.receive(deadline);
  if (!answer) return {};
  if (!is_equal(text_in(answer, "proof"), proof_of(secret, "host", own, *other))) {
    fail("it does not know the training's secret, or this process has another one");
  }
  channel.longest_ = kLongestMessage;
  return channel;
}

bool Channel::send(const json& message) {
  if (!is_open()) return false;
  const std::string body = message.dump(-1, ' ', false, json::error_handler_t::replace);
  const std::string all = fmt::format("{:0{}x}", body.size(), kLengthDigits) + body;
  const auto deadline = Clock::now() + kLongestSend;
  for (size_t sent = 0; sent < all.size();) {
    const ssize_t n = ::send(descriptor(), all.data() + sent, all.size() - sent,
                             MSG_DONTWAIT
#ifdef MSG_NOSIGNAL
                                 | MSG_NOSIGNAL
#endif
    );
    if (n > 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;  // `receive` finds the end
    pollfd wanted{descriptor(), POLLOUT, 0};
    if (::poll(&wanted, 1, milliseconds_until(deadline)) == 0 && Clock::now() >= deadline) {
      return close(), false;
    }
  }
  return true;
}

// A whole message of what was received. What is none closes the connection.
std::optional<json> Channel::buffered() {
  if (buffer_.size() < kLengthDigits) return {};
  size_t length = 0;
  for (size_t i = 0; i < kLengthDigits; ++i) {
    const size_t digit = std::string_view("0123456789abcdef").find(buffer_[i]);
    if (digit == std::string_view::npos) return close(), std::nullopt;
    length = length * 16 + digit;
  }
  if (length > longest_) return close(), std::nullopt;
  if (buffer_.size() < kLengthDigits + length) return {};
  json message = json::parse(buffer_.substr(kLengthDigits, length), nullptr, false);
  buffer_.erase(0, kLengthDigits + length);
  if (!message.is_object()) return close(), std::nullopt;
  return message;
}

std::optional<json> Channel::receive(Clock::time_point deadline) {
  for (;;) {
    if (!is_open()) return {};
    if (auto message = buffered()) return message;
    if (!is_open()) return {};
    pollfd wanted{descriptor(), POLLIN, 0};
    const int ready = ::poll(&wanted, 1, milliseconds_until(deadline));
    if (ready == 0 && Clock::now() >= deadline) return {};
    if (ready <= 0) continue;
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) {
      buffer_.append(bytes.data(), static_cast<size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      close();
      return {};
    }
  }
}

}  // namespace graft::distributed
