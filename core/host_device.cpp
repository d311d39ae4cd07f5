// The two devices whose memory is the host's: cpu and emulated. They differ in their launch tables,
// and in that the emulated one can be captured and asked for bf16, as a GPU can.
#include <omp.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/host_convolution.h"
#include "core/host_launch.h"
#include "core/host_memory.h"
#include "core/onednn.h"
#include "kernels/bfloat16.h"
#include "kernels/limits.h"

namespace saddle {
namespace {

// A pool that adds what it takes to `held`.
std::shared_ptr<Pool> host_pool(std::size_t& held) {
  return std::make_shared<Pool>(
      [&held](std::size_t bytes) {
        void* memory = allocate_host(bytes);
        held += bytes;
        return memory;
      },
      [&held](void* memory, std::size_t bytes) {
        std::free(memory);
        held -= bytes;
      });
}

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

std::vector<float> widened(const void* values, std::int64_t count) {
  const auto* from = static_cast<const Bfloat16*>(values);
  return std::vector<float>(from, from + count);
}

void round_to(const std::vector<float>& from, void* to) {
  auto* values = static_cast<Bfloat16*>(to);
  for (std::size_t i = 0; i < from.size(); ++i) values[i] = from[i];
}

// A piece of captured work, and how it is ordered (Device::beside).
struct Recorded {
  enum Order { in_order, beside, join } order;
  std::function<void()> work;
};

// Replays in all orders that a GPU might: what was asked for beside runs at once in the first
// replay, as late as may be in the second, then at random moments. So results that hang on the
// order, and memory given away too early, show as other bits.
class HostGraph final : public Graph {
 public:
  HostGraph(std::vector<Recorded> recorded, std::shared_ptr<Pool> pool)
      : recorded_(std::move(recorded)), pool_(std::move(pool)) {}

  void replay() override {
    std::minstd_rand random(++replays_);
    const auto is_a_moment = [&] { return replays_ == 1 || (replays_ > 2 && random() % 2 == 0); };
    std::deque<const Recorded*> waiting;
    const auto run_first = [&] {
      waiting.front()->work();
      waiting.pop_front();
    };
    for (const Recorded& piece : recorded_) {
      if (piece.order == Recorded::beside) waiting.push_back(&piece);
      while (!waiting.empty() && (piece.order == Recorded::join || is_a_moment())) run_first();
      if (piece.order == Recorded::in_order) piece.work();
    }
    while (!waiting.empty()) run_first();
  }

 private:
  std::vector<Recorded> recorded_;
  std::shared_ptr<Pool> pool_;  // keeps the memory the work uses
  unsigned replays_ = 0;
};

class HostDevice final : public Device {
 public:
  HostDevice(std::string name, LaunchTable run) : name_(std::move(name)), run_(std::move(run)) {}
  HostDevice(std::string name, LaunchTable run, LaunchTable record)
      : name_(std::move(name)), run_(std::move(run)), record_(std::move(record)), captures_(true) {}

  std::string name() const override { return name_; }
  std::string machine() const override { return host_machine(); }
  void set_deterministic(bool) override {}  // the same bits always
  bool supports(Precision precision) const override {
    return precision == Precision::fp32 || (captures_ && precision == Precision::bf16);
  }
  const LaunchTable& launch_table() const override { return recording_ ? record_ : run_; }
  const std::shared_ptr<Pool>& shared_pool() override { return recording_ ? graph_pool_ : pool_; }
  std::size_t memory_held() const override { return held_; }

  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    not_captured("a copy from the host");
    copy(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    not_captured("a copy to the host");
    copy(to, from, bytes);
  }
  void copy_within(void* to, const void* from, std::size_t bytes) override {
    run([=] { copy(to, from, bytes); });
  }
  void synchronise() override { not_captured("synchronising"); }
  std::unique_ptr<Readback> read_back(const void* from, std::size_t bytes) override {
    not_captured("reading back");
    return std::make_unique<HostReadback>(from, bytes);
  }

  bool captures() const override { return captures_; }
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override;
  void record(std::function<void()> work) {
    recording_->push_back({beside_ ? Recorded::beside : Recorded::in_order, std::move(work)});
  }
  void beside(std::function<void()> work) override;
  void join() override;

  void gemm(const Gemm& shape, const void* a, const void* b, void* c) override {
    run([=] { gemm_in(shape, a, b, c); });
  }
  void convolution_forward(const Convolution& shape, const void* x, const void* w,
                           const Epilogue& epilogue, void* y) override {
    run([=] { forward_in(shape, x, w, epilogue, y); });
  }
  void convolution_backward_data(const Convolution& shape, const void* dy, const void* w, void* dx,
                                 Sum sum) override {
    run([=] { backward_data_in(shape, dy, w, dx, sum); });
  }
  void convolution_backward_weights(const Convolution& shape, const void* x, const void* dy,
                                    float* dw) override {
    run([=] {
      if (shape.dtype() == DType::f32) {
        saddle::convolution_backward_weights(shape, static_cast<const float*>(x),
                                             static_cast<const float*>(dy), dw);
        return;
      }
      saddle::convolution_backward_weights(f32(shape), widened(x, shape.input_count()).data(),
                                           widened(dy, shape.output_count()).data(), dw);
      for (std::int64_t i = 0; i < shape.weight_count(); ++i) dw[i] = Bfloat16(dw[i]);
    });
  }

  // The emulated device shows what a GPU does.
  bool computes_on_host() const override { return !captures_; }

 private:
  class HostReadback final : public Readback {
   public:
    HostReadback(const void* from, std::size_t bytes)
        : values_(static_cast<const char*>(from), static_cast<const char*>(from) + bytes) {}
    void wait(void* to) override { copy(to, values_.data(), values_.size()); }

   private:
    std::vector<char> values_;
  };

  // Now, or when what is being captured is replayed.
  template <class Work>
  void run(Work work) {
    if (recording_) {
      record(std::move(work));
    } else {
      work();
    }
  }

  void not_captured(const char* what) const {
    require(!recording_, name_, ": ", what,
            " inside captured work, which must not wait for the host. Do it before or after");
  }

  template <class Product>
  static Product f32(Product shape) {
    shape.precision = Precision::fp32;
    return shape;
  }

  static void gemm_in(const Gemm& shape, const void* a, const void* b, void* c) {
    if (shape.operands() == DType::f32) {
      onednn::gemm(shape, static_cast<const float*>(a), static_cast<const float*>(b),
                   static_cast<float*>(c));
      return;
    }
    const std::vector<float> left = widened(a, shape.batch * shape.m * shape.k),
                             right = widened(b, shape.batch * shape.k * shape.n);
    if (shape.result == DType::f32) {
      onednn::gemm(f32(shape), left.data(), right.data(), static_cast<float*>(c));
      return;
    }
    std::vector<float> sums(static_cast<std::size_t>(shape.batch * shape.m * shape.n));
    onednn::gemm(f32(shape), left.data(), right.data(), sums.data());
    round_to(sums, c);
  }

  static void forward_in(const Convolution& shape, const void* x, const void* w,
                         const Epilogue& epilogue, void* y) {
    const Limits limits = limits_of(epilogue.activation);
    if (shape.dtype() == DType::f32) {
      saddle::convolution_forward(
          shape, static_cast<const float*>(x), static_cast<const float*>(w),
          {static_cast<const float*>(epilogue.residual), epilogue.bias, limits.low, limits.high},
          static_cast<float*>(y));
      return;
    }
    std::vector<float> sums(static_cast<std::size_t>(shape.output_count())), residual;
    if (epilogue.residual) residual = widened(epilogue.residual, shape.output_count());
    saddle::convolution_forward(
        f32(shape), widened(x, shape.input_count()).data(), widened(w, shape.weight_count()).data(),
        {epilogue.residual ? residual.data() : nullptr, epilogue.bias, limits.low, limits.high},
        sums.data());
    round_to(sums, y);
  }

  static void backward_data_in(const Convolution& shape, const void* dy, const void* w, void* dx,
                               Sum sum) {
    const bool rounds = shape.dtype() == DType::bf16;
    if (!rounds && sum == Sum::store) {
      return saddle::convolution_backward_data(shape, static_cast<const float*>(dy),
                                               static_cast<const float*>(w),
                                               static_cast<float*>(dx));
    }
    std::vector<float> found(static_cast<std::size_t>(shape.input_count()));
    if (rounds) {
      saddle::convolution_backward_data(f32(shape), widened(dy, shape.output_count()).data(),
                                        widened(w, shape.weight_count()).data(), found.data());
    } else {
      saddle::convolution_backward_data(shape, static_cast<const float*>(dy),
                                        static_cast<const float*>(w), found.data());
    }
    const auto put = [&]<class T>(T* to) {
      for (std::size_t i = 0; i < found.size(); ++i) {
        to[i] = sum == Sum::add ? found[i] + static_cast<float>(to[i]) : found[i];
      }
    };
    rounds ? put(static_cast<Bfloat16*>(dx)) : put(static_cast<float*>(dx));
  }

  std::string name_;
  LaunchTable run_, record_;
  bool captures_ = false;
  std::size_t held_ = 0;
  std::shared_ptr<Pool> pool_ = host_pool(held_), graph_pool_;
  std::vector<Recorded>* recording_ = nullptr;
  // What is asked for beside: its memory, and the work itself, which holds other memory.
  bool beside_ = false;
  std::shared_ptr<Pool> beside_pool_;
  std::vector<std::function<void()>> kept_;
};

// What is asked for beside works in memory of its own, for what is called meanwhile may not be
// given any of it.
void HostDevice::beside(std::function<void()> work) {
  if (!recording_ || beside_) return work();
  if (!beside_pool_) beside_pool_ = pool_within(graph_pool_);
  beside_ = true;
  graph_pool_.swap(beside_pool_);
  const auto end = [this] {
    graph_pool_.swap(beside_pool_);
    beside_ = false;
  };
  try {
    work();
  } catch (...) {
    end();
    throw;
  }
  end();
  kept_.push_back(std::move(work));
  if (kept_.size() == kMostBeside) join();
}

void HostDevice::join() {
  if (!recording_ || beside_ || kept_.empty()) return;
  recording_->push_back({Recorded::join, {}});
  kept_.clear();
  beside_pool_.reset();
}

std::unique_ptr<Graph> HostDevice::capture(const std::function<void()>& work) {
  require(captures_, name_, ": does not capture work");
  require(!recording_, name_, ": a capture inside a capture");
  std::vector<Recorded> recorded;
  graph_pool_ = pool_within(pool_);
  recording_ = &recorded;
  const auto end = [this] {
    kept_.clear();
    beside_pool_.reset();
    recording_ = nullptr;
    return std::exchange(graph_pool_, nullptr);
  };
  try {
    work();
  } catch (...) {
    end();
    throw;
  }
  return std::make_unique<HostGraph>(std::move(recorded), end());
}

HostDevice& emulated() {
  static HostDevice& device =
      *new HostDevice("emulated", emulated_launch_table(), emulated_record_table());
  return device;
}

}  // namespace

void record_on_host(Device& device, std::function<void()> work) {
  static_cast<HostDevice&>(device).record(std::move(work));
}

// Never destroyed: a tensor in a static of someone else's may be given back after our statics are
// gone.
Device& cpu_device() {
  static Device& device = *new HostDevice("cpu", cpu_launch_table());
  return device;
}

Device& emulated_device() { return emulated(); }

void set_threads(int threads) {
  if (threads > 0) omp_set_num_threads(threads);
}

int threads() { return omp_get_max_threads(); }

}  // namespace saddle
