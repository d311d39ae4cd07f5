// Every span kernel gives the same bits in spans as element by element, and says when spans may not
// run.
#include "kernels/span.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <typeindex>
#include <vector>

#include "kernels/list.h"
#include "tests/kernels/span_case.h"
#include "tests/support/expect_near.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using namespace testing_support::span_cases;

template <class From, class To>
SpanCase convert(std::int64_t n) {
  return {"Convert" + type_name<From> + type_name<To>, typeid(Convert<From, To>), [=](How how) {
            const std::vector<From> x = values<From>(n, 1);
            std::vector<To> y = unwritten<To>(n);
            run(how, Convert<From, To>{view(x), view(y)}, n);
            return Outputs() << y;
          }};
}

template <class T>
std::vector<SpanCase> of_activations(std::int64_t n) {
  const std::vector<T> a = values<T>(n, 1), b = values<T>(n, 2);
  return {
      {"Add" + type_name<T>, typeid(Add<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, Add<T>{view(a), view(b), view(y)}, n);
         return Outputs() << y;
       }},
      {"Activate" + type_name<T>, typeid(Activate<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, Activate<T>{view(a), view(y), kRelu6}, n);
         return Outputs() << y;
       }},
      {"ActivateBackward" + type_name<T>, typeid(ActivateBackward<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, ActivateBackward<T>{view(a), view(b), view(dx), kRelu6}, n);
         return Outputs() << dx;
       }},
  };
}

// With the rounded copy of the weights, or without.
std::vector<SpanCase> of_weights(std::int64_t n, bool rounded) {
  const std::string suffix = rounded ? "_rounded" : "";
  const std::vector<float> w = values<float>(n, 3), g = values<float>(n, 4),
                           m = values<float>(n, 5), v = random_values(n, 6, 0.1f, 1.f),
                           scalars = {0.3f, 0.7f, 0.9f};
  const auto copy_of = [=] { return unwritten<Bfloat16>(rounded ? n : 0); };
  const auto array = [=](std::vector<Bfloat16>& copy) {
    return rounded ? view(copy) : Array<Bfloat16>{};
  };
  return {
      {"SgdStep" + suffix, typeid(SgdStep),
       [=](How how) {
         std::vector<float> moved = w, momentum = m;
         std::vector<Bfloat16> copy = copy_of();
         run(how,
             SgdStep{view(moved), view(g), view(momentum), array(copy), view(scalars), 0.9f, 5e-4f,
                     1.f},
             n);
         return Outputs() << moved << momentum << copy;
       }},
      {"AdamStep" + suffix, typeid(AdamStep),
       [=](How how) {
         std::vector<float> moved = w, mean = m, square = v;
         std::vector<Bfloat16> copy = copy_of();
         run(how,
             AdamStep{view(moved), view(g), view(mean), view(square), array(copy), view(scalars),
                      0.9f, 0.999f, 0.1f, 0.001f, 1e-8f, 0.01f},
             n);
         return Outputs() << moved << mean << square << copy;
       }},
      {"SamPerturb" + suffix, typeid(SamPerturb),
       [=](How how) {
         std::vector<float> w_hat = unwritten<float>(n);
         std::vector<Bfloat16> copy = copy_of();
         run(how,
             SamPerturb{
                 view(w), view(g), view(scalars), view(scalars), view(w_hat), array(copy), {}},
             n);
         return Outputs() << w_hat << copy;
       }},
  };
}

// An ascent in a metric, over slots of which every other one is chosen.
template <class Metric>
SpanCase ascent(const std::string& name, std::int64_t n,
                const std::function<Metric(SlotValues, Array<const float>)>& metric) {
  return {"Perturb" + name, typeid(Perturb<Metric>), [=](How how) {
            const std::vector<float> w = values<float>(n, 3), g = values<float>(n, 4),
                                     mask = values<float>(n, 5), scalar = {0.3f}, value = {1, 0};
            const std::vector<std::int32_t> slot = {0, 1, 0};
            std::vector<float> w_hat = unwritten<float>(n);
            std::vector<Bfloat16> copy = unwritten<Bfloat16>(n);
            run(how,
                Perturb<Metric>{view(w), view(g), view(scalar), view(scalar), view(w_hat),
                                view(copy), metric({view(slot), view(value)}, view(mask))},
                n);
            return Outputs() << w_hat << copy;
          }};
}

std::vector<SpanCase> of_the_sam_family(std::int64_t n) {
  using Mask = Array<const float>;
  const std::vector<float> g = values<float>(n, 4), other = values<float>(n, 5), scalar = {0.3f},
                           second = {0.7f}, value = {1, 0};
  const std::vector<std::int32_t> slot = {0, 1, 0};
  return {
      ascent<AsamMetric>("Asam", n,
                         [](SlotValues s, Mask) {
                           return AsamMetric{s, 0.01f};
                         }),
      ascent<ElementwiseMetric>("Elementwise", n,
                                [](SlotValues, Mask) { return ElementwiseMetric{}; }),
      ascent<FisherMetric>("Fisher", n, [](SlotValues, Mask) { return FisherMetric{3.f}; }),
      ascent<SlotMetric>("Slots", n, [](SlotValues s, Mask) { return SlotMetric{s}; }),
      ascent<MaskMetric>("Mask", n, [](SlotValues, Mask mask) { return MaskMetric{mask}; }),
      {"ClipToNorm", typeid(ClipToNorm),
       [=](How how) {
         std::vector<float> clipped = g, kept = g;
         run(how, ClipToNorm{view(clipped), view(scalar), 0.2f}, n);
         run(how, ClipToNorm{view(kept), view(scalar), 0.7f}, n);
         return Outputs() << clipped << kept;
       }},
      {"MovingAverage", typeid(MovingAverage),
       [=](How how) {
         std::vector<float> average = other;
         run(how, MovingAverage{view(g), view(average), 0.9f}, n);
         return Outputs() << average;
       }},
      {"AddSquares", typeid(AddSquares),
       [=](How how) {
         std::vector<float> sum = other;
         run(how, AddSquares{view(g), view(sum)}, n);
         return Outputs() << sum;
       }},
      {"GsamDescent", typeid(GsamDescent),
       [=](How how) {
         std::vector<float> g_hat = other;
         run(how, GsamDescent{view(g), view(g_hat), view(scalar), view(second), 0.4f}, n);
         return Outputs() << g_hat;
       }},
      {"LookSamKeep", typeid(LookSamKeep),
       [=](How how) {
         std::vector<float> g_v = unwritten<float>(n);
         run(how, LookSamKeep{view(g), view(other), view(g_v), view(scalar), view(second)}, n);
         return Outputs() << g_v;
       }},
      {"LookSamReuse", typeid(LookSamReuse),
       [=](How how) {
         std::vector<float> moved = g;
         run(how, LookSamReuse{view(moved), view(other), view(scalar), view(second), 0.7f}, n);
         return Outputs() << moved;
       }},
      {"AwpPerturb", typeid(AwpPerturb),
       [=](How how) {
         std::vector<float> v = unwritten<float>(n), w_hat = unwritten<float>(n);
         std::vector<Bfloat16> copy = unwritten<Bfloat16>(n);
         run(how,
             AwpPerturb{view(other),
                        view(g),
                        {view(slot), view(value)},
                        view(v),
                        view(w_hat),
                        view(copy),
                        view(scalar)},
             n);
         return Outputs() << v << w_hat << copy;
       }},
      {"AwpReturn", typeid(AwpReturn),
       [=](How how) {
         std::vector<float> w = unwritten<float>(n);
         std::vector<Bfloat16> copy = unwritten<Bfloat16>(n);
         run(how, AwpReturn{view(g), view(other), view(w), view(copy)}, n);
         return Outputs() << w << copy;
       }},
  };
}

std::vector<SpanCase> of_floats(std::int64_t n) {
  const std::vector<float> x = random_values(n, 7, 0.f, 1.f), g = values<float>(n, 8),
                           factor = {0.3f};
  return {
      {"Fill", typeid(Fill),
       [=](How how) {
         std::vector<float> y = unwritten<float>(n);
         run(how, Fill{view(y), 2.5f}, n);
         return Outputs() << y;
       }},
      {"ScaleByScalar", typeid(ScaleByScalar),
       [=](How how) {
         std::vector<float> y = unwritten<float>(n);
         run(how, ScaleByScalar{view(x), view(factor), view(y)}, n);
         return Outputs() << y;
       }},
      {"AddScaled", typeid(AddScaled),
       [=](How how) {
         std::vector<float> y = x, fresh = unwritten<float>(n);
         run(how, AddScaled{view(g), view(y), 0.3f, 1.f}, n);
         run(how, AddScaled{view(g), view(fresh), 0.3f, 0.f}, n);
         return Outputs() << y << fresh;
       }},
      {"PgdStepLinf", typeid(PgdStepLinf),
       [=](How how) {
         std::vector<float> delta = random_values(n, 9, -0.03f, 0.03f),
                            adversarial = unwritten<float>(n);
         run(how, PgdStepLinf{view(delta), view(g), view(x), view(adversarial), 0.01f, 0.03f}, n);
         return Outputs() << delta << adversarial;
       }},
  };
}

template <class T, class Form>
std::vector<SpanCase> gelu(const std::string& form, std::int64_t n) {
  const std::vector<T> x = values<T>(n, 10), dy = values<T>(n, 11);
  return {{"Gelu" + form + type_name<T>, typeid(Gelu<T, Form>),
           [=](How how) {
             std::vector<T> y = unwritten<T>(n);
             run(how, Gelu<T, Form>{view(x), view(y)}, n);
             return Outputs() << y;
           }},
          {"GeluBackward" + form + type_name<T>, typeid(GeluBackward<T, Form>), [=](How how) {
             std::vector<T> dx = unwritten<T>(n);
             run(how, GeluBackward<T, Form>{view(x), view(dy), view(dx)}, n);
             return Outputs() << dx;
           }}};
}

void append(std::vector<SpanCase>& to, const std::vector<SpanCase>& cases,
            const std::string& size) {
  for (SpanCase c : cases) {
    c.name += size;
    to.push_back(std::move(c));
  }
}

std::vector<SpanCase> cases() {
  std::vector<SpanCase> all;
  // No whole span, whole spans alone, a tail of one (of four) and of five (of eight).
  for (std::int64_t n : {3, 40, 37}) {
    const std::string size = "_" + std::to_string(n);
    append(all, {convert<float, Bfloat16>(n), convert<Bfloat16, float>(n)}, size);
    append(all, of_activations<float>(n), size);
    append(all, of_activations<Bfloat16>(n), size);
    append(all, of_weights(n, false), size);
    append(all, of_weights(n, true), size);
    append(all, of_the_sam_family(n), size);
    append(all, of_floats(n), size);
    append(all, gelu<float, ExactGelu>("Exact", n), size);
    append(all, gelu<float, TanhGelu>("Tanh", n), size);
    append(all, gelu<Bfloat16, ExactGelu>("Exact", n), size);
    append(all, gelu<Bfloat16, TanhGelu>("Tanh", n), size);
  }
  append(all, span_cases_on_rows(), "");
  return all;
}

class SpanKernels : public ::testing::TestWithParam<SpanCase> {};

INSTANTIATE_TEST_SUITE_P(List, SpanKernels, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(SpanKernels, give_the_same_bits_in_spans_as_by_element) {
  const std::vector<float> by_element = GetParam().outputs(How::by_element).all;

  EXPECT_EQ(bits_of(GetParam().outputs(How::in_spans).all), bits_of(by_element));
  for (std::size_t i = 0; i < by_element.size(); ++i) {
    EXPECT_FALSE(std::isnan(by_element[i])) << "element " << i << " was not written";
  }
}

// A kernel added to the list without a case here is named.
template <class Kernel>
void expect_case(const std::set<std::type_index>& covered) {
  if constexpr (SpanKernel<Kernel>) {
    EXPECT_TRUE(covered.contains(typeid(Kernel))) << typeid(Kernel).name() << " has no case";
  }
}

template <class... Kernels>
void expect_cases(KernelList<Kernels...>) {
  std::set<std::type_index> covered;
  for (const SpanCase& c : cases()) covered.insert(c.kernel);
  (expect_case<Kernels>(covered), ...);
}

TEST(span_kernels, of_the_list_all_have_a_case) { expect_cases(AllKernels{}); }

TEST(span_kernels, do_not_run_in_spans_where_an_array_starts_off_a_boundary) {
  std::vector<float> a(33), b(33), y(33);

  EXPECT_TRUE((Add<float>{view(a), view(b), view(y)}.aligned()));
  EXPECT_FALSE((Add<float>{view_from(a, 1), view(b), view(y)}.aligned()));
  EXPECT_FALSE((Add<float>{view(a), view_from(b, 3), view(y)}.aligned()));
  EXPECT_FALSE((Add<float>{view(a), view(b), view_from(y, 2)}.aligned()));
  EXPECT_TRUE((Add<float>{view_from(a, 4), view(b), view(y)}.aligned()));
}

TEST(span_kernels, on_rows_do_not_run_in_spans_where_a_row_is_no_whole_number_of_them) {
  std::vector<Bfloat16> x(80), y(80);
  std::vector<float> scale(20), shift(20);
  const BatchNormApply<Bfloat16> kernel{view(x), view(scale), view(shift), view(y), 20, kRelu};

  EXPECT_FALSE(kernel.aligned(20));
  EXPECT_TRUE(kernel.aligned(16));
  EXPECT_TRUE(kernel.aligned(8));
  EXPECT_FALSE(kernel.aligned(4));
}

TEST(load_first, reads_what_is_there_and_zeros_behind_it) {
  const std::vector<float> x = {1.f, 2.f, 3.f};

  const Floats<4> got = load_first<4>(view(x), 1, 2);

  EXPECT_EQ(got[0], 2.f);
  EXPECT_EQ(got[1], 3.f);
  EXPECT_EQ(got[2], 0.f);
  EXPECT_EQ(got[3], 0.f);
}

TEST(for_strided, adds_every_element_once_and_in_order) {
  std::vector<std::int64_t> got;

  const std::int64_t next = for_strided<4>(
      2, 34, 3, [](std::int64_t i) { return i; }, [&](std::int64_t i) { got.push_back(i); });

  EXPECT_EQ(got, (std::vector<std::int64_t>{2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32}));
  EXPECT_EQ(next, 35);
}

TEST(for_strided, adds_every_element_once_and_in_order_where_one_is_fetched_at_once) {
  std::vector<std::int64_t> got;

  const std::int64_t next = for_strided<1>(
      2, 9, 3, [](std::int64_t i) { return i; }, [&](std::int64_t i) { got.push_back(i); });

  EXPECT_EQ(got, (std::vector<std::int64_t>{2, 5, 8}));
  EXPECT_EQ(next, 11);
}

}  // namespace
}  // namespace saddle
