// Precision: what matrix units round their operands to.
#pragma once

#include <cstdint>

namespace saddle {

enum class Precision : std::uint8_t {
  fp32,  // f32 operands, f32 sums
  tf32,  // f32 operands in memory, of which the matrix units read 10 bits of fraction; f32 sums
  bf16,  // activations and the weights that convolutions read are bf16; f32 sums, f32 master
         // weights
};

}  // namespace saddle
