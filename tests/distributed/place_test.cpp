#include "graft/distributed/place.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::distributed {
namespace {

std::optional<Place> place_in(const std::map<std::string, std::string>& environment) {
  return place_of([&](const char* name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return {};
    return found->second;
  });
}

TEST(PlaceTest, IsNoneForAProcessOfItsOwn) {
  EXPECT_FALSE(place_in({}));
  EXPECT_FALSE(place_in({{"RANK", "0"}}));  // anybody's variable
  EXPECT_FALSE(place_in({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}));
}

TEST(PlaceTest, IsThatOfWhoeverStartedIt) {
  const auto graft = place_in({{"GRAFT_RANK", "1"},
                               {"GRAFT_SIZE", "4"},
                               {"GRAFT_LOCAL_SIZE", "2"},
                               {"GRAFT_MEETING", "10.0.0.1:4711"},
                               {"GRAFT_SECRET", "0123456789abcdef"},
                               {"GRAFT_JOIN_SECONDS", "7"},
                               {"OMPI_COMM_WORLD_RANK", "3"},  // around it
                               {"OMPI_COMM_WORLD_SIZE", "9"}});
  ASSERT_TRUE(graft);
  EXPECT_EQ(graft->rank, 1);
  EXPECT_EQ(graft->size, 4);
  EXPECT_EQ(graft->on_this_host, 2);
  EXPECT_EQ(graft->backend, "ring");
  EXPECT_EQ(graft->meeting->text(), "10.0.0.1:4711");
  EXPECT_EQ(graft->secret, "0123456789abcdef");
  EXPECT_EQ(graft->join_seconds, 7);

  const auto mpi = place_in({{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "9"}});
  ASSERT_TRUE(mpi);
  EXPECT_EQ(mpi->rank, 3);
  EXPECT_EQ(mpi->backend, "mpi");
  EXPECT_FALSE(mpi->meeting);

  std::map<std::string, std::string> variables = {{"RANK", "2"},
                                                  {"WORLD_SIZE", "3"},
                                                  {"MASTER_ADDR", "node"},
                                                  {"MASTER_PORT", "29500"},
                                                  {"GRAFT_SECRET", "0123456789abcdef"}};
  EXPECT_EQ(place_in(variables)->meeting->text(), "node:29500");
  variables["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  EXPECT_EQ(place_in(variables)->meeting->text(), "node:29501");

  const auto slurm = place_in({{"SLURM_PROCID", "5"},
                               {"SLURM_NTASKS", "6"},
                               {"SLURM_JOB_ID", "1234"},
                               {"SLURM_STEP_NODELIST", "gpu[07-09]"},
                               {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"},
                               {"GRAFT_SECRET", "0123456789abcdef"}});
  ASSERT_TRUE(slurm);
  EXPECT_EQ(slurm->rank, 5);
  EXPECT_EQ(slurm->on_this_host, 2);
  EXPECT_EQ(slurm->meeting->text(), "gpu07:21234");
}

TEST(PlaceTest, OfMlxLaunchCountsItsHosts) {
  const testing::TempFolder folder;
  testing::write_bytes(folder / "hosts", R"([["10.0.0.1:5000"], ["10.0.0.2:5000"]])");
  const auto place = place_in({{"MLX_RANK", "1"}, {"MLX_HOSTFILE", (folder / "hosts").string()}});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->rank, 1);
  EXPECT_EQ(place->size, 2);
  EXPECT_FALSE(place->meeting);
  testing::write_bytes(folder / "hosts", "{}");
  testing::expect_error<UsageError>(
      [&] {
        place_in({{"MLX_RANK", "1"}, {"MLX_HOSTFILE", (folder / "hosts").string()}});
      },
      "is no list of addresses");
}

TEST(PlaceTest, RefusesWhatMeansNothing) {
  const std::map<std::string, std::string> good = {{"GRAFT_RANK", "1"},
                                                   {"GRAFT_SIZE", "2"},
                                                   {"GRAFT_MEETING", "h:1"},
                                                   {"GRAFT_SECRET", "0123456789abcdef"}};
  ASSERT_TRUE(place_in(good));
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"GRAFT_RANK", "2"},        {"GRAFT_RANK", "-1"},         {"GRAFT_RANK", "one"},
      {"GRAFT_SIZE", "0"},        {"GRAFT_SIZE", "9999999999"}, {"GRAFT_MEETING", "h"},
      {"GRAFT_MEETING", "h:"},    {"GRAFT_MEETING", "h:65536"}, {"GRAFT_MEETING", ":1"},
      {"GRAFT_MEETING", "::1:1"}, {"GRAFT_JOIN_SECONDS", "0"},  {"GRAFT_BACKEND", "gloo"},
      {"GRAFT_LOCAL_SIZE", "3"},  {"GRAFT_SECRET", ""},         {"GRAFT_SECRET", "short"}};
  for (const auto& [name, value] : bad) {
    SCOPED_TRACE(name + "=" + value);
    auto variables = good;
    variables[name] = value;
    testing::expect_error<UsageError>([&] { place_in(variables); }, name);
  }
}

TEST(PlaceTest, FirstHostOfSlurmsLists) {
  EXPECT_EQ(first_host("node"), "node");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("node[07-09,12],other"), "node07");
  EXPECT_EQ(first_host("a,node[07-09]"), "a");
  EXPECT_EQ(first_host("n[3]-ib,x"), "n3-ib");
  testing::expect_error<UsageError>([] { first_host("n["); }, "no list of hosts");
}

}  // namespace
}  // namespace graft::distributed
