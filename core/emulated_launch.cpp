// The launch tables of the emulated device: to run kernels, and to record them while work is
// captured.
#include "core/host_launch.h"
#include "kernels/list.h"

namespace saddle {
namespace {

template <class... Kernels>
LaunchTable table_of(KernelList<Kernels...>) {
  return {&run_on_emulator<Kernels>...};
}

template <class... Kernels>
LaunchTable record_table_of(KernelList<Kernels...>) {
  return {&record<Kernels, &run_on_emulator<Kernels>>...};
}

}  // namespace

LaunchTable emulated_launch_table() { return table_of(AllKernels{}); }
LaunchTable emulated_record_table() { return record_table_of(AllKernels{}); }

}  // namespace saddle
