// kernel_index of every kernel of the list, so that `launch` can be used without reading the list.
#include <array>

#include "core/device.h"
#include "kernels/list.h"

namespace saddle {

template <class Kernel>
std::size_t kernel_index() {
  return AllKernels::index<Kernel>();
}

namespace {

template <class... Kernels>
constexpr auto instances(KernelList<Kernels...>) {
  return std::array{&kernel_index<Kernels>...};
}

}  // namespace

// Their addresses are taken so that the compiler must emit them.
extern const std::array<std::size_t (*)(), AllKernels::size> kKernelIndices;
const std::array<std::size_t (*)(), AllKernels::size> kKernelIndices = instances(AllKernels{});

}  // namespace saddle
