#include "kernels/dropout.h"

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/draws.h"
#include "core/text_ops.h"

namespace saddle {

std::uint32_t first_group(const char* op, const PassRandom& random, const DrawPlace& place,
                          std::int64_t groups) {
  constexpr std::uint32_t kGroupsBits = 20;
  const std::uint32_t passes = (1u << (32 - kGroupsBits)) / place.of;
  require(
      place.number < place.of && random.pass < passes && groups <= std::int64_t{1} << kGroupsBits,
      op, ": place ", place.number, ", pass ", random.pass, " and ", 4 * groups,
      " elements of an example: draws are told apart below ", place.of, ", ", passes, " and ",
      std::int64_t{4} << kGroupsBits);
  return (random.pass * place.of + place.number) << kGroupsBits;
}

void check_rate(const char* op, float rate) {
  require(rate >= 0.f && rate < 1.f, op, ": the rate ", rate, " is outside [0, 1)");
}

namespace {

// Dropout of x, whose `order.place`-th rows of an example are `elements` long each.
Var drop(Tape& tape, const Var& x, const PassRandom& random, std::uint32_t place, float rate,
         std::int64_t elements, const std::function<SequenceRows()>& order) {
  const auto launch_on = [=](const Tensor& from, const Tensor& to) {
    with_element_type("dropout", from.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(to.device(),
             Dropout<T>{from.array<T>(), random.examples.array<std::int32_t>(),
                        random.step.array<std::int32_t>(), to.array<T>(),
                        Stream{random.seed, Purpose::dropout}, place, elements, rate, order()},
             elements > 0 ? from.count() / elements : 0, ceil_divide(elements, 4));
    });
  };
  const Tensor y(x.device(), x.shape(), x.value().dtype());
  launch_on(x.value(), y);
  return tape.record(y, {x}, [=](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch_on(dy, dx);
    x.add_gradient(dx);
  });
}

}  // namespace

Var dropout(Tape& tape, const Var& x, const PassRandom& random, const DrawPlace& place,
            float rate) {
  const Shape& shape = x.shape();
  check_rate("dropout", rate);
  require(shape.rank() >= 1 && random.examples.count() == shape[0], "dropout: input ", shape,
          " of ", random.examples.count(), " examples");
  const std::int64_t elements = shape[0] > 0 ? x.value().count() / shape[0] : 0;
  const std::uint32_t group = first_group("dropout", random, place, ceil_divide(elements, 4));
  return drop(tape, x, random, group, rate, elements, [] { return SequenceRows{{}, {}, 1}; });
}

Var dropout(Tape& tape, const Var& x, const Sequences& sequences, const PassRandom& random,
            const DrawPlace& place, float rate) {
  const Shape& shape = x.shape();
  check_rate("dropout", rate);
  require(
      shape.rank() == 2 && shape[0] == sequences.rows && random.examples.count() == sequences.count,
      "dropout: input ", shape, " of ", sequences.rows, " tokens and ", random.examples.count(),
      " examples, in ", sequences.count, " sequences");
  const std::uint32_t group =
      first_group("dropout", random, place, sequences.longest * ceil_divide(shape[1], 4));
  return drop(tape, x, random, group, rate, shape[1], [sequences] { return sequences.order(); });
}

}  // namespace saddle
