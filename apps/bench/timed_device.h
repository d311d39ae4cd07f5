// TimedDevice: a device that does what another does and keeps how long each kind of work took.
//
// After every call it waits for the device, so that on a GPU, where calls overlap, the parts add up
// to more than a step takes; and it does not capture. What an op computes on the host itself
// (core/host_linear.h, core/host_attention.h) is no call of a device and has no part.
#pragma once

#include <map>
#include <string>

#include "core/device.h"

namespace saddle::bench {

class TimedDevice final : public Device {
 public:
  struct Part {
    double seconds = 0;
    std::int64_t calls = 0;
  };
  // By what was done: "BatchNormApply<float>", "convolution 3x3, stride 2: gradient of weights".
  using Parts = std::map<std::string, Part>;

  // `device` must outlive it, and all its tensors.
  explicit TimedDevice(Device& device);

  const Parts& parts() const { return parts_; }
  void forget() { parts_.clear(); }

  template <class Work>
  void timed(const std::string& name, const Work& work);

  std::string name() const override { return device_.name(); }
  std::string machine() const override { return device_.machine(); }
  void set_deterministic(bool deterministic) override { device_.set_deterministic(deterministic); }
  bool supports(Precision precision) const override { return device_.supports(precision); }
  const LaunchTable& launch_table() const override { return table_; }
  const std::shared_ptr<Pool>& shared_pool() override { return device_.shared_pool(); }
  std::size_t memory_held() const override { return device_.memory_held(); }

  void copy_from_host(void* to, const void* from, std::size_t bytes) override;
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy_within(void* to, const void* from, std::size_t bytes) override;
  void synchronise() override { device_.synchronise(); }
  std::unique_ptr<Readback> read_back(const void* from, std::size_t bytes) override {
    return device_.read_back(from, bytes);
  }

  bool captures() const override { return false; }
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override {
    return device_.capture(work);
  }

  void gemm(const Gemm& shape, const void* a, const void* b, void* c) override;
  void convolution_forward(const Convolution& shape, const void* x, const void* w,
                           const Epilogue& epilogue, void* y) override;
  void convolution_backward_data(const Convolution& shape, const void* dy, const void* w, void* dx,
                                 Sum sum) override;
  void convolution_backward_weights(const Convolution& shape, const void* x, const void* dy,
                                    float* dw) override;
  bool computes_on_host() const override { return device_.computes_on_host(); }

  Device& inner() { return device_; }

 private:
  Device& device_;
  LaunchTable table_;
  Parts parts_;
};

}  // namespace saddle::bench
