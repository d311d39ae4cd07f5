// Convolution and matrix product on the CPU by oneDNN 3; the only place that knows the library.
//
// Images are NHWC, weights [out, kernel, kernel, in]. A primitive is made once for each shape and
// number of threads, and kept once it has shown on exact numbers between guard zones that it
// computes what it should (convolution_check.h); oneDNN may want the weights in an order of its
// own, into which they are copied at each call. Both throw Error ("out of memory: ...") or
// std::bad_alloc where memory runs out, and Error where no implementation is right.
#pragma once

#include <string>
#include <vector>

#include "core/device.h"
#include "core/product.h"

namespace saddle::onednn {

// Where the product goes: a row of c begins `row` elements after the one before (0: n of them), and
// is overwritten or added to.
struct ProductTo {
  std::int64_t row = 0;
  Sum sum = Sum::store;
};
// Of a single product that is stored as it is and whose a is not transposed, every row has the same
// bits whatever m is, whichever row it is, and on any number of threads.
void gemm(const Gemm& shape, const float* a, const float* b, float* c, const ProductTo& to = {});

// c [m, n] = a b on the calling thread alone, which may be one of a parallel region's; in front of
// that find_room must have been called. False where memory has run out.
bool multiply_alone(const ProductSize& size, const Operand& a, const Operand& b, float* c,
                    std::int64_t row_of_c);

// Throws std::bad_alloc where there is no room for what oneDNN takes besides data: it does not
// stand having none.
void find_room();

// What a convolution is asked for; forward_add adds a residual of y's shape.
enum class Direction { forward, forward_add, backward_data, backward_weights };

// The arguments of a convolution in any direction: one of x, w and y is the result.
struct ConvolutionArguments {
  const float *x, *w, *residual, *y;  // residual: of forward_add alone
};

// By the implementation called so, where the library has a sound one of that name for the shape;
// else, and where the name is empty, by the one that the rules prefer.
void convolve(Direction direction, const Convolution& shape, const ConvolutionArguments& arguments,
              const std::string& implementation = "");

// The names of those that are sound and worth a measurement, the one that the rules prefer first.
std::vector<std::string> implementations(Direction direction, const Convolution& shape);

// "3.2.0"
std::string version();

// As cpu_isa.h says.
bool uses_avx512();
void hold_to_avx2();

}  // namespace saddle::onednn
