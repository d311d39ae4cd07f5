// Linked where the build has no CUDA backend: asking for a GPU explains what is missing.
#include "core/device.h"
#include "core/error.h"

namespace saddle {

Device& cuda_device(int ordinal) {
  fail("device cuda:", ordinal,
       " is not available: this build has no CUDA backend. Use --device cpu, or --device emulated "
       "to run "
       "the GPU kernels on the CPU");
}

}  // namespace saddle
