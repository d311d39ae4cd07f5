#include "attacks/pgd_iterate.h"

#include <algorithm>
#include <cmath>

#include "kernels/apgd.h"
#include "kernels/elementwise.h"
#include "kernels/l1_projection.h"
#include "kernels/pgd.h"
#include "kernels/philox.h"

namespace saddle {

void check_pgd_batch(const Batch& batch) {
  const auto rows_of = [](const Tensor& tensor) {
    return tensor.shape().rank() >= 1 ? tensor.shape()[0] : 0;
  };
  require(batch.inputs.shape().rank() >= 1 && rows_of(batch.targets) == batch.inputs.shape()[0] &&
              batch.indices.count() == batch.inputs.shape()[0],
          "pgd: ", batch.inputs.shape(), " images, ", rows_of(batch.targets), " labels and ",
          batch.indices.count(), " indices do not match");
  require(!batch.attempts || batch.attempts.count() == batch.inputs.shape()[0],
          "pgd: ", batch.attempts.count(), " attempt numbers for images ", batch.inputs.shape());
  require(!batch.aims || batch.aims.count() == batch.inputs.shape()[0], "pgd: ", batch.aims.count(),
          " targets for images ", batch.inputs.shape());
}

PgdIterate new_iterate(const Batch& batch) {
  Device& device = batch.inputs.device();
  return {Tensor(device, batch.inputs.shape()), Tensor(device, batch.inputs.shape())};
}

void start_from(const Batch& batch, const Tensor& delta, const PgdIterate& iterate) {
  Tensor(iterate.delta).copy_from(delta);
  launch(batch.inputs.device(),
         Add<float>{batch.inputs.array(), iterate.delta.array(), iterate.adversarial.array()},
         delta.count());
}

namespace {

void project_l1(const Batch& batch, const PgdOptions& options, const PgdIterate& iterate) {
  const std::int64_t examples = batch.inputs.shape()[0];
  launch(batch.inputs.device(),
         L1Project{batch.inputs.array(), iterate.delta.array(), iterate.adversarial.array(),
                   batch.inputs.count() / examples, options.eps},
         examples);
}

// The pixels of the largest gradients move by alpha together.
void ascend_l1(const Batch& batch, const PgdOptions& options, const Tensor& g,
               const PgdIterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = g.count() / examples;
  const auto moving =
      static_cast<std::int64_t>(std::round(options.share * static_cast<float>(columns)));
  const float rank = static_cast<float>(columns - std::max<std::int64_t>(moving, 1));
  launch(device,
         SparseStep{g.array(), batch.inputs.array(), iterate.adversarial.array(),
                    iterate.delta.array(), Tensor::filled(device, {1}, options.alpha).array(),
                    Tensor::filled(device, {1}, rank).array(), 0, columns, 1},
         examples);
  project_l1(batch, options, iterate);
}

void draw_start(const Batch& batch, const PgdOptions& options, std::uint64_t seed,
                const Tensor& attack, const PgdIterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = batch.inputs.count() / examples;
  const Stream stream{seed, Purpose::attack_start};
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStartLinf{batch.indices.array<std::int32_t>(), batch.inputs.array(),
                        iterate.delta.array(), iterate.adversarial.array(), stream,
                        attack.array<std::int32_t>(), options.eps, columns},
           examples, columns);
  } else if (options.norm == Norm::l1) {
    launch(device,
           GaussianNoise{batch.indices.array<std::int32_t>(), attack.array<std::int32_t>(),
                         iterate.delta.array(), stream, columns},
           examples, columns);
    project_l1(batch, options, iterate);
  } else {
    launch(device,
           PgdStartL2{batch.indices.array<std::int32_t>(),
                      batch.inputs.array(),
                      iterate.delta.array(),
                      iterate.adversarial.array(),
                      stream,
                      {seed, Purpose::attack_radius},
                      attack.array<std::int32_t>(),
                      options.eps,
                      columns},
           examples);
  }
}

void start_at_image(const Batch& batch, const PgdIterate& iterate) {
  launch(batch.inputs.device(), Fill{iterate.delta.array(), 0.f}, iterate.delta.count());
  Tensor(iterate.adversarial).copy_from(batch.inputs);
}

void start_near_image(const Batch& batch, const PgdOptions& options, std::uint64_t seed,
                      const Tensor& attack, const PgdIterate& iterate) {
  constexpr float kDeviation = 0.001f;
  Device& device = batch.inputs.device();
  const std::int64_t columns = batch.inputs.count() / batch.inputs.shape()[0];
  launch(device,
         GaussianNoise{batch.indices.array<std::int32_t>(),
                       attack.array<std::int32_t>(),
                       iterate.delta.array(),
                       {seed, Purpose::attack_start},
                       columns},
         batch.inputs.shape()[0], columns);
  launch(device,
         ScaleByScalar{iterate.delta.array(), Tensor::filled(device, {1}, kDeviation).array(),
                       iterate.delta.array()},
         iterate.delta.count());
  project(batch, options.norm, options.eps, iterate);
}

// The draws of the cube around grey images, then as long as eps.
void start_on_sphere(const Batch& batch, const PgdOptions& options, std::uint64_t seed,
                     const Tensor& attack, const PgdIterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = batch.inputs.count() / examples;
  const Tensor grey = Tensor::filled(device, batch.inputs.shape(), .5f);
  launch(device,
         PgdStartLinf{batch.indices.array<std::int32_t>(),
                      grey.array(),
                      iterate.delta.array(),
                      iterate.adversarial.array(),
                      {seed, Purpose::attack_start},
                      attack.array<std::int32_t>(),
                      .5f,
                      columns},
         examples, columns);
  Tensor(iterate.adversarial).copy_from(iterate.delta);
  launch(device,
         ApgdStartL2{batch.inputs.array(), iterate.adversarial.array(), options.eps, columns},
         examples);
  launch(device,
         Difference{batch.inputs.array(), iterate.adversarial.array(), iterate.delta.array()},
         iterate.delta.count());
}

}  // namespace

void begin(const Batch& batch, const PgdOptions& options, std::uint64_t seed, const Tensor& attack,
           const PgdIterate& iterate) {
  const Tensor& number = batch.attempts ? batch.attempts : attack;
  switch (options.start) {
    case Start::zero: return start_at_image(batch, iterate);
    case Start::random: return draw_start(batch, options, seed, number, iterate);
    case Start::near: return start_near_image(batch, options, seed, number, iterate);
    case Start::sphere: return start_on_sphere(batch, options, seed, number, iterate);
  }
}

void project(const Batch& batch, Norm norm, float eps, const PgdIterate& iterate) {
  PgdOptions step_of_no_length;
  step_of_no_length.norm = norm;
  step_of_no_length.eps = eps;
  step_of_no_length.alpha = 0;
  ascend(batch, step_of_no_length, iterate.delta, iterate);
}

void ascend(const Batch& batch, const PgdOptions& options, const Tensor& g,
            const PgdIterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0];
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStepLinf{iterate.delta.array(), g.array(), batch.inputs.array(),
                       iterate.adversarial.array(), options.alpha, options.eps},
           g.count());
  } else if (options.norm == Norm::l1) {
    ascend_l1(batch, options, g, iterate);
  } else {
    launch(device,
           PgdStepL2{iterate.delta.array(), g.array(), batch.inputs.array(),
                     iterate.adversarial.array(), g.count() / examples, options.alpha, options.eps},
           examples);
  }
}

}  // namespace saddle
