// Linked where the build has no CUDA backend: asking for a GPU explains what is missing.
#include "core/device.h"
#include "core/error.h"

namespace saddle {

Device& cuda_device(int ordinal) {
  fail("device cuda:", ordinal,
       " is not available: this build has no CUDA backend. Configure with -DSADDLE_CUDA=ON where "
       "the CUDA Toolkit and cuDNN are installed, or use --device cpu, or --device emulated to run "
       "the GPU kernels on the CPU");
}

int cuda_device_count() { return 0; }

std::string cuda_backend() { return ""; }

}  // namespace saddle
