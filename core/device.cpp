// Devices by name.
#include "core/device.h"

#include <cstdlib>

#include "core/error.h"
#include "core/onednn.h"

namespace saddle {

Device& device_named(const std::string& name) {
  if (name == "auto") {
    const char* wanted = std::getenv("SADDLE_DEVICE");
    if (wanted && *wanted && std::string(wanted) != "auto") return device_named(wanted);
    return cuda_device_count() > 0 ? cuda_device(0) : cpu_device();
  }
  if (name == "cpu") return cpu_device();
  if (name == "emulated") return emulated_device();
  if (name == "cuda") return cuda_device(0);
  if (name.starts_with("cuda:")) {
    const std::string ordinal = name.substr(5);
    if (!ordinal.empty() && ordinal.size() <= 3 &&
        ordinal.find_first_not_of("0123456789") == std::string::npos) {
      return cuda_device(std::stoi(ordinal));
    }
  }
  fail("device '", name, "' is unknown. Use auto, cpu, emulated, cuda or cuda:N");
}

std::string backends() {
  const std::string cuda = cuda_backend();
  return text("cpu (oneDNN ", onednn::version(), "), ", cuda, cuda.empty() ? "" : ", ",
              "cuda-emulated");
}

}  // namespace saddle
