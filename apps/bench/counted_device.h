// CountedDevice: a device that does nothing but count what a GPU would be asked for: the nodes of a
// step (kernels, calls of libraries, copies) and the bytes that they move.
//
// Tensors have memory that nobody touches, so a step of any size is counted on any machine; values
// are undefined. A node's bytes are those of its arrays, each read or written once and whole. An
// array is recognised by an address of ours among a kernel's fields, with the number of elements
// behind it; that their type is told by the size of the allocation, and is f32 where the array is
// part of one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "apps/bench/node_names.h"
#include "core/device.h"

namespace saddle::bench {

class CountedDevice final : public Device {
 public:
  struct Part {
    std::int64_t nodes = 0;
    double bytes = 0;
  };
  // By what was asked for, as TimedDevice names it.
  using Parts = std::map<std::string, Part>;

  CountedDevice();
  ~CountedDevice() override;

  // How often each convolution was asked for.
  using Convolutions = std::map<std::pair<ConvolutionOf, Convolution>, std::int64_t>;

  const Parts& parts() const { return parts_; }
  const Convolutions& convolutions() const { return convolutions_; }
  Part sum() const;
  void forget();

  void count(const std::string& name, double bytes);
  // The bytes of the arrays among the fields of a kernel.
  double bytes_of_arrays(const void* kernel, std::size_t size) const;

  std::string name() const override { return "counted"; }
  std::string machine() const override { return name(); }
  void set_deterministic(bool) override {}
  bool supports(Precision) const override { return true; }
  const LaunchTable& launch_table() const override { return table_; }
  const std::shared_ptr<Pool>& shared_pool() override { return pool_; }
  std::size_t memory_held() const override { return pool_->counters().bytes_held; }

  // Copies from and to the host are no nodes of a step. What comes from the device is zeros.
  void copy_from_host(void*, const void*, std::size_t) override {}
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy_within(void* to, const void* from, std::size_t bytes) override;
  void synchronise() override {}
  std::unique_ptr<Readback> read_back(const void* from, std::size_t bytes) override;

  bool captures() const override { return false; }  // so that every step is counted
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override;

  void gemm(const Gemm& shape, const void* a, const void* b, void* c) override;
  // With what core/cuda/cudnn_convolution.cpp launches around the library's call.
  void convolution_forward(const Convolution& shape, const void* x, const void* w,
                           const Epilogue& epilogue, void* y) override;
  void convolution_backward_data(const Convolution& shape, const void* dy, const void* w, void* dx,
                                 Sum sum) override;
  void convolution_backward_weights(const Convolution& shape, const void* x, const void* dy,
                                    float* dw) override;
  bool computes_on_host() const override { return false; }

 private:
  void count_convolution(ConvolutionOf what, const Convolution& asked, double values);
  void count_padding(const Convolution& shape, const char* name, std::int64_t rows, double size);

  LaunchTable table_;
  std::map<std::uintptr_t, std::size_t> allocations_;  // address -> bytes
  std::shared_ptr<Pool> pool_;
  Parts parts_;
  Convolutions convolutions_;
};

}  // namespace saddle::bench
