// CudaDevice: a GPU. One stream, on which everything it is asked for happens in the order of
// asking; and while work is captured another, on which is what it is asked for beside.
//
// Memory may go back to the pool while a kernel that uses it is still to run: whoever takes it next
// comes later on the stream. The other stream has a pool of its own until the two join.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <string>
#include <vector>

#include "core/device.h"

namespace saddle {

class CublasGemm;
class CudnnConvolutions;

// Memory of a GPU.
struct DeviceMemory {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

// Page-locked host memory, to or from which a GPU copies while the host goes on, and the event that
// says when it has.
struct PinnedSlot {
  void* memory = nullptr;
  std::size_t bytes = 0;
  cudaEvent_t copied = nullptr;
};

class CudaDevice final : public Device {
 public:
  // Throws Error where the GPU cannot be used.
  explicit CudaDevice(int ordinal);
  ~CudaDevice() override;

  // Makes this the GPU to which the calling thread's CUDA calls go. Every function of Device begins
  // with it.
  void make_current() const;
  // That of what is asked for now.
  cudaStream_t stream() const { return stream_; }
  // Whether `capture` is running its work.
  bool capturing() const { return capturing_; }
  // Throws Error where capturing(); `what` reads "a copy to the host", "choosing a plan".
  void refuse_while_capturing(const char* what) const;
  // Whether library calls must give the same bits from run to run.
  bool deterministic() const { return deterministic_; }

  std::string name() const override { return name_; }
  std::string machine() const override;
  void set_deterministic(bool deterministic) override { deterministic_ = deterministic; }
  bool supports(Precision precision) const override;
  const LaunchTable& launch_table() const override;
  const std::shared_ptr<Pool>& shared_pool() override { return pool_; }
  std::size_t memory_held() const override { return held_; }

  void copy_from_host(void* to, const void* from, std::size_t bytes) override;
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy_within(void* to, const void* from, std::size_t bytes) override;
  void synchronise() override;
  std::unique_ptr<Readback> read_back(const void* from, std::size_t bytes) override;

  bool captures() const override { return true; }
  bool computes_on_host() const override { return false; }
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override;
  void beside(std::function<void()> work) override;
  void join() override;

  void gemm(const Gemm& shape, const void* a, const void* b, void* c) override;
  void convolution_forward(const Convolution& shape, const void* x, const void* w,
                           const Epilogue& epilogue, void* y) override;
  void convolution_backward_data(const Convolution& shape, const void* dy, const void* w, void* dx,
                                 Sum sum) override;
  void convolution_backward_weights(const Convolution& shape, const void* x, const void* dy,
                                    float* dw) override;

  // For the types of its graphs and readbacks.
  PinnedSlot take_slot(std::size_t bytes);
  void give_slot(PinnedSlot slot) { free_slots_.push_back(slot); }
  DeviceMemory allocate(std::size_t bytes);  // Error where there is none left
  // Free what work may still be using: they wait for it. While work is captured, when waiting is
  // impossible, they put it off.
  void release(DeviceMemory piece) noexcept;
  void release(cudaGraphExec_t graph) noexcept;

 private:
  static PinnedSlot new_slot(std::size_t bytes);
  void copy_by_pinned_memory(void* to, const void* from, std::size_t bytes);
  void release_what_was_put_off() noexcept;
  void swap_streams();
  // From here on `later` waits for what `earlier` has been asked for.
  void order(cudaStream_t earlier, cudaStream_t later);

  int ordinal_;
  std::string name_;
  int capability_ = 0;  // 90 for compute capability 9.0
  cudaStream_t stream_ = nullptr;
  std::shared_ptr<Pool> pool_;
  bool deterministic_ = false;
  bool capturing_ = false;
  std::size_t held_ = 0;
  // What is asked for beside: the stream, the event at which the two meet, its memory, and the work
  // itself, which holds other memory.
  bool beside_ = false;
  cudaStream_t beside_stream_ = nullptr;
  cudaEvent_t meeting_ = nullptr;
  std::shared_ptr<Pool> beside_pool_;
  std::vector<std::function<void()>> kept_;
  std::vector<DeviceMemory> memory_to_release_;
  std::vector<cudaGraphExec_t> graphs_to_release_;
  std::vector<PinnedSlot> free_slots_;
  // Through which few bytes go to the GPU, by turns. Its copy of other host memory waits for all
  // that was asked of the stream before, so that host and GPU would work in turns; from these it
  // goes on until the host is so many copies ahead.
  static constexpr std::size_t kSmallCopy = 16 << 10;  // bytes
  std::array<PinnedSlot, 16> upload_slots_;
  std::size_t next_upload_ = 0;
  std::unique_ptr<CublasGemm> gemm_;
  std::unique_ptr<CudnnConvolutions> convolutions_;
};

}  // namespace saddle
