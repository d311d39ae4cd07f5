// The f32 convolutions of the devices that compute on the CPU, and which implementation takes each.
//
// There are several: "winograd", "thin" and "sparse taps" are ours, all others have the names that
// oneDNN gives them. A rule, a function of shape and instruction set, says which one takes a shape;
// it was made on a few processors, and where another is found faster on the processor at hand, a
// plan says so (core/plans.h). A plan holds for images of any number and, above 16 pixels a
// side, of about the size: measured is a batch of a fixed number of images of a rounded size.
#pragma once

#include <string>

#include "core/device.h"
#include "core/vector_code.h"

namespace saddle {

// As Device's functions of these names, for x, w, y and their gradients in f32.
void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const Finish& finish, float* y);
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

// What plans of these are measured on, in a line: processor, instruction set and library.
std::string host_machine();

}  // namespace saddle
