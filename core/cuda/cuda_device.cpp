#include "core/cuda/cuda_device.h"

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "core/cuda/check.h"
#include "core/cuda/cublas_gemm.h"
#include "core/cuda/cudnn_convolution.h"
#include "core/cuda/launch.h"
#include "core/error.h"

namespace saddle {
namespace {

class CudaReadback final : public Readback {
 public:
  CudaReadback(CudaDevice& device, PinnedSlot slot, std::size_t bytes)
      : device_(device), slot_(slot), bytes_(bytes) {}
  CudaReadback(const CudaReadback&) = delete;
  CudaReadback& operator=(const CudaReadback&) = delete;
  // The copy may still be on its way, if nobody waited: the slot's next one comes after it.
  ~CudaReadback() override { device_.give_slot(slot_); }

  void begin(const void* from) {
    if (bytes_ == 0) return;
    check(cudaMemcpyAsync(slot_.memory, from, bytes_, cudaMemcpyDeviceToHost, device_.stream()),
          "reading back");
    check(cudaEventRecord(slot_.copied, device_.stream()), "cudaEventRecord");
  }

  void wait(void* to) override {
    device_.refuse_while_capturing("waiting for a value");
    if (bytes_ == 0) return;
    device_.make_current();
    check(cudaEventSynchronize(slot_.copied), "reading back");
    std::memcpy(to, slot_.memory, bytes_);
  }

 private:
  CudaDevice& device_;
  PinnedSlot slot_;
  std::size_t bytes_;
};

// Why no GPU can be used, in words.
std::string why_no_gpu(cudaError_t status) {
  int driver = 0;
  cudaDriverGetVersion(&driver);  // the CUDA version it supports, as 12020; 0 without a driver
  if (driver == 0) return "there is no NVIDIA driver";
  if (status == cudaErrorInsufficientDriver) {
    return text("the NVIDIA driver supports CUDA up to ", driver / 1000, ".", driver % 1000 / 10,
                ", this build needs ", CUDART_VERSION / 1000, ". Update the driver");
  }
  if (status == cudaErrorNoDevice) return "there is no NVIDIA GPU";
  return text(cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

[[noreturn]] void fail_as_unavailable(int ordinal, const std::string& why) {
  fail("device cuda:", ordinal, " is not available: ", why,
       ". Use --device cpu, or --device emulated to run the GPU kernels on the CPU");
}

void require_gpu(int ordinal) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (status != cudaSuccess) fail_as_unavailable(ordinal, why_no_gpu(status));
  if (count == 0) fail_as_unavailable(ordinal, why_no_gpu(cudaErrorNoDevice));
  if (ordinal < 0 || ordinal >= count) {
    fail_as_unavailable(ordinal, text("the GPUs here are cuda:0 to cuda:", count - 1));
  }
}

// The GPU of the calling thread. Asking the runtime at every launch would cost more than
// remembering; the libraries we call leave it as they found it.
thread_local int current_gpu = -1;

cudaError_t use_gpu(int ordinal) noexcept {
  if (current_gpu == ordinal) return cudaSuccess;
  const cudaError_t status = cudaSetDevice(ordinal);
  current_gpu = status == cudaSuccess ? ordinal : -1;
  return status;
}

std::string cudnn_version() {
  const std::size_t version = cudnnGetVersion();  // 91900 for 9.19.0
  return text(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

int attribute(cudaDeviceAttr name, int ordinal) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, ordinal), "cudaDeviceGetAttribute");
  return value;
}

}  // namespace

CudaDevice::CudaDevice(int ordinal) : ordinal_(ordinal), name_(text("cuda:", ordinal)) {
  require_gpu(ordinal);
  capability_ = 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
                attribute(cudaDevAttrComputeCapabilityMinor, ordinal);
  make_current();
  if (!load_kernels()) {
    fail_as_unavailable(
        ordinal,
        text("the GPU is of sm_", capability_, ", this build has code for ", compiled_for(),
             ". Configure it with ", "-DSADDLE_CUDA_ARCHITECTURES=", capability_));
  }
  // Non-blocking: does not wait for the default stream, on which nothing of ours runs.
  for (cudaStream_t* stream : {&stream_, &beside_stream_}) {
    check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  check(cudaEventCreateWithFlags(&meeting_, cudaEventDisableTiming), "cudaEventCreate");
  pool_ = std::make_shared<Pool>([this](std::size_t bytes) { return allocate(bytes).memory; },
                                 [this](void* memory, std::size_t bytes) {
                                   release({memory, bytes});
                                 });
  gemm_ = std::make_unique<CublasGemm>(*this);
  convolutions_ = std::make_unique<CudnnConvolutions>(*this);
}

// Runs for no device that was once made (see cuda_device), so nothing needs to be taken down.
CudaDevice::~CudaDevice() = default;

void CudaDevice::make_current() const { check(use_gpu(ordinal_), "cudaSetDevice"); }

void CudaDevice::refuse_while_capturing(const char* what) const {
  require(!capturing_, "cuda: ", what, " inside captured work. It needs the host, which is not ",
          "there when the work is replayed: do it before or after");
}

// "NVIDIA H100 80GB HBM3, sm_90, cuDNN 9.19.0"
std::string CudaDevice::machine() const {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, ordinal_), "cudaGetDeviceProperties");
  return text(properties.name, ", sm_", capability_, ", cuDNN ", cudnn_version());
}

bool CudaDevice::supports(Precision precision) const {
  return precision == Precision::fp32 || capability_ >= 80;  // tf32 and bf16 came with Ampere
}

const LaunchTable& CudaDevice::launch_table() const { return cuda_launch_table(); }

// Memory ------------------------------------------------------------------------------------------

DeviceMemory CudaDevice::allocate(std::size_t bytes) {
  make_current();
  DeviceMemory piece{nullptr, bytes};
  const cudaError_t status = cudaMalloc(&piece.memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // the next launch must not report it
    fail("cuda: cudaMalloc: out of memory: ", bytes, " bytes more are not to be had on ", name_,
         ". Use a smaller batch, or end other programs on this GPU");
  }
  check(status, "cudaMalloc");
  held_ += bytes;
  return piece;
}

// Failures are dropped: they are those of earlier work, which the next call reports.
void CudaDevice::release(DeviceMemory piece) noexcept {
  if (capturing_) {
    memory_to_release_.push_back(piece);
    return;
  }
  use_gpu(ordinal_);
  cudaStreamSynchronize(stream_);
  cudaFree(piece.memory);
  held_ -= piece.bytes;
}

void CudaDevice::release(cudaGraphExec_t graph) noexcept {
  if (capturing_) {
    graphs_to_release_.push_back(graph);
    return;
  }
  use_gpu(ordinal_);
  cudaStreamSynchronize(stream_);
  cudaGraphExecDestroy(graph);
}

void CudaDevice::release_what_was_put_off() noexcept {
  for (const cudaGraphExec_t graph : std::exchange(graphs_to_release_, {})) release(graph);
  for (const DeviceMemory& piece : std::exchange(memory_to_release_, {})) release(piece);
}

// Copies ------------------------------------------------------------------------------------------

void CudaDevice::copy_from_host(void* to, const void* from, std::size_t bytes) {
  refuse_while_capturing("a copy from the host");
  if (bytes == 0) return;
  make_current();
  if (bytes <= kSmallCopy) return copy_by_pinned_memory(to, from, bytes);
  // From memory that is not page-locked CUDA returns once it has the values in a buffer of its own:
  // the caller may change them.
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copy from the host");
}

void CudaDevice::copy_by_pinned_memory(void* to, const void* from, std::size_t bytes) {
  PinnedSlot& slot = upload_slots_[next_upload_++ % upload_slots_.size()];
  if (!slot.memory) slot = new_slot(kSmallCopy);
  check(cudaEventSynchronize(slot.copied), "copy from the host");  // of its last copy
  std::memcpy(slot.memory, from, bytes);
  check(cudaMemcpyAsync(to, slot.memory, bytes, cudaMemcpyHostToDevice, stream_),
        "copy from the host");
  check(cudaEventRecord(slot.copied, stream_), "cudaEventRecord");
}

void CudaDevice::copy_to_host(void* to, const void* from, std::size_t bytes) {
  refuse_while_capturing("a copy to the host");
  make_current();
  if (bytes > 0) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "copy to the host");
  }
  check(cudaStreamSynchronize(stream_), "copy to the host");
}

void CudaDevice::copy_within(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  make_current();
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy");
}

void CudaDevice::synchronise() {
  refuse_while_capturing("waiting for the device");
  make_current();
  check(cudaStreamSynchronize(stream_), "waiting for the device");
}

std::unique_ptr<Readback> CudaDevice::read_back(const void* from, std::size_t bytes) {
  refuse_while_capturing("reading back");
  make_current();
  auto readback = std::make_unique<CudaReadback>(*this, take_slot(bytes), bytes);
  readback->begin(from);
  return readback;
}

// Reading back is for a few numbers (a batch's loss), so the least slot fits nearly always.
PinnedSlot CudaDevice::take_slot(std::size_t bytes) {
  for (PinnedSlot& free : free_slots_) {
    if (free.bytes < bytes) continue;
    const PinnedSlot slot = free;
    free = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  return new_slot(bytes);
}

PinnedSlot CudaDevice::new_slot(std::size_t bytes) {
  PinnedSlot slot;
  slot.bytes = Pool::size_class(bytes);
  check(cudaMallocHost(&slot.memory, slot.bytes), "cudaMallocHost");
  check(cudaEventCreateWithFlags(&slot.copied, cudaEventDisableTiming), "cudaEventCreate");
  return slot;
}

// Libraries ---------------------------------------------------------------------------------------

void CudaDevice::gemm(const Gemm& shape, const void* a, const void* b, void* c) {
  make_current();
  gemm_->gemm(shape, a, b, c);
}

void CudaDevice::convolution_forward(const Convolution& shape, const void* x, const void* w,
                                     const Epilogue& epilogue, void* y) {
  make_current();
  convolutions_->forward(shape, x, w, epilogue, y);
}

void CudaDevice::convolution_backward_data(const Convolution& shape, const void* dy, const void* w,
                                           void* dx, Sum sum) {
  make_current();
  convolutions_->backward_data(shape, dy, w, dx, sum);
}

void CudaDevice::convolution_backward_weights(const Convolution& shape, const void* x,
                                              const void* dy, float* dw) {
  make_current();
  convolutions_->backward_weights(shape, x, dy, dw);
}

// Devices by number -------------------------------------------------------------------------------

// Never destroyed: a tensor in a static of someone else's may be given back after our statics are
// gone, and after the CUDA runtime is.
Device& cuda_device(int ordinal) {
  static std::mutex mutex;
  static auto& devices = *new std::map<int, std::unique_ptr<CudaDevice>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<CudaDevice>& device = devices[ordinal];
  if (!device) device = std::make_unique<CudaDevice>(ordinal);
  return *device;
}

int cuda_device_count() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  return status == cudaSuccess ? count : 0;
}

std::string cuda_backend() {
  return text("cuda ", CUDART_VERSION / 1000, ".", CUDART_VERSION % 1000 / 10, " (cuDNN ",
              cudnn_version(), ", ", compiled_for(), ")");
}

}  // namespace saddle
