// The launch table of the cpu device.
#include "core/host_launch.h"
#include "kernels/list.h"

namespace saddle {
namespace {

template <class... Kernels>
LaunchTable table_of(KernelList<Kernels...>) {
  return {&run_on_cpu<Kernels>...};
}

}  // namespace

LaunchTable cpu_launch_table() { return table_of(AllKernels{}); }

}  // namespace saddle
