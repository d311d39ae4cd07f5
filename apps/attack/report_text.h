// How reports write numbers and radii.
#pragma once

#include <string>

#include "attacks/attack_run.h"
#include "core/format.h"

namespace saddle {

inline double images_per_second(const AttackResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.attacked) / result.seconds : 0.;
}

// "linf 0.0156863"
inline std::string ball_text(const Ball& ball) {
  return norm_name(ball.norm) + formatted(" %.6g", ball.eps);
}

}  // namespace saddle
