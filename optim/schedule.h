// Learning-rate schedules: the rate of an epoch as a function of the epoch alone.
#pragma once

#include <cstdint>
#include <string>

namespace saddle {

enum class Schedule { step, cosine, poly, linear, constant };

// "step", "cosine", "poly", "linear", "constant"; throws Error for anything else.
Schedule schedule_named(const std::string& name);

// The rate of epoch `epoch` (0-based) of `epochs`:
//   step      lr, x0.1 from 75 % and x0.01 from 90 % of the epochs on (the paper's recipe)
//   cosine    lr (1 + cos(pi epoch / epochs)) / 2
//   poly      lr (1 - epoch / epochs)^0.9
//   linear    lr (1 - epoch / epochs)
//   constant  lr
// The first `warmup` epochs take 1, 2, ... parts in warmup + 1 of it (Goyal et al. 2017).
double learning_rate(Schedule schedule, double lr, std::int64_t epoch, std::int64_t epochs,
                     std::int64_t warmup = 0);

}  // namespace saddle
