#include "graft/data/check/secrets.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace graft::data::check {
namespace {

// Made up, and put together here, so that no scanner takes this file for one that holds keys.
std::string key(const std::string& prefix, const std::string& rest) { return prefix + rest; }

const std::string kAlnum = "a8Bc3dEf1GhI5jKlMn0oPqR7sTuVwX2yZ4aB6cD9eFgHiJkLmNoPqRsTuVwXyZ01";

std::vector<std::string> kinds_in(const std::string& text) {
  std::vector<std::string> kinds;
  for (const Secret& secret : secrets_in(text)) kinds.emplace_back(secret.kind);
  return kinds;
}

struct Known {
  const char* kind;
  std::string key;
};

std::vector<Known> known() {
  const std::string body = kAlnum + "\n" + kAlnum + "\n";
  return {
      {"an access key of AWS", key("AKIA", "Q3EGRZ7XPYD2MNVB")},
      {"an access key of AWS", key("ASIA", "Q3EGRZ7XPYD2MNVB")},
      {"a token of GitHub", key("ghp_", kAlnum.substr(0, 36))},
      {"a token of GitHub", key("gho_", kAlnum.substr(0, 36))},
      {"a token of GitHub", key("ghu_", kAlnum.substr(0, 36))},
      {"a token of GitHub", key("ghs_", kAlnum.substr(0, 36))},
      {"a token of GitHub", key("ghr_", kAlnum.substr(0, 36))},
      {"a token of GitHub", key("github_pat_", kAlnum.substr(0, 22) + "_" + kAlnum.substr(0, 59))},
      {"a key of OpenAI", key("sk-", kAlnum.substr(0, 48))},
      {"a key of OpenAI", key("sk-proj-", kAlnum.substr(0, 40) + "_-" + kAlnum.substr(0, 20))},
      {"a key of OpenAI", key("sk-svcacct-", kAlnum.substr(0, 40))},
      {"a key of OpenAI", key("sk-admin-", kAlnum.substr(0, 40))},
      {"a key of Anthropic", key("sk-ant-", "api03-" + kAlnum + "_-" + kAlnum.substr(0, 20))},
      {"a token of Hugging Face", key("hf_", "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH")},
      {"a token of Slack", key("xoxb-", "123456789012-123456789012-" + kAlnum.substr(0, 24))},
      {"a token of Slack", key("xoxp-", "123456789012-" + kAlnum.substr(0, 32))},
      {"a key of Google", key("AIza", kAlnum.substr(0, 33) + "-_")},
      {"a JSON web token", key("eyJ", kAlnum.substr(0, 30) + ".eyJ" + kAlnum.substr(0, 30) + "." +
                                          kAlnum.substr(0, 43))},
      {"a private key",
       key("-----BEGIN ", "RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----")},
      {"a private key",
       key("-----BEGIN ", "PRIVATE KEY-----\\n" + kAlnum + "\\n-----END PRIVATE KEY-----")},
      {"a private key", key("-----BEGIN ", "OPENSSH PRIVATE KEY-----\n" + body)},
  };
}

TEST(Secrets, AreKnownByTheirForms) {
  for (const auto& [kind, secret] : known()) {
    EXPECT_EQ(kinds_in(secret), (std::vector<std::string>{kind})) << secret;
    EXPECT_EQ(kinds_in("KEY=" + secret + " and more"), (std::vector<std::string>{kind})) << secret;
    EXPECT_EQ(kinds_in("in quotes \"" + secret + "\","), (std::vector<std::string>{kind}))
        << secret;
    EXPECT_EQ(kinds_in("behind an escape\\n" + secret + "\n"), (std::vector<std::string>{kind}))
        << secret;
  }
}

TEST(Secrets, EndWhereTheyDo) {
  for (const auto& [kind, secret] : known()) {
    if (std::string_view(kind) == "a private key") continue;  // which may go on to the end
    const auto found = secrets_in("a " + secret + " b");
    ASSERT_EQ(found.size(), 1u) << secret;
    EXPECT_EQ(found[0].bytes, (Span{2, 2 + secret.size()})) << secret;
  }
}

TEST(Secrets, OnePrefixAloneIsNone) {
  for (const auto& [kind, secret] : known()) {
    if (std::string_view(kind) == "a private key" || std::string_view(kind) == "a JSON web token") {
      continue;
    }
    EXPECT_EQ(kinds_in(secret.substr(0, secret.size() / 3)), std::vector<std::string>{}) << secret;
  }
}

TEST(Secrets, WordsAreNone) {
  for (const char* text :
       {"sk-learn and sk-1 and sk- alone",
        "the risk-averse, a task-oriented-approach-to-everything-that-we-have-2-do-here",
        "https://example.com/sk-this-is-a-long-title-with-many-words-and-2-numbers-in-it",
        "hf_hub_download hf_transfer hf_some_function_name_that_is_quite_long_1",
        "ghp_token ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx gho_your_token_here",
        "AKIA is the prefix, AKIAIOSFODNN7EXAMPLE the manual's, AKIAlowercaseletter1",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-your-key-goes-here-please-do", "sk-00000000000000000000000000000000",
        "xoxb-your-token", "xoxox hugs and kisses", "AIzaSy... and AIza",
        "eyJ is how a JWT begins, as in eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.and then words.of a sentence",
        "-----BEGIN PRIVATE KEY----- is the first line of a key",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQ\n",
        "-----BEGIN PUBLIC "
        "KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0123456789abcd\n"}) {
    EXPECT_EQ(kinds_in(text), std::vector<std::string>{}) << text;
  }
}

TEST(Secrets, HashesAndPicturesAreNone) {
  const std::string sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  EXPECT_EQ(kinds_in(sha256 + " sha256:" + sha256 + " " + sha256.substr(0, 40)),
            std::vector<std::string>{});
  // Within base64 any prefix comes up sooner or later.
  for (const auto& [kind, secret] : known()) {
    if (std::string_view(kind) == "a private key" || std::string_view(kind) == "a JSON web token") {
      continue;
    }
    EXPECT_EQ(kinds_in("data:image/png;base64,iVBORw0KGgo" + secret + "AAAA/+=="),
              std::vector<std::string>{})
        << secret;
  }
}

TEST(Secrets, AreLeftOutOfTexts) {
  const std::string aws = key("AKIA", "Q3EGRZ7XPYD2MNVB"), hf = known()[13].key;
  EXPECT_EQ(without_secrets("a " + aws + ", " + hf),
            "a [an access key of AWS], [a token of Hugging Face]");
  EXPECT_EQ(without_secrets("none"), "none");
}

}  // namespace
}  // namespace graft::data::check
