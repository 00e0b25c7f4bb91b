#include "graft/distributed/place.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "graft/base/error.h"
#include "graft/base/json_types.h"

namespace graft::distributed {
namespace {

constexpr size_t kShortestSecret = 16;
constexpr int kMostRanks = 4096;
constexpr int kFirstSlurmPort = 20000, kSlurmPorts = 40000;

int number_in(const Variable& variable, const char* name, int least, int most) {
  const std::string text = variable(name).value_or("");
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    fail_usage("{} is \"{}\" and not a number from {} to {}", name, text, least, most);
  }
  return value;
}

std::string text_in(const Variable& variable, const char* name) {
  const std::string text = variable(name).value_or("");
  if (text.empty()) fail_usage("{} is not set", name);
  return text;
}

// Rank and size by the names of their variables.
Place numbered(const Variable& variable, const char* rank, const char* size) {
  Place place;
  place.size = number_in(variable, size, 1, kMostRanks);
  place.rank = number_in(variable, rank, 0, place.size - 1);
  place.told_by = fmt::format("{} and {}", rank, size);
  return place;
}

void add_local_size(Place& place, const Variable& variable, const char* name) {
  if (variable(name)) place.on_this_host = number_in(variable, name, 1, place.size);
}

Place of_graft(const Variable& variable) {
  Place place = numbered(variable, "GRAFT_RANK", "GRAFT_SIZE");
  place.meeting = Address::parse(text_in(variable, "GRAFT_MEETING"), "GRAFT_MEETING");
  add_local_size(place, variable, "GRAFT_LOCAL_SIZE");
  return place;
}

Place of_open_mpi(const Variable& variable) {
  Place place = numbered(variable, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  place.backend = "mpi";
  add_local_size(place, variable, "OMPI_COMM_WORLD_LOCAL_SIZE");
  return place;
}

Place of_mlx_launch(const Variable& variable) {
  Place place;
  const std::string file = text_in(variable, "MLX_HOSTFILE");
  std::ifstream in(file);
  const json hosts = json::parse(in, nullptr, false);
  if (!hosts.is_array() || hosts.empty() || hosts.size() > kMostRanks) {
    fail_usage("MLX_HOSTFILE {} is no list of addresses for each rank", file);
  }
  place.size = static_cast<int>(hosts.size());
  place.rank = number_in(variable, "MLX_RANK", 0, place.size - 1);
  place.told_by = "MLX_RANK and MLX_HOSTFILE";
  return place;
}

Place of_torchrun(const Variable& variable) {
  Place place = numbered(variable, "RANK", "WORLD_SIZE");
  // torchrun's agent listens at the port itself.
  const bool taken = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  const int port = number_in(variable, "MASTER_PORT", 1, 65534) + (taken ? 1 : 0);
  place.meeting = Address{text_in(variable, "MASTER_ADDR"), static_cast<uint16_t>(port)};
  add_local_size(place, variable, "LOCAL_WORLD_SIZE");
  return place;
}

// "16(x3),4" is 16.
int first_count(const std::string& counts) {
  int value = 1;
  std::from_chars(counts.data(), counts.data() + counts.size(), value);
  return value;
}

Place of_slurm(const Variable& variable) {
  Place place = numbered(variable, "SLURM_PROCID", "SLURM_NTASKS");
  const int job = number_in(variable, "SLURM_JOB_ID", 0, INT32_MAX);
  const std::string host = first_host(text_in(variable, "SLURM_STEP_NODELIST"));
  place.meeting = Address{host, static_cast<uint16_t>(kFirstSlurmPort + job % kSlurmPorts)};
  place.on_this_host = first_count(variable("SLURM_STEP_TASKS_PER_NODE").value_or("1"));
  return place;
}

std::optional<Place> started_place(const Variable& variable) {
  const auto has = [&](const char* name) { return variable(name).has_value(); };
  if (has("GRAFT_RANK")) return of_graft(variable);
  if (has("OMPI_COMM_WORLD_RANK")) return of_open_mpi(variable);
  if (has("MLX_RANK") && has("MLX_HOSTFILE")) return of_mlx_launch(variable);
  if (has("RANK") && has("WORLD_SIZE") && has("MASTER_ADDR")) return of_torchrun(variable);
  if (has("SLURM_PROCID") && has("SLURM_STEP_NODELIST")) return of_slurm(variable);
  return {};
}

}  // namespace

std::string first_host(const std::string& list) {
  const size_t bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string::npos || comma < bracket) return list.substr(0, comma);
  const size_t end = list.find_first_of("-,]", bracket);
  const size_t close = list.find(']', bracket);
  if (end == std::string::npos || close == std::string::npos || end == bracket + 1) {
    fail_usage("SLURM_STEP_NODELIST {} is no list of hosts", list);
  }
  const size_t next = list.find(',', close);
  const std::string rest =
      list.substr(close + 1, next == std::string::npos ? next : next - close - 1);
  return list.substr(0, bracket) + list.substr(bracket + 1, end - bracket - 1) + rest;
}

std::optional<Place> place_of(const Variable& variable) {
  std::optional<Place> place = started_place(variable);
  if (!place || place->size == 1) return {};
  if (const auto backend = variable("GRAFT_BACKEND")) place->backend = *backend;
  if (const auto secret = variable("GRAFT_SECRET")) place->secret = *secret;
  if (place->meeting && place->secret.size() < kShortestSecret) {
    fail_usage(
        "{} say that several processes train together, and GRAFT_SECRET has to hold the same "
        "secret "
        "of at least {} characters for all of them: GRAFT_SECRET=$(openssl rand -hex 32)",
        place->told_by, kShortestSecret);
  }
  if (variable("GRAFT_JOIN_SECONDS")) {
    place->join_seconds = number_in(variable, "GRAFT_JOIN_SECONDS", 1, 86400);
  }
  for (const char* known : {"ring", "mpi", "nccl", "jaccl", "any"}) {
    if (place->backend == known) return place;
  }
  fail_usage("GRAFT_BACKEND is {}: ring, mpi, nccl, jaccl and any are what there is",
             place->backend);
}

std::optional<Place> place_of_process() {
  return place_of([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace graft::distributed
