// The f32 convolutions of the devices that compute on the CPU, and which implementation takes each.
//
// There are several: "winograd", "thin" and "sparse taps" are ours, all others have the names that
// oneDNN gives them. A rule, a function of shape and instruction set, says which one takes a shape;
// it was made on a few processors, and where another is found faster on the processor at hand, a
// plan says so (core/plan_file.h). A plan holds for images of any number and, above 16 pixels a
// side, of about the size: measured is a batch of a fixed number of images of a rounded size.
#pragma once

#include <functional>
#include <string>

#include "core/device.h"
#include "core/plan_file.h"
#include "core/vector_code.h"

namespace saddle {

// As Device's functions of these names, for x, w, y and their gradients in f32.
void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const Finish& finish, float* y);
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

// Where plans come from that are not known yet: a function that returns the implementation for the
// problem, perhaps that which `measure` finds fastest; empty: the rule's.
using FindPlan =
    std::function<std::string(const std::string& problem, const std::function<std::string()>&)>;

// From now on convolutions go by these plans, then by what `find` says of a problem that they lack,
// then by the rules. At first there are neither plans nor a `find`.
void use_plans(Plans plans, FindPlan find = nullptr);
// These go before what is in use.
void prefer_plans(const Plans& plans);
// Those given and those found since.
const Plans& plans_in_use();

// What plans are measured on, in a line: processor, instruction set and library.
std::string planned_machine();

}  // namespace saddle
