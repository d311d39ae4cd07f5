#include "core/vector_code.h"

#include "core/cpu_isa.h"
#include "core/onednn.h"

namespace saddle {

std::string cpu_isa() { return onednn::uses_avx512() ? "avx512" : "avx2"; }

void hold_to_avx2() { onednn::hold_to_avx2(); }

int vector_lanes() { return onednn::uses_avx512() ? 16 : 8; }

const VectorCode& vector_code_for(std::int64_t channels) {
  return channels % 16 == 0 && vector_lanes() == 16 ? vector_code<16>() : vector_code<8>();
}

}  // namespace saddle
