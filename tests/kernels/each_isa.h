#pragma once

#include <gtest/gtest.h>

#include <string>

#include "graft/kernels/isa.h"

namespace graft::kernels {

/// Runs `body` once with every instruction set that this processor has, and names it in failures.
template <class Body>
void for_each_isa(Body&& body) {
  const std::string before(isa_name());
  for (const std::string& isa : supported_isas()) {
    SCOPED_TRACE(isa);
    force_isa(isa);
    body();
    if (testing::Test::HasFatalFailure()) break;
  }
  force_isa(before);
}

}  // namespace graft::kernels
