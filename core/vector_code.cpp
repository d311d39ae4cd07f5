#include "core/vector_code.h"

#include "core/onednn.h"

namespace saddle {

int vector_lanes() { return onednn::uses_avx512() ? 16 : 8; }

const VectorCode& vector_code_for(std::int64_t channels) {
  return channels % 16 == 0 && vector_lanes() == 16 ? vector_code<16>() : vector_code<8>();
}

}  // namespace saddle
