#include "graft/hub/hash.h"

#include <openssl/evp.h>

#include <array>

#include "graft/base/error.h"

namespace graft::hub {

struct Hash::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

HashKind hash_kind(const std::string& etag) {
  const bool hexadecimal = etag.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (hexadecimal && etag.size() == 64) return HashKind::sha256;
  if (hexadecimal && etag.size() == 40) return HashKind::git;
  fail("the Hub names a file by something that is neither SHA-256 nor SHA-1");
}

Hash::Hash(HashKind kind, uint64_t size) : context_(std::make_unique<Context>()) {
  const bool lfs = kind == HashKind::sha256;
  if (context_->md == nullptr ||
      EVP_DigestInit_ex(context_->md, lfs ? EVP_sha256() : EVP_sha1(), nullptr) != 1) {
    fail("libcrypto has no {}", lfs ? "SHA-256" : "SHA-1");
  }
  if (!lfs) {
    const std::string header = fmt::format("blob {}", size);
    add(header.c_str(), header.size() + 1);
  }
}

Hash::~Hash() = default;
Hash::Hash(Hash&&) noexcept = default;

void Hash::add(const void* data, size_t size) { EVP_DigestUpdate(context_->md, data, size); }

std::string Hash::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  EVP_DigestFinal_ex(context_->md, bytes.data(), &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string sha256(std::string_view bytes) {
  Hash hash(HashKind::sha256, bytes.size());
  hash.add(bytes.data(), bytes.size());
  return hash.finish();
}

}  // namespace graft::hub
