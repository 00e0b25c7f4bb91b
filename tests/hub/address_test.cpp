#include "graft/hub/address.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::hub {
namespace {

TEST(Address, OriginIsSchemeHostAndPort) {
  EXPECT_EQ(origin_of("https://Example.com/a/b?c"), "https://example.com:443");
  EXPECT_EQ(origin_of("https://example.com:443"), origin_of("https://example.com/x"));
  EXPECT_NE(origin_of("https://example.com"), origin_of("http://example.com"));
  EXPECT_NE(origin_of("http://127.0.0.1:80"), origin_of("http://127.0.0.1:81"));
  EXPECT_NE(origin_of("https://example.com"), origin_of("https://example.com.evil.net"));
  testing::expect_error([] { origin_of("file:///etc/passwd"); }, "neither https nor http");
}

TEST(Address, PlainHttpIsForThisMachineAlone) {
  for (const char* url :
       {"https://example.com", "http://localhost:80", "http://127.0.0.1:9", "http://[::1]:9"}) {
    EXPECT_NO_THROW(check_address(url)) << url;
  }
  for (const char* url : {"http://example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1",
                          "file:///x", "x", ""}) {
    EXPECT_THROW(check_address(url), Error) << url;
  }
  testing::expect_error<UsageError>([] { check_address("https://me:secret@example.com"); },
                                    "no user or password");
}

TEST(Address, WhatMayBeASecretIsNotShown) {
  try {
    check_address("http://example.com/part?signature=secret");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(is_safe_address("http://example.com/"));
  EXPECT_FALSE(is_safe_address(""));
  EXPECT_TRUE(is_safe_address("https://example.com/part?signature=secret"));
}

TEST(Address, PartsOfAPathAreEscaped) {
  EXPECT_EQ(escaped("model-00001.safetensors"), "model-00001.safetensors");
  EXPECT_EQ(escaped("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(escaped("a b?#\xc3\xa9"), "a%20b%3F%23%C3%A9");
  EXPECT_EQ(unescaped("a%20b%3F%23%C3%A9+%"), "a b?#\xc3\xa9+%");
}

}  // namespace
}  // namespace graft::hub
