// The two devices whose memory is the host's: cpu and emulated. They differ in their launch tables,
// and in that the emulated one can be captured and asked for bf16, as a GPU can.
#include <omp.h>

#include <cstdlib>
#include <cstring>
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
  void record(std::function<void()> work) { recording_->push_back(std::move(work)); }

  void gemm(const Gemm& shape, const void* a, const void* b, void* c) override {
    run([=] { gemm_in(shape, a, b, c); });
  }
  void convolution_forward(const Convolution& shape, const void* x, const void* w,
                           const Epilogue& epilogue, void* y) override {
    run([=] { forward_in(shape, x, w, epilogue, y); });
  }
  void convolution_backward_data(const Convolution& shape, const void* dy, const void* w,
                                 void* dx) override {
    run([=] {
      if (shape.dtype() == DType::f32) {
        saddle::convolution_backward_data(shape, static_cast<const float*>(dy),
                                          static_cast<const float*>(w), static_cast<float*>(dx));
        return;
      }
      std::vector<float> sums(static_cast<std::size_t>(shape.input_count()));
      saddle::convolution_backward_data(f32(shape), widened(dy, shape.output_count()).data(),
                                        widened(w, shape.weight_count()).data(), sums.data());
      round_to(sums, dx);
    });
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

  class HostGraph final : public Graph {
   public:
    HostGraph(std::vector<std::function<void()>> work, std::shared_ptr<Pool> pool)
        : work_(std::move(work)), pool_(std::move(pool)) {}
    void replay() override {
      for (const std::function<void()>& work : work_) work();
    }

   private:
    std::vector<std::function<void()>> work_;
    std::shared_ptr<Pool> pool_;  // keeps the memory the work uses
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

  std::string name_;
  LaunchTable run_, record_;
  bool captures_ = false;
  std::size_t held_ = 0;
  std::shared_ptr<Pool> pool_ = host_pool(held_), graph_pool_;
  std::vector<std::function<void()>>* recording_ = nullptr;
};

std::unique_ptr<Graph> HostDevice::capture(const std::function<void()>& work) {
  require(captures_, name_, ": does not capture work");
  require(!recording_, name_, ": a capture inside a capture");
  std::vector<std::function<void()>> recorded;
  graph_pool_ = pool_within(pool_);
  recording_ = &recorded;
  try {
    work();
  } catch (...) {
    recording_ = nullptr;
    graph_pool_.reset();
    throw;
  }
  recording_ = nullptr;
  return std::make_unique<HostGraph>(std::move(recorded), std::exchange(graph_pool_, nullptr));
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
