#include "attacks/free_training.h"

#include <vector>

#include "kernels/pgd.h"

namespace saddle {
namespace {

Shape with_rows(std::int64_t rows, const Shape& image) {
  std::vector<std::int64_t> extents{rows};
  extents.insert(extents.end(), image.begin(), image.end());
  return Shape(extents);
}

}  // namespace

FreePerturbation::FreePerturbation(Device& device, std::int64_t most, const Shape& image, float eps)
    : delta_(Tensor::filled(device, with_rows(most, image), 0.f)), eps_(eps) {}

Tensor FreePerturbation::rows(const Tensor& x, std::int64_t first) const {
  const std::int64_t row = delta_.count() / delta_.shape()[0];
  require(
      x.count() == x.shape()[0] * row && first >= 0 && first + x.shape()[0] <= delta_.shape()[0],
      "free training: images ", x.shape(), " from row ", first, " on, delta has ", delta_.shape());
  return delta_.slice(first * row, x.shape());
}

Tensor FreePerturbation::moved(const Tensor& x, const Tensor& delta, const Tensor& g,
                               float alpha) const {
  const Tensor images(x.device(), x.shape());
  launch(x.device(), PgdStepLinf{delta.array(), g.array(), x.array(), images.array(), alpha, eps_},
         images.count());
  return images;
}

Tensor FreePerturbation::apply(const Tensor& x, std::int64_t first) const {
  const Tensor delta = rows(x, first);
  return moved(x, delta, delta, 0);  // a step of length 0 projects
}

void FreePerturbation::step(const Tensor& x, const Tensor& dx, std::int64_t first) const {
  moved(x, rows(x, first), dx, eps_);
}

}  // namespace saddle
