#include "graft/hub/lfs_plan.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::hub {
namespace {

using testing::expect_error;

constexpr const char* kEndpoint = "https://mirror.example";

LfsPlan read(const std::string& object, uint64_t size = 25) {
  const json answer = {{"objects", {json::parse(object)}}};
  return read_lfs_plan(answer, "abc", size, kEndpoint, "the file");
}

std::string in_parts(const std::string& header) {
  return R"({"oid": "abc", "actions": {"upload": {"href": "https://hub/complete", "header": )" +
         header + "}}}";
}

TEST(LfsPlan, IsNothingWholeOrInParts) {
  LfsPlan plan = read(R"({"oid": "abc", "size": 25})");
  EXPECT_TRUE(plan.basic.empty() && !plan.parts && !plan.verify);
  plan = read(R"({"oid": "abc", "actions": {"upload": {"href": "https://s3/put?x"},
                                            "verify": {"href": "https://hub/verify"}}})");
  EXPECT_EQ(plan.basic, "https://s3/put?x");
  EXPECT_EQ(plan.verify, "https://hub/verify");
  plan = read(in_parts(R"({"chunk_size": "10", "2": "https://s3/2", "3": "https://s3/3",
                           "1": "https://s3/1", "x": "y"})"));
  ASSERT_TRUE(plan.parts);
  EXPECT_EQ(plan.parts->part_size, 10u);
  EXPECT_EQ(plan.parts->complete, "https://hub/complete");
  EXPECT_EQ(plan.parts->parts,
            (std::vector<std::string>{"https://s3/1", "https://s3/2", "https://s3/3"}));
  EXPECT_TRUE(plan.basic.empty());
}

// As huggingface_hub's fix_hf_endpoint_in_url.
TEST(LfsPlan, AddressesOfTheHubAreThoseOfTheEndpoint) {
  const auto put = [](const std::string& url) {
    return read(R"({"oid": "abc", "actions": {"upload": {"href": ")" + url + "\"}}}").basic;
  };
  EXPECT_EQ(put("https://huggingface.co/a?b"), "https://mirror.example/a?b");
  EXPECT_EQ(put("https://huggingface.com/a"), "https://huggingface.com/a");
  for (const char* url : {"http://s3/put", "ftp://s3/put", "/put", "https://me:x@s3/"}) {
    expect_error([&] { put(url); }, "an address that is not https");
  }
}

TEST(LfsPlan, PartsThatDoNotMakeTheWholeAreErrors) {
  const std::string two = R"("1": "https://s3/1", "2": "https://s3/2")";
  for (const std::string& header :
       {"{\"chunk_size\": 10, " + two + "}", "{\"chunk_size\": 0, " + two + "}",
        "{\"chunk_size\": -13, " + two + "}", "{\"chunk_size\": \"x\", " + two + "}",
        "{\"chunk_size\": null, " + two + "}", std::string("{\"chunk_size\": 13}"),
        std::string(R"({"chunk_size": 13, "1": "https://s3/1", "3": "https://s3/3"})"),
        std::string(R"({"chunk_size": 13, "0": "https://s3/1", "1": "https://s3/3"})"),
        std::string(R"({"chunk_size": 13, "1": "https://s3/1", "2": 5})")}) {
    expect_error([&] { read(in_parts(header)); }, "parts that do not make the whole");
  }
  EXPECT_EQ(read(in_parts("{\"chunk_size\": 13, " + two + "}")).parts->parts.size(), 2u);
  std::string many = "{\"chunk_size\": 1";
  for (int i = 1; i <= 10001; ++i) many += fmt::format(", \"{}\": \"https://s3/\"", i);
  expect_error([&] { read(in_parts(many + "}"), 10001); }, "parts that do not make the whole");
}

TEST(LfsPlan, OtherAnswersAreErrors) {
  const auto answer = [](const std::string& text) {
    read_lfs_plan(json::parse(text), "abc", 25, kEndpoint, "the file");
  };
  for (const char* text :
       {"5", "[]", "{}", R"({"objects": 5})", R"({"objects": [5, {"oid": "x"}]})"}) {
    expect_error([&] { answer(text); }, "does not say what is to be done");
  }
  expect_error(
      [&] { answer(R"({"objects": [{"oid": "abc", "error": {"message": "too\u001b big"}}]})"); },
      "refuses it: too? big");
  expect_error([&] { answer(R"({"objects": [{"oid": "abc", "error": 5}]})"); }, "refuses it");
  expect_error([&] { answer(R"({"objects": [{"oid": "abc", "actions": {"upload": 5}}]})"); },
               "does not say where");
}

}  // namespace
}  // namespace graft::hub
