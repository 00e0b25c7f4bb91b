#include "graft/hub/listing.h"

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "tests/support/expect_error.h"

namespace graft::hub {
namespace {

const std::string kCommit(40, 'c');

json entry(const std::string& name) {
  return {{"rfilename", name}, {"blobId", std::string(40, 'a')}, {"size", 3}};
}

std::vector<std::string> names_of(const std::vector<std::string>& listed) {
  json siblings = json::array();
  for (const std::string& name : listed) siblings.push_back(entry(name));
  const json answer = {{"sha", kCommit}, {"siblings", siblings}};
  std::vector<std::string> names;
  for (const RemoteFile& file : read_listing(answer.dump(), Environment(), {.name = "a/b"}).files) {
    names.push_back(file.name);
  }
  return names;
}

// Names come from a server: nothing outside of the snapshot, nothing hidden, nothing that a
// terminal obeys.
TEST(Listing, PassesOverNamesThatAreNotPlain) {
  EXPECT_EQ(names_of({"config.json", "onnx/model.onnx", "a-b_c.1/d"}),
            (std::vector<std::string>{"config.json", "onnx/model.onnx", "a-b_c.1/d"}));
  for (const std::string& bad :
       {std::string(".gitattributes"), std::string("../x"), std::string(".."), std::string("."),
        std::string("a/../b"), std::string("a/./b"), std::string("a/.hidden"),
        std::string("/etc/passwd"), std::string("a//b"), std::string("a/"), std::string(""),
        std::string("a\\b"), std::string("a b"), std::string("a\nb"), std::string("a\x1b[2J"),
        std::string("\u00e4"), std::string(200, 'a')}) {
    EXPECT_EQ(names_of({bad, "config.json"}), std::vector<std::string>{"config.json"}) << bad;
  }
}

TEST(Listing, RefusesSizesAndHashesThatAreNone) {
  const auto refused = [](const json& file, const char* says) {
    const json answer = {{"sha", kCommit}, {"siblings", {file}}};
    testing::expect_error([&] { read_listing(answer.dump(), Environment(), {.name = "a/b"}); },
                          says);
  };
  json file = entry("x");
  file["size"] = uint64_t{1} << 60;
  refused(file, "a size that is none");
  file = entry("x");
  file["blobId"] = "../../" + std::string(34, 'a');
  refused(file, "a hash that is none");
  testing::expect_error([] { read_listing("{}", Environment(), {.name = "a/b"}); }, "no commit");
  testing::expect_error([] { read_listing("<html>", Environment(), {.name = "a/b"}); }, "web page");
}

}  // namespace
}  // namespace graft::hub
