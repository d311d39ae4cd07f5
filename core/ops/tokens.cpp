#include "kernels/tokens.h"

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/row_sums.h"

namespace saddle {

Var embed_tokens(Tape& tape, const Var& patches, const Var& bias, const Var& cls,
                 const Var& position) {
  const Shape& shape = patches.shape();
  require(shape.rank() == 4, "embed_tokens: patches ", shape, " must be [N, H, W, D]");
  const std::int64_t batch = shape[0], tokens = 1 + shape[1] * shape[2], width = shape[3];
  require(bias.value().count() == width && cls.value().count() == width &&
              position.value().count() == tokens * width,
          "embed_tokens: patches ", shape, " with bias ", bias.shape(), ", cls ", cls.shape(),
          " and position ", position.shape(), " must be [D], [D] and [1 + H W, D]");
  Device& device = patches.device();
  const DType dtype = patches.value().dtype();
  const Tensor y(device, {batch, tokens, width}, dtype);
  with_element_type("embed_tokens", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           EmbedTokens<T>{patches.value().array<T>(), bias.value().array(), cls.value().array(),
                          position.value().array(), y.array<T>(), tokens, width},
           batch * tokens, width);
  });
  return tape.record(y, {patches, bias, cls, position}, [=, &device](const Tensor& dy) {
    if (patches.wants_gradient()) {
      const Tensor dx = patches.gradient_memory();
      with_element_type("embed_tokens", dtype, [&](auto zero) {
        using T = decltype(zero);
        launch(device, WithoutFirstToken<T>{dy.array<T>(), dx.array<T>(), tokens, width},
               batch * (tokens - 1), width);
      });
      patches.add_gradient(dx);
    }
    if (!bias.wants_gradient() && !cls.wants_gradient() && !position.wants_gradient()) return;
    // Every token's gradient is its position's; cls and bias take their tokens' share of these.
    const Tensor of_tokens = position.wants_gradient()
                                 ? position.gradient_memory().reshaped({tokens, width})
                                 : Tensor(device, {tokens, width});
    sum_rows(dy.reshaped({batch, tokens * width}), of_tokens);
    if (cls.wants_gradient()) {
      const Tensor dcls = cls.gradient_memory();
      sum_rows(of_tokens.slice(0, {1, width}), dcls);
      cls.add_gradient(dcls);
    }
    if (bias.wants_gradient()) {
      const Tensor dbias = bias.gradient_memory();
      sum_rows(of_tokens.slice(width, {tokens - 1, width}), dbias);
      bias.add_gradient(dbias);
    }
    if (position.wants_gradient()) {
      position.add_gradient(of_tokens.reshaped(position.shape()));
    }
  });
}

Tensor drop_branches(const PassRandom& random, std::uint32_t branch, float rate) {
  constexpr std::uint32_t kBranches = 1024;
  require(branch < kBranches && rate >= 0 && rate < 1, "drop_branches: branch ", branch,
          " must be below ", kBranches, " and the rate ", rate, " in [0, 1)");
  Device& device = random.examples.device();
  const Tensor scale(device, {random.examples.count()});
  launch(device,
         DropBranch{random.examples.array<std::int32_t>(), random.step.array<std::int32_t>(),
                    scale.array(), Stream{random.seed, Purpose::drop_branch},
                    random.pass * kBranches + branch, rate},
         scale.count());
  return scale;
}

Var add_scaled(Tape& tape, const Var& x, const Var& branch, const Tensor& scale) {
  const Shape& shape = x.shape();
  require(shape == branch.shape() && shape.rank() >= 1, "add_scaled: shapes ", shape, " and ",
          branch.shape(), " differ");
  require(scale.count() == shape[0], "add_scaled: ", shape[0], " examples, ", scale.count(),
          " scales");
  const DType dtype = x.value().dtype();
  require(branch.value().dtype() == dtype, "add_scaled: types ", name_of(dtype), " and ",
          name_of(branch.value().dtype()), " differ");
  Device& device = x.device();
  const std::int64_t columns = shape[shape.rank() - 1];
  const std::int64_t rows = columns > 0 ? shape.count() / columns : 0;
  const std::int64_t rows_each = shape[0] > 0 ? rows / shape[0] : 0;
  const Tensor y(device, shape, dtype);
  with_element_type("add_scaled", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           AddScaledBranch<T>{x.value().array<T>(), branch.value().array<T>(), scale.array(),
                              y.array<T>(), rows_each, columns},
           rows, columns);
  });
  return tape.record(y, {x, branch}, [=, &device](const Tensor& dy) {
    if (branch.wants_gradient()) {
      const Tensor dbranch = branch.gradient_memory();
      with_element_type("add_scaled", dtype, [&](auto zero) {
        using T = decltype(zero);
        launch(device,
               ScaleBranch<T>{dy.array<T>(), scale.array(), dbranch.array<T>(), rows_each, columns},
               rows, columns);
      });
      branch.add_gradient(dbranch);
    }
    if (x.wants_gradient()) x.add_gradient(dy);
  });
}

}  // namespace saddle
