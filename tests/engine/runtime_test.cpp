#include "graft/engine/runtime.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <thread>

#include "graft/ops/activation.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"

namespace graft::engine {
namespace {

TEST(Runtime, ItsThreadsAndKernelsAreThoseOfTheThreadThatUsesIt) {
  const Runtime one({.threads = 1, .kernels = ops::Kernels::mlx}), three({.threads = 3});
  const int before = num_threads();
  const bool own = ops::use_cpu_kernels();
  {
    const Use use(one);
    EXPECT_EQ(num_threads(), 1);
    EXPECT_FALSE(ops::use_cpu_kernels());
    std::thread([&] {
      EXPECT_EQ(num_threads(), before);
      const Use other(three);
      EXPECT_EQ(num_threads(), 3);
      EXPECT_EQ(ops::use_cpu_kernels(), own);
    }).join();
    EXPECT_EQ(num_threads(), 1);
  }
  EXPECT_EQ(num_threads(), before);
  EXPECT_EQ(ops::use_cpu_kernels(), own);
}

TEST(Runtime, WhatCannotBeIsRefused) {
  testing::expect_error<UsageError>([] { Runtime({.threads = kMaxThreads + 1}); }, "`threads` is");
  testing::expect_error<UsageError>([] { Runtime({.threads = -1}); }, "`threads` is -1");
}

TEST(Runtime, TheDeviceIsTheProcesss) {
  if (mx::default_device() != mx::Device(mx::Device::cpu)) GTEST_SKIP() << "others are on a GPU";
  const Runtime cpu({.device = mx::Device::cpu});
  EXPECT_EQ(mx::default_device(), mx::Device(mx::Device::cpu));
  testing::expect_error<UsageError>([] { Runtime({.device = mx::Device::gpu}); },
                                    "another runtime of this process has another device");
}

TEST(Runtime, ItsFrontEndIsThatOfTheHub) {
  const auto front_end = std::make_shared<testing::RecordingFrontEnd>();
  const Runtime runtime({.front_end = front_end});
  EXPECT_EQ(runtime.hub().front_end, front_end);
  EXPECT_EQ(&runtime.front_end(), front_end.get());
}

}  // namespace
}  // namespace graft::engine
