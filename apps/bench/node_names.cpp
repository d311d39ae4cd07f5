#include "apps/bench/node_names.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <regex>

#include "core/error.h"

namespace saddle::bench {

std::string name_of_kernel(const std::type_info& kernel) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(kernel.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? std::regex_replace(name.get(), std::regex("saddle::"), "") : kernel.name();
}

const char* name_of(ConvolutionOf what) {
  switch (what) {
    case ConvolutionOf::forward: return "forward";
    case ConvolutionOf::images: return "gradient of images";
    case ConvolutionOf::weights: return "gradient of weights";
  }
  return "";
}

std::string name_of(const Convolution& s, ConvolutionOf what) {
  return text("convolution ", s.kernel, 'x', s.kernel,
              s.stride > 1 ? text(", stride ", s.stride) : "",
              s.dilation > 1 ? text(", dilation ", s.dilation) : "", ": ", name_of(what));
}

}  // namespace saddle::bench
