#pragma once

#include <mlx/distributed/distributed.h>

#include <string>
#include <vector>

namespace graft::distributed {

namespace mx = mlx::core;

/// MLX's ring of these addresses, one a rank. Throws Error.
mx::distributed::Group join_ring(int rank, const std::vector<std::string>& addresses);

/// Another of MLX's backends, which knows by itself who takes part; for MPI, libmpi is found under
/// the names that systems have for it, unless MLX_MPI_LIBNAME says one. Throws Error if it does not
/// work here, or is not of this size.
mx::distributed::Group join_engine(const std::string& backend, int rank, int size);

}  // namespace graft::distributed
