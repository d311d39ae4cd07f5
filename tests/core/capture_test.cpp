// Work captured once and replayed: the same bits as work called anew, on memory of its own, and
// nothing that waits for the host. Runs on the emulated device, and on a GPU where there is one.
#include <gtest/gtest.h>

#include <numeric>

#include "core/ops.h"
#include "core/replay.h"
#include "kernels/elementwise.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr std::int64_t kSize = 1025;

class Capture : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "cuda" && cuda_device_count() == 0) {
      GTEST_SKIP() << "no CUDA device";
    }
  }
  Device& device() const { return device_named(GetParam()); }
  Tensor values(std::uint64_t seed) const {
    return Tensor::from_host(device(), {kSize}, random_values(kSize, seed));
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, Capture, ::testing::Values("emulated", "cuda"),
                         [](const auto& info) { return std::string(info.param); });

// y <- y + 2 x, through a temporary.
void add_twice(const Tensor& x, const Tensor& y) {
  const Tensor twice(x.device(), x.shape());
  launch(x.device(), Add<float>{x.array(), x.array(), twice.array()}, x.count());
  launch(x.device(), AddTo{twice.array(), y.array()}, x.count());
}

TEST_P(Capture, does_not_run_the_work) {
  const Tensor x = values(1), y = values(2);

  const auto graph = device().capture([&] { add_twice(x, y); });

  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(random_values(kSize, 2)));
}

TEST_P(Capture, replays_with_the_bits_of_calling_anew) {
  const Tensor x = values(1), y = values(2), wanted = values(2);
  const auto graph = device().capture([&] { add_twice(x, y); });

  for (int i = 0; i < 3; ++i) {
    graph->replay();
    add_twice(x, wanted);
  }

  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>()));
}

TEST_P(Capture, reads_its_inputs_anew_at_every_replay) {
  const Tensor x = values(1), y = Tensor::filled(device(), {kSize}, 0.f);
  const auto graph = device().capture([&] { add_twice(x, y); });
  graph->replay();

  Tensor(x).copy_from_host(std::vector<float>(kSize, 3.f).data());
  launch(device(), Fill{y.array(), 0.f}, kSize);
  graph->replay();

  EXPECT_EQ(y.to_host<float>(), std::vector<float>(kSize, 6.f));
}

TEST_P(Capture, keeps_its_temporaries_apart_from_memory_taken_between_replays) {
  const Tensor x = values(1), y = values(2), wanted = values(2);
  const auto graph = device().capture([&] { add_twice(x, y); });

  std::vector<Tensor> others;
  for (int i = 0; i < 4; ++i) others.push_back(Tensor::filled(device(), {kSize}, 7.f));
  graph->replay();
  add_twice(x, wanted);

  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>()));
  for (const Tensor& other : others) {
    EXPECT_EQ(other.to_host<float>(), std::vector<float>(kSize, 7.f));
  }
}

TEST_P(Capture, works_in_the_memory_that_the_same_work_left_when_it_was_called) {
  const Tensor x = values(1), y = values(2);
  add_twice(x, y);
  const Pool::Counters before = device().pool().counters();

  auto graph = device().capture([&] { add_twice(x, y); });
  graph->replay();

  EXPECT_EQ(device().pool().counters().device_allocations, before.device_allocations);
  EXPECT_EQ(device().pool().counters().bytes_held, before.bytes_held);
  EXPECT_GT(device().pool().counters().bytes_in_use, before.bytes_in_use);
  graph.reset();
  EXPECT_EQ(device().pool().counters().bytes_in_use, before.bytes_in_use);
}

// Work beside reads a temporary; meanwhile memory of its size is taken and written.
TEST_P(Capture, what_is_asked_for_beside_finds_its_operands_as_they_were) {
  const Tensor x = values(1), y = values(2), wanted = values(2);
  const auto graph = device().capture([&] {
    {
      const Tensor twice(device(), {kSize});
      launch(device(), Add<float>{x.array(), x.array(), twice.array()}, kSize);
      device().beside([twice, y] { launch(y.device(), AddTo{twice.array(), y.array()}, kSize); });
    }
    for (int i = 0; i < 3; ++i) Tensor::filled(device(), {kSize}, 7.f);
    device().join();
    launch(device(), AddTo{x.array(), y.array()}, kSize);
  });

  for (int replay = 0; replay < 6; ++replay) {
    graph->replay();
    add_twice(x, wanted);
    launch(device(), AddTo{x.array(), wanted.array()}, kSize);
    EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>())) << replay;
  }
}

TEST_P(Capture, what_is_asked_for_beside_keeps_its_order_and_takes_memory_of_its_own) {
  const Tensor x = values(1), y = values(2), wanted = y.clone();
  const auto graph = device().capture([&] {
    for (int i = 0; i < 20; ++i) {
      device().beside([x, y] {
        const Tensor sum(x.device(), {kSize});
        launch(x.device(), Add<float>{x.array(), y.array(), sum.array()}, kSize);
        launch(x.device(), Add<float>{sum.array(), y.array(), y.array()}, kSize);
      });
      Tensor::filled(device(), {kSize}, 7.f);
    }
  });

  for (int replay = 0; replay < 6; ++replay) {
    graph->replay();
    for (int i = 0; i < 20; ++i) {
      const Tensor sum(device(), {kSize});
      launch(device(), Add<float>{x.array(), wanted.array(), sum.array()}, kSize);
      launch(device(), Add<float>{sum.array(), wanted.array(), wanted.array()}, kSize);
    }
    EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>())) << replay;
  }
}

TEST_P(Capture, what_is_asked_for_beside_is_done_at_once_where_nothing_is_captured) {
  const Tensor x = values(1), y = values(2), wanted = values(2);
  device().beside([&] { add_twice(x, y); });
  add_twice(x, wanted);

  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>()));
}

// A mistake that a GPU would make now and then.
TEST(capture, on_the_emulated_device_shows_operands_that_work_beside_did_not_hold) {
  Device& device = emulated_device();
  const Tensor x = Tensor::from_host(device, {kSize}, random_values(kSize, 1)),
               y = Tensor::filled(device, {kSize}, 0.f);
  const auto graph = device.capture([&] {
    {
      const Tensor twice(device, {kSize});
      launch(device, Add<float>{x.array(), x.array(), twice.array()}, kSize);
      device.beside([&device, from = twice.array(), y] {
        launch(device, Add<float>{from, from, y.array()}, kSize);
      });
    }
    Tensor::filled(device, {kSize}, 7.f);
    device.join();
  });

  graph->replay();
  const std::vector<float> at_once = y.to_host<float>();
  graph->replay();

  EXPECT_NE(y.to_host<float>(), at_once);
  EXPECT_EQ(y.to_host<float>(), std::vector<float>(kSize, 14.f));
}

TEST_P(Capture, hands_out_results_that_outlive_the_graph) {
  const Tensor x = values(1);
  Tensor norm;
  {
    const auto graph = device().capture([&] { norm = square_norm(x); });
    graph->replay();
    device().synchronise();
  }

  EXPECT_EQ(norm.item(), square_norm(x).item());
}

TEST_P(Capture, records_library_calls) {
  const Tensor a = Tensor::from_host(device(), {5, 7}, random_values(35, 1)),
               b = Tensor::from_host(device(), {3, 7}, random_values(21, 2)),
               c = Tensor::filled(device(), {5, 3}, 0.f), wanted = c.clone();
  const Gemm shape{5, 3, 7, false, true};
  device().gemm(shape, a.data<float>(), b.data<float>(), wanted.data<float>());

  const auto graph = device().capture(
      [&] { device().gemm(shape, a.data<float>(), b.data<float>(), c.data<float>()); });
  EXPECT_EQ(c.to_host<float>(), std::vector<float>(15, 0.f));
  graph->replay();

  EXPECT_EQ(bits_of(c.to_host<float>()), bits_of(wanted.to_host<float>()));
}

TEST_P(Capture, refuses_to_wait_for_the_host_and_leaves_the_device_usable) {
  const Tensor x = values(1), y = values(2), before = y.clone();
  float value = 0;

  EXPECT_THROW(device().capture([&] { Tensor(y).copy_from_host(random_values(kSize, 3).data()); }),
               Error);
  EXPECT_THROW(device().capture([&] { y.to_host<float>(); }), Error);
  EXPECT_THROW(device().capture([&] { device().synchronise(); }), Error);
  EXPECT_THROW(device().capture([&] { device().read_back(y.data<float>(), 4)->wait(&value); }),
               Error);

  add_twice(x, before);
  add_twice(x, y);
  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(before.to_host<float>()));
}

TEST_P(Capture, reads_back_what_was_there_when_it_was_asked) {
  const Tensor y = values(2);

  const auto readback = device().read_back(y.data<float>(), y.bytes());
  launch(device(), Fill{y.array(), 0.f}, kSize);
  std::vector<float> read(kSize);
  readback->wait(read.data());

  EXPECT_EQ(bits_of(read), bits_of(random_values(kSize, 2)));
}

TEST_P(Capture, replay_runs_captures_and_then_replays) {
  const Tensor x = values(1), y = values(2), wanted = values(2);
  Replay replay;
  int called = 0;

  for (int i = 0; i < 4; ++i) {
    replay(device(), [&] {
      ++called;
      add_twice(x, y);
    });
    add_twice(x, wanted);
  }

  EXPECT_EQ(called, 2);
  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(wanted.to_host<float>()));
}

TEST(capture, is_not_offered_by_the_cpu_where_replay_calls_the_work_each_time) {
  Replay replay;
  int called = 0;

  for (int i = 0; i < 4; ++i) replay(cpu_device(), [&] { ++called; });

  EXPECT_EQ(called, 4);
  EXPECT_THROW(cpu_device().capture([] {}), Error);
}

}  // namespace
}  // namespace saddle
