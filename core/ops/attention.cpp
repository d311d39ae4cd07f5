#include "kernels/attention.h"

#include <cmath>

#include "core/element_type.h"
#include "core/host_attention.h"
#include "core/ops.h"
#include "core/ops/draws.h"
#include "core/ops/multiply.h"
#include "core/text_ops.h"

namespace saddle {
namespace {

// Sequences of equal length without an index, or those of a batch.
struct Rows {
  std::int64_t count, longest;
  Tensor first, sequence, length;

  SequenceRows order() const {
    if (!first) return {{}, {}, longest};
    return {first.array<std::int32_t>(), sequence.array<std::int32_t>(), longest};
  }
  Array<const std::int32_t> lengths() const {
    return length ? Array<const std::int32_t>(length.array<std::int32_t>())
                  : Array<const std::int32_t>{};
  }
};

// softmax(q k^T / sqrt(d)) v of q, k and v, which are the parts of `inputs`: one of three parts or
// three of one, each part `width` wide in every row. In bf16 scores and their gradients are f32,
// what the products read of them is rounded.
class Attention {
 public:
  Attention(const std::vector<Var>& inputs, const Rows& rows, std::int64_t heads,
            std::int64_t width, Precision precision, const std::optional<AttentionDropout>& dropout)
      : inputs_(inputs),
        rows_(rows),
        heads_(heads),
        size_(width / heads),
        precision_(precision),
        dtype_(inputs.front().value().dtype()),
        device_(inputs.front().device()) {
    if (dropout) keep_dropout(*dropout);
  }

  Var operator()(Tape& tape, const Shape& result) const {
    if (device_.computes_on_host() && dtype_ == DType::f32 && !dropping_)
      return whole(tape, result);
    const Tensor split = of_heads(3), o = of_heads(1), y(device_, result, dtype_),
                 scores(device_, square()), p = rounded_form_of(scores);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      split_heads(inputs_[i].value(), parts(split, i), parts_each());
    }
    const Tensor q = part(split, 0), k = part(split, 1), v = part(split, 2);
    product(longest(), longest(), size_, false, true, q, k, scores);
    with_element_type("attention", dtype_, [&](auto zero) {
      using T = decltype(zero);
      launch(device_,
             Softmax<T>{scores.array(), p.array<T>(), longest(), scale(), rows_.lengths(),
                        heads_ * longest()},
             matrices() * longest());
    });
    const Tensor weights = dropped(p);
    product(longest(), size_, longest(), false, false, weights, v, o);
    merge_heads(o, y, 1);
    return tape.record(y, inputs_, [*this, q, k, v, p, weights](const Tensor& dy) {
      backward(q, k, v, p, weights, dy);
    });
  }

 private:
  // In one piece.
  Var whole(Tape& tape, const Shape& result) const {
    const Tensor y(device_, result), p(device_, square());
    host_attention(layout(), input(0), input(1), input(2), p.data<float>(), y.data<float>());
    return tape.record(y, inputs_, [*this, p](const Tensor& dy) {
      std::vector<Tensor> dx;
      for (const Var& x : inputs_)
        dx.push_back(x.wants_gradient() ? x.gradient_memory() : Tensor());
      const auto gradient = [&](std::int64_t part) -> float* {
        const Tensor& all = dx[index_of(part)];
        return all ? all.data<float>() + offset_of(part) : nullptr;
      };
      host_attention_backward(layout(), input(0), input(1), input(2), p.data<float>(),
                              dy.data<float>(), gradient(0), gradient(1), gradient(2));
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (dx[i]) inputs_[i].add_gradient(dx[i]);
      }
    });
  }
  AttentionShape layout() const {
    return {rows_.count,   longest(),       heads_, size_, parts_each() * heads_ * size_,
            rows_.order(), rows_.lengths(), scale()};
  }
  // Of q, k and v: which input a part is in, where it begins there, and its first element.
  std::size_t index_of(std::int64_t part) const {
    return static_cast<std::size_t>(part / parts_each());
  }
  std::int64_t offset_of(std::int64_t part) const { return part % parts_each() * heads_ * size_; }
  const float* input(std::int64_t part) const {
    return inputs_[index_of(part)].value().data<float>() + offset_of(part);
  }

  struct Dropping {
    Tensor examples, step;
    Stream stream;
    std::uint32_t group;
    float rate;
  };

  void keep_dropout(const AttentionDropout& dropout) {
    check_rate("attention", dropout.rate);
    require(rows_.longest <= kMostDropTokens && heads_ <= kMostDropHeads, "attention: dropout of ",
            rows_.longest, " tokens and ", heads_, " heads: draws are told apart up to ",
            kMostDropTokens, " and ", kMostDropHeads);
    require(dropout.random.examples.count() == rows_.count, "attention: dropout of ",
            dropout.random.examples.count(), " examples in ", rows_.count, " sequences");
    dropping_ = Dropping{
        dropout.random.examples, dropout.random.step, Stream{dropout.random.seed, Purpose::dropout},
        first_group("attention", dropout.random, dropout.place, kDropGroups), dropout.rate};
  }

  void backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& p,
                const Tensor& weights, const Tensor& dy) const {
    const Tensor d_o = of_heads(1), dsplit = of_heads(3), dp(device_, square()),
                 dscores = rounded_form_of(dp);
    split_heads(dy, d_o, 1);
    product(longest(), size_, longest(), true, false, weights, d_o,
            part(dsplit, 2));                                       // dv = p^T do
    product(longest(), longest(), size_, false, true, d_o, v, dp);  // dp = do v^T
    if (dropping_) drop(dp, dp);
    with_element_type("attention", dtype_, [&](auto zero) {
      using T = decltype(zero);
      launch(device_,
             SoftmaxBackward<T>{p.array<T>(), dp.array(), dscores.array<T>(), longest(), scale()},
             matrices() * longest());
    });
    product(longest(), size_, longest(), false, false, dscores, k, part(dsplit, 0));  // dq = ds k
    product(longest(), size_, longest(), true, false, dscores, q, part(dsplit, 1));   // dk = ds^T q
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].wants_gradient()) continue;
      const Tensor dx = inputs_[i].gradient_memory();
      merge_heads(parts(dsplit, i), dx, parts_each());
      inputs_[i].add_gradient(dx);
    }
  }

  std::int64_t longest() const { return rows_.longest; }
  std::int64_t matrices() const { return rows_.count * heads_; }
  std::int64_t parts_each() const { return 3 / std::ssize(inputs_); }
  float scale() const { return 1.f / std::sqrt(static_cast<float>(size_)); }

  // `parts` matrices [tokens, size] a head, [parts, matrices, tokens, size].
  Tensor of_heads(std::int64_t parts) const {
    return Tensor(device_, {parts, matrices(), longest(), size_}, dtype_);
  }
  Shape square() const { return {matrices(), longest(), longest()}; }
  // Where f32 values go that products are to read: into themselves, if these read f32.
  Tensor rounded_form_of(const Tensor& values) const {
    return dtype_ == DType::f32 ? values : Tensor(device_, values.shape(), dtype_);
  }
  // One of q, k and v, and those that the i-th input holds.
  Tensor part(const Tensor& all, std::int64_t i) const {
    const Shape shape{matrices(), longest(), size_};
    return all.slice(i * shape.count(), shape);
  }
  Tensor parts(const Tensor& all, std::size_t i) const {
    const Shape shape{parts_each(), matrices(), longest(), size_};
    return all.slice(static_cast<std::int64_t>(i) * shape.count(), shape);
  }
  HeadOrder order(std::int64_t parts) const {
    return {rows_.count, longest(), parts, heads_, rows_.order()};
  }
  void split_heads(const Tensor& x, const Tensor& y, std::int64_t parts) const {
    const HeadOrder by = order(parts);
    with_element_type("attention", dtype_, [&](auto zero) {
      using T = decltype(zero);
      launch(device_, SplitHeads<T>{x.array<T>(), y.array<T>(), by, size_}, by.split_rows(), size_);
    });
  }
  void merge_heads(const Tensor& x, const Tensor& y, std::int64_t parts) const {
    const HeadOrder by = order(parts);
    with_element_type("attention", dtype_, [&](auto zero) {
      using T = decltype(zero);
      launch(device_, MergeHeads<T>{x.array<T>(), y.array<T>(), by, size_}, by.split_rows(), size_);
    });
  }
  // Of every head: c [m, n] = a b.
  void product(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a, bool transpose_b,
               const Tensor& a, const Tensor& b, const Tensor& c) const {
    multiply({m, n, k, transpose_a, transpose_b, precision_, matrices()}, a, b, c);
  }
  Tensor dropped(const Tensor& p) const {
    if (!dropping_) return p;
    const Tensor weights(device_, p.shape(), dtype_);
    drop(p, weights);
    return weights;
  }
  void drop(const Tensor& from, const Tensor& to) const {
    with_element_type("attention", from.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(
          device_,
          DropAttention<T>{from.array<T>(), dropping_->examples.array<std::int32_t>(),
                           dropping_->step.array<std::int32_t>(), to.array<T>(), dropping_->stream,
                           dropping_->group, heads_, longest(), dropping_->rate},
          matrices() * longest(), ceil_divide(longest(), 4));
    });
  }

  std::vector<Var> inputs_;
  Rows rows_;
  std::int64_t heads_, size_;
  Precision precision_;
  DType dtype_;
  Device& device_;
  std::optional<Dropping> dropping_;
};

void check_type(const Var& x, Precision precision) {
  const DType wanted = activation_type(precision);
  require(x.value().dtype() == wanted, "attention: an input is ", name_of(x.value().dtype()),
          ", the precision wants ", name_of(wanted),
          ". Is the precision the one the input was made in?");
}

}  // namespace

Var attention(Tape& tape, const Var& qkv, std::int64_t heads, Precision precision) {
  const Shape& shape = qkv.shape();
  require(shape.rank() == 3 && heads >= 1 && shape[2] > 0 && shape[2] % (3 * heads) == 0,
          "attention: ", shape, " must be [N, T, 3 D] with D a multiple of the ", heads, " heads");
  check_type(qkv, precision);
  const std::int64_t width = shape[2] / 3;
  const Rows rows{shape[0], shape[1], {}, {}, {}};
  return Attention({qkv}, rows, heads, width, precision, {})(tape, {shape[0], shape[1], width});
}

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, std::int64_t heads,
              const Sequences& sequences, Precision precision,
              const std::optional<AttentionDropout>& dropout) {
  const Shape& shape = q.shape();
  require(shape.rank() == 2 && shape[0] == sequences.rows && k.shape() == shape &&
              v.shape() == shape && heads >= 1 && shape[1] > 0 && shape[1] % heads == 0,
          "attention: q ", shape, ", k ", k.shape(), " and v ", v.shape(), " must be [rows, D] of ",
          sequences.rows, " tokens, with D a multiple of the ", heads, " heads");
  for (const Var& input : {q, k, v}) check_type(input, precision);
  const Rows rows{sequences.count, sequences.longest, sequences.first, sequences.sequence,
                  sequences.length};
  return Attention({q, k, v}, rows, heads, shape[1], precision, dropout)(tape, shape);
}

}  // namespace saddle
