#include "kernels/attention.h"

#include <cmath>

#include "core/ops.h"

namespace saddle {

Var attention(Tape& tape, const Var& qkv, std::int64_t heads, Precision precision) {
  const Shape& shape = qkv.shape();
  require(shape.rank() == 3 && heads >= 1 && shape[2] > 0 && shape[2] % (3 * heads) == 0,
          "attention: ", shape, " must be [N, T, 3 D] with D a multiple of the ", heads, " heads");
  require(precision != Precision::bf16,
          "attention: works in f32 (precision fp32 or tf32), bf16 was asked for. Pass tf32");
  Device& device = qkv.device();
  const std::int64_t batch = shape[0], tokens = shape[1], width = shape[2] / 3,
                     size = width / heads, matrices = batch * heads, rows = batch * tokens;
  const float scale = 1.f / std::sqrt(static_cast<float>(size));
  const HeadOrder three{batch, tokens, 3, heads}, one{batch, tokens, 1, heads};
  const Shape heads_shape{matrices, tokens, size}, scores_shape{matrices, tokens, tokens};
  const auto part = [=](const Tensor& all, std::int64_t i) {
    return all.slice(i * batch * tokens * width, heads_shape);
  };
  // For each head, with q, k, v, o [T, d] and p [T, T].
  const auto product = [=, &device](std::int64_t m, std::int64_t n, std::int64_t k,
                                    bool transpose_a, bool transpose_b, const Tensor& a,
                                    const Tensor& b, const Tensor& c) {
    device.gemm({m, n, k, transpose_a, transpose_b, precision, matrices}, a.data<float>(),
                b.data<float>(), c.data<float>());
  };

  const Tensor split(device, {3 * rows, width}), p(device, scores_shape), o(device, heads_shape),
      y(device, {batch, tokens, width});
  launch(device, SplitHeads{qkv.value().array(), split.array(), three, size}, three.rows(), size);
  const Tensor q = part(split, 0), k = part(split, 1), v = part(split, 2);
  product(tokens, tokens, size, false, true, q, k, p);
  launch(device, Softmax{p.array(), tokens, scale}, matrices * tokens);
  product(tokens, size, tokens, false, false, p, v, o);
  launch(device, MergeHeads{o.array(), y.array(), one, size}, one.rows(), size);

  return tape.record(y, {qkv}, [=, &device](const Tensor& dy) {
    const Tensor d_o(device, heads_shape), dp(device, scores_shape),
        dsplit(device, {3 * rows, width});
    launch(device, SplitHeads{dy.array(), d_o.array(), one, size}, one.rows(), size);
    product(tokens, size, tokens, true, false, p, d_o, part(dsplit, 2));  // dv = p^T do
    product(tokens, tokens, size, false, true, d_o, v, dp);               // dp = do v^T
    launch(device, SoftmaxBackward{p.array(), dp.array(), tokens, scale}, matrices * tokens);
    product(tokens, size, tokens, false, false, dp, k, part(dsplit, 0));  // dq = ds k
    product(tokens, size, tokens, true, false, dp, q, part(dsplit, 1));   // dk = ds^T q
    const Tensor dx = qkv.gradient_memory();
    launch(device, MergeHeads{dsplit.array(), dx.array(), three, size}, three.rows(), size);
    qkv.add_gradient(dx);
  });
}

}  // namespace saddle
