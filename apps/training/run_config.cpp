#include "apps/training/run_config.h"

#include "core/cpu_isa.h"
#include "core/device.h"
#include "core/threads.h"

namespace saddle {

nlohmann::json environment_of(Device& device) {
  return {{"version", SADDLE_VERSION}, {"device", device.name()}, {"backends", backends()},
          {"threads", threads()},      {"cpu_isa", cpu_isa()},    {"processor", processor()}};
}

}  // namespace saddle
