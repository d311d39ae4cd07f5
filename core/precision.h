// Precision: what matrix units round their operands to, and whether results may hang on the batch.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace saddle {

enum class Precision : std::uint8_t {
  fp32,  // f32 operands, f32 sums
  tf32,  // f32 operands in memory, of which the matrix units read 10 bits of fraction; f32 sums
  bf16,  // activations and the weights that they are multiplied with are bf16; f32 sums, f32 master
         // weights
};

// Of activations, and of the weights that they are multiplied with.
constexpr DType activation_type(Precision precision) {
  return precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

// Whether a row of a matrix product may depend on the number of rows, by the last bits: libraries
// choose kernels, and orders of their sums, by it.
enum class Batching : std::uint8_t {
  fastest,    // it may
  invariant,  // never: what a network says of an example does not hang on its batch
};

}  // namespace saddle
