// Which instructions the CPU device uses: the widest that the processor has, unless it is held to
// less. Last bits of products of matrices and of the library's convolutions depend on it.
#pragma once

#include <string>

namespace saddle {

// "avx512" (F, BW, DQ, VL) or "avx2".
std::string cpu_isa();

// "Intel(R) Xeon(R) Platinum 8481C (0xc06f8)": its name, and what tells models of one name apart.
std::string processor();

// Holds oneDNN and the own convolutions to AVX2, as on a processor without AVX-512; so does the
// environment's ONEDNN_MAX_CPU_ISA=AVX2. To be called before any work: Error afterwards.
void hold_to_avx2();

}  // namespace saddle
