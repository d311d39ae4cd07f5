#include "attacks/apgd_rows.h"

#include <algorithm>

#include "kernels/apgd.h"

namespace saddle {

std::vector<int> apgd_checkpoints(int steps) {
  const auto share = [steps](double of) { return std::max(static_cast<int>(of * steps), 1); };
  std::vector<int> iterations;
  int window = share(.22);
  for (int at = window; at <= steps; at += window) {
    iterations.push_back(at);
    window = std::max(window - share(.03), share(.06));
  }
  return iterations;
}

ApgdRows::ApgdRows(Device& device, const Shape& shape)
    : images(device, shape),
      now(device, shape),
      old(device, shape),
      best(device, shape),
      g(device, shape),
      g_best(device, shape),
      adversarial(device, shape),
      state(device, {shape[0], kApgdFields}) {}

std::vector<float> ApgdRows::first_state(float step) const {
  std::vector<float> fields(static_cast<std::size_t>(size()) * kApgdFields, 0.f);
  for (std::size_t row = 0; row < fields.size(); row += kApgdFields) {
    fields[row + kApgdStep] = step;
    fields[row + kApgdReducedAtCheck] = 1;
  }
  return fields;
}

void ApgdRows::step(Norm norm, float eps) const {
  if (norm == Norm::linf) {
    launch(device(),
           ApgdStepLinf{images.array(), g.array(), now.array(), old.array(), state.array(), eps,
                        columns()},
           size(), columns());
  } else {
    launch(device(),
           ApgdStepL2{images.array(), g.array(), now.array(), old.array(), state.array(), eps,
                      columns()},
           size());
  }
}

void ApgdRows::score(const LossValue& value, const Scoring& scoring) const {
  launch(device(),
         ApgdScore{value.losses.array(), value.right.array(), state.array(), scoring.freeze ? 1 : 0,
                   scoring.reference_wrap ? 1 : 0},
         size());
}

void ApgdRows::keep(const Tensor& dx, float scale) const {
  launch(device(),
         ApgdKeep{state.array(), now.array(),
                  dx ? Array<const float>(dx.array()) : Array<const float>{}, g.array(),
                  best.array(), g_best.array(), adversarial.array(), scale, columns()},
         size(), columns());
}

void ApgdRows::checkpoint(int iteration, int steps, float rho) const {
  const std::vector<int> iterations = apgd_checkpoints(steps);
  const auto found = std::find(iterations.begin(), iterations.end(), iteration);
  if (found == iterations.end()) return;
  const int window = found == iterations.begin() ? iteration : iteration - *(found - 1);
  launch(device(), ApgdCheckpoint{state.array(), static_cast<float>(window), rho}, size());
  restart();
}

void ApgdRows::restart() const {
  launch(
      device(),
      ApgdRestart{state.array(), best.array(), g_best.array(), now.array(), g.array(), columns()},
      size(), columns());
}

}  // namespace saddle
