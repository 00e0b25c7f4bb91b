#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// Which of E experts N tokens go to, K of them each: as the tokens have them [N, K], and as rows
/// [N*K] in the order of the experts, those of an expert in the order of the tokens. All int32.
struct Routes {
  mx::array choices;  // [N, K]: the experts of a token
  mx::array experts;  // [N*K]: the expert of a row
  mx::array tokens;   // [N*K]: the token of a row
  mx::array places;   // [N*K]: the row of the k-th choice of token t, at t * K + k
};

/// Chooses the `chosen` largest of each row of a router's logits [N, E], the first among equals. No
/// gradient goes through the choice.
Routes route(const mx::array& logits, int chosen);

}  // namespace graft::ops
