// Captured work of a CudaDevice: CUDA graphs, of one stream or, for what is asked for beside, of
// two.
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/cuda/check.h"
#include "core/cuda/cuda_device.h"

namespace saddle {
namespace {

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using GraphHandle = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph>;

class CudaGraph final : public Graph {
 public:
  CudaGraph(CudaDevice& device, cudaGraphExec_t graph, std::shared_ptr<Pool> pool)
      : device_(device), graph_(graph), pool_(std::move(pool)) {}
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;
  ~CudaGraph() override { device_.release(graph_); }

  void replay() override {
    device_.refuse_while_capturing("a replay");
    device_.make_current();
    check(cudaGraphLaunch(graph_, device_.stream()), "cudaGraphLaunch");
  }

 private:
  CudaDevice& device_;
  cudaGraphExec_t graph_;
  std::shared_ptr<Pool> pool_;  // keeps the memory that replays work on
};

}  // namespace

std::unique_ptr<Graph> CudaDevice::capture(const std::function<void()>& work) {
  refuse_while_capturing("another capture");
  make_current();
  std::shared_ptr<Pool> pool = pool_within(pool_);

  // Relaxed: what the pool does not hold comes from cudaMalloc, which the stricter modes forbid.
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  capturing_ = true;
  pool_.swap(pool);
  std::exception_ptr failure;
  try {
    work();
    join();
  } catch (...) {
    failure = std::current_exception();
  }
  kept_.clear();
  beside_pool_.reset();
  pool_.swap(pool);
  cudaGraph_t captured = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream_, &captured);
  const GraphHandle graph(captured);
  capturing_ = false;
  release_what_was_put_off();
  if (failure) {
    cudaGetLastError();  // that the capture was broken off is no news
    std::rethrow_exception(failure);
  }
  check(status, "cudaStreamEndCapture");

  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiate(&executable, graph.get(), 0), "cudaGraphInstantiate");
  auto result = std::make_unique<CudaGraph>(*this, executable, std::move(pool));
  check(cudaGraphUpload(executable, stream_), "cudaGraphUpload");
  return result;
}

void CudaDevice::order(cudaStream_t earlier, cudaStream_t later) {
  check(cudaEventRecord(meeting_, earlier), "cudaEventRecord");
  check(cudaStreamWaitEvent(later, meeting_, 0), "cudaStreamWaitEvent");
}

void CudaDevice::swap_streams() {
  std::swap(stream_, beside_stream_);
  pool_.swap(beside_pool_);
  beside_ = !beside_;
}

// What is asked for beside works in memory of its own, for what is called meanwhile may not be
// given any of it.
void CudaDevice::beside(std::function<void()> work) {
  if (!capturing_ || beside_) return work();
  make_current();
  order(stream_, beside_stream_);
  if (!beside_pool_) beside_pool_ = pool_within(pool_);
  swap_streams();
  try {
    work();
  } catch (...) {
    swap_streams();
    throw;
  }
  swap_streams();
  kept_.push_back(std::move(work));
  if (kept_.size() == kMostBeside) join();
}

void CudaDevice::join() {
  if (beside_ || kept_.empty()) return;
  make_current();
  order(beside_stream_, stream_);
  kept_.clear();
  beside_pool_.reset();
}

}  // namespace saddle
