#pragma once

#include <functional>
#include <optional>
#include <string>

#include "graft/distributed/address.h"

namespace graft::distributed {

/// Where a process stands among those that train together, as whoever started it says.
struct Place {
  int rank = 0, size = 1;
  int on_this_host = 1;          // of them
  std::string backend = "ring";  // of MLX: "ring", "mpi", "nccl", "jaccl"
  // Where rank 0 is met, before MLX's engine connects them. None: the engine knows itself where
  // the others are.
  std::optional<Address> meeting = {};
  std::string secret = {};   // that all of them know
  double join_seconds = 60;  // until all have to be there
  std::string told_by = {};  // the names of the variables
};

/// Of a variable of the environment; none if it is not set.
using Variable = std::function<std::optional<std::string>(const char* name)>;

/// Of the first of these that the environment has, or none for a process of its own:
///   graft launch       GRAFT_RANK, GRAFT_SIZE, GRAFT_MEETING, GRAFT_SECRET
///   mpirun (Open MPI)  OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE
///   mlx.launch         MLX_RANK, MLX_HOSTFILE (ring)
///   torchrun           RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT
///   srun (Slurm)       SLURM_PROCID, SLURM_NTASKS, SLURM_STEP_NODELIST, SLURM_JOB_ID
/// GRAFT_BACKEND, GRAFT_SECRET and GRAFT_JOIN_SECONDS hold for all. Throws UsageError, which names
/// the variable, for values that mean nothing.
std::optional<Place> place_of(const Variable& variable);
/// Of this process' environment.
std::optional<Place> place_of_process();

/// The first host of Slurm's list: "node[07-09,12],other" is node07. Throws UsageError.
std::string first_host(const std::string& list);

}  // namespace graft::distributed
