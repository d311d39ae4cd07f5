// The numbers by which the draws of dropout are told apart.
#pragma once

#include "core/pass.h"

namespace saddle {

// What is added to the number of a group of four elements, of which an example has `groups`: no two
// places and passes of a step share a sum. Throws Error, as from `op`, where they would.
std::uint32_t first_group(const char* op, const PassRandom& random, const DrawPlace& place,
                          std::int64_t groups);

void check_rate(const char* op, float rate);

}  // namespace saddle
