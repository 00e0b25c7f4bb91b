#include "graft/launch/hosts.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::launch {
namespace {

class HostsTest : public ::testing::Test {
 protected:
  Hosts read(const std::string& content) {
    testing::write_bytes(folder_ / "hosts.json", content);
    return read_hosts(folder_ / "hosts.json");
  }

  void expect_refused(const std::string& content, const std::string& part) {
    SCOPED_TRACE(content);
    testing::expect_error<UsageError>([&] { read(content); }, {"hosts.json", part});
  }

  testing::TempFolder folder_;
};

TEST_F(HostsTest, AreMlxLaunchs) {
  const Hosts hosts = read(R"({"backend": "ring", "envs": ["A=1"], "hosts": [
      {"ssh": "me@one", "ips": ["10.0.0.1", "10.1.0.1"], "rdma": [null, "x"]},
      {"ssh": "two"}]})");
  EXPECT_EQ(hosts.backend, "ring");
  EXPECT_EQ(hosts.environment, std::vector<std::string>{"A=1"});
  EXPECT_EQ(hosts.all, (std::vector<Host>{{"me@one", {"10.0.0.1", "10.1.0.1"}}, {"two"}}));
  EXPECT_EQ(read(R"([{"ssh": "one", "ips": ["10.0.0.1"]}])").all,
            (std::vector<Host>{{"one", {"10.0.0.1"}}}));
}

TEST_F(HostsTest, ThatAreNoneAreRefused) {
  expect_refused("", "is no host file");
  expect_refused("[]", "is no host file");
  expect_refused(R"({"hosts": {}})", "is no host file");
  expect_refused("[[\"10.0.0.1:5000\"]]", "host 0 is no host");
  expect_refused(R"([{"ssh": 3}])", "host 0 is no host");
  expect_refused(R"([{"ssh": "a", "ips": "10.0.0.1"}])", "ips is no list");
  expect_refused(R"([{"ssh": "a", "ips": [1]}])", "an address is no text");
  expect_refused(R"({"hosts": [{"ssh": "a"}], "envs": "A=1"})", "envs is a list");
  expect_refused(R"({"hosts": [{"ssh": "a"}], "envs": [1]})", "one of envs is no text");
  // What ssh or a shell would take for something else.
  for (const char* name : {"", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a'"}) {
    expect_refused(std::string(R"([{"ssh": ")") + name + R"("}])", "is no host's name");
  }
  expect_refused(R"([{"ssh": "a", "ips": ["-x"]}])", "is no host's name");
}

TEST_F(HostsTest, OfAListComeInItsOrder) {
  EXPECT_EQ(hosts_of("a,b", 2), (std::vector<Host>{{"a"}, {"a"}, {"b"}, {"b"}}));
  testing::expect_error<UsageError>([] { hosts_of("a,,b", 1); }, "is no host's name");
  EXPECT_TRUE(is_this_machine({"localhost"}));
  EXPECT_FALSE(is_this_machine({"node"}));
}

}  // namespace
}  // namespace graft::launch
