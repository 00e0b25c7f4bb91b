#include "graft/io/yaml.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

class YamlFile : public ::testing::Test {
 protected:
  YamlValue read(const std::string& text) {
    testing::write_bytes(folder_ / "a.yaml", text);
    return read_yaml_map(folder_ / "a.yaml");
  }

  void refused(const std::string& text, const std::string& part) {
    SCOPED_TRACE(text.substr(0, 100));
    testing::expect_error([&] { read(text); }, {"a.yaml", part});
  }

  testing::TempFolder folder_;
};

TEST_F(YamlFile, HasValuesAndTheirLines) {
  const YamlValue map = read(
      "\xEF\xBB\xBF# A comment\r\n"
      "rate: 1e-5\r\n"
      "quoted: \"1e-5\"\n"
      "folded: >\n"
      "  12\n"
      "nothing:\n"
      "parameters:\n"
      "  rank: !!float 8\n"
      "  keys: [q_proj, 'v_proj', yes,\n"
      "         ~]\n");
  EXPECT_EQ(map.json(), ordered_json::parse(R"({"rate": 1e-5, "quoted": "1e-5", "folded": "12\n",
      "nothing": null, "parameters": {"rank": 8.0, "keys": ["q_proj", "v_proj", true, null]}})"));
  EXPECT_EQ(map.entries[0].line, 2);
  EXPECT_EQ(map.entries[3].line, 6);
  const YamlValue& parameters = map.entries[4].value;
  EXPECT_EQ(parameters.entries[1].line, 9);
  EXPECT_EQ(parameters.entries[1].value.items[3].line, 10);
  EXPECT_TRUE(map.entries[3].value.is_null());
}

TEST_F(YamlFile, FollowsAliasesAndMerges) {
  EXPECT_EQ(read("base: &base {rank: 4, scale: 2}\n"
                 "more: &more {rank: 6, dropout: 0.5}\n"
                 "same: *base\n"
                 "one: {<<: *base, scale: 3}\n"
                 "two: {<<: [*more, *base]}\n")
                .json(),
            ordered_json::parse(R"({"base": {"rank": 4, "scale": 2},
                "more": {"rank": 6, "dropout": 0.5}, "same": {"rank": 4, "scale": 2},
                "one": {"scale": 3, "rank": 4},
                "two": {"rank": 6, "dropout": 0.5, "scale": 2}})"));
  EXPECT_EQ(read("{\n\t\"a\":\t1\n}\n").json(), ordered_json::parse(R"({"a": 1})"));
  EXPECT_EQ(read("a: \"x:\ty\"\n").json(), ordered_json::parse(R"({"a": "x:\ty"})"));
  EXPECT_EQ(read("'<<': 1").json(), ordered_json::parse(R"({"<<": 1})"));
}

TEST_F(YamlFile, IsRefusedInOneLine) {
  refused("", "no map of settings");
  refused("# nothing\n", "no map of settings");
  refused("- a\n- b\n", "no map of settings");
  refused("iters\n", "no map of settings");
  refused("a: 1\n---\nb: 2\n", "a.yaml:3: a second document");
  refused("a: 1\nb: 2\na: 3\n", "a.yaml:3: a stands in line 1, too");
  refused("m:\n  a: 1\n  a: 3\n", "a.yaml:3: a stands in line 2, too");
  refused("a: 1\n\tb: 2\n", "a.yaml:2: a tab");
  refused("a:\t1\n", "a.yaml:1: a tab");
  refused("a: [1, 2\nb: 3\n", "this is no YAML");
  refused("a: 1\n b: 2\n", "a.yaml:2: this is no YAML");
  refused("a: *nobody\n", "a.yaml:1: this is no YAML");
  refused("? [a, b]\n: 1\n", "a.yaml:1: a key that is no text");
  refused("a: 1\nb: !!python/object:os.system x\n", "a.yaml:2: the tag");
  refused("a: !!int x\n", "a.yaml:1: the tag");
  refused("a: {<<: 1}\n", "a.yaml:1: << takes a map");
  refused("a: 1\nb: \xff\n", "a.yaml:2: a byte that is no UTF-8");
}

TEST_F(YamlFile, HasABound) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int j = 0; j < 9; ++j) bomb += fmt::format("{}*a{}", j == 0 ? "" : ", ", i - 1);
    bomb += "]\n";
  }
  refused(bomb, "more than 10000 values, aliases counted");
  refused("a: &a {b: *a}\n", "nested more than 32 deep");
  refused("a: " + std::string(40, '[') + std::string(40, ']'), "nested more than 32 deep");
  refused("a: " + std::string(5000, '['), "nested too deeply");
  refused("a: " + std::string(size_t{2} << 20, 'x'), "");
}

TEST_F(YamlFile, IsReadAsItWasWritten) {
  const ordered_json settings = {{"model", "C: #1 \"x\" \u00e9\n"},
                                 {"rate", 1e-5},
                                 {"iters", 600},
                                 {"train", true},
                                 {"none", nullptr},
                                 {"keys", {"yes", "1e5"}},
                                 {"text", "no"},
                                 {"seed", 18446744073709551615u}};
  const std::string text = yaml_text(settings);
  EXPECT_EQ(read(text).json(), settings);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
}

}  // namespace
}  // namespace graft::io
