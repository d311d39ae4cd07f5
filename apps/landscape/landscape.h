// Landscape: the loss of a trained model along its two arguments, weights and images.
//
// The paper's duality as a picture: sharpness-aware minimisation flattens L(w, x) in w, adversarial
// training in x, and a model can be looked at in both. In evaluation mode throughout: batch-norm
// uses its running statistics, so that a point's loss does not depend on the batch.
#pragma once

#include <cstdint>
#include <vector>

#include "layers/model.h"
#include "apps/common/device_dataset.h"

namespace saddle::landscape {

struct LandscapePoint {
  double at;        // radius or place along the line
  double loss;      // mean cross-entropy, nats
  double accuracy;  // percent
};

// A random direction in w, filter-normalised (Li et al. 2018, "Visualizing the loss landscape of
// neural nets"): standard normal, each filter (a row of a weight tensor) scaled to the norm of the
// model's; zero in biases, normalisation parameters and tokens. Flat, as the weights; a function of
// (seed, number) and the weights.
Tensor random_direction(const Model& model, std::uint64_t seed, std::uint32_t number);

// g / ||g|| with g = dL/dw of the mean loss over the data set: where SAM climbs. Throws Error where
// the gradient is zero.
Tensor sam_direction(const Model& model, const DeviceDataset& data, std::int64_t batch_size);

// The loss at w + t direction for each t of `places`. The model is left as it is.
std::vector<LandscapePoint> along_weights(const Model& model, const Tensor& direction,
                                          const std::vector<double>& places,
                                          const DeviceDataset& data, std::int64_t batch_size);

// The mean loss at w + a_i first + b_j second, row by row of a: [places, places].
std::vector<LandscapePoint> over_plane(const Model& model, const Tensor& first,
                                       const Tensor& second, const std::vector<double>& places,
                                       const DeviceDataset& data, std::int64_t batch_size);

enum class InputStep { fgsm, pgd };

// The loss at x + delta, ||delta||_inf <= eps, for each eps: delta is one step of the gradient's
// sign, or ten of eps / 4 from the image itself.
std::vector<LandscapePoint> along_inputs(const Model& model, InputStep step,
                                         const std::vector<double>& radii,
                                         const DeviceDataset& data, std::int64_t batch_size);

}  // namespace saddle::landscape
