// Fuzzes files of plans: refused, or plans whose text says the same.
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "core/plan_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const saddle::PlanFile file = saddle::parse_plans(std::as_bytes(std::span(data, size)));
    const std::string text = saddle::text_of(file);
    const saddle::PlanFile again = saddle::parse_plans(std::as_bytes(std::span(text)));
    if (again.machine != file.machine || again.plans != file.plans) std::abort();
  } catch (const saddle::Error&) {
    // refused
  }
  return 0;
}
