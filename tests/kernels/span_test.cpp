// Every span kernel gives the same bits in spans as element by element, and says when spans may not
// run.
#include "kernels/span.h"

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <typeindex>
#include <vector>

#include "kernels/emulator.h"
#include "kernels/list.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

enum class How { by_element, in_spans };

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t n) {
  if (how == How::by_element) return emulate_flat(kernel, n);
  ASSERT_TRUE(kernel.aligned());
  const FlatSpans<Kernel> spans{kernel, n};
  emulate_flat(spans, spans.threads());
}

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  if (how == How::by_element) return emulate_flat(kernel, rows, columns);
  ASSERT_TRUE(kernel.aligned(columns));
  emulate_flat(GridSpans<Kernel>{kernel}, rows, columns / Kernel::kSpan);
}

// All that a kernel wrote, widened.
class Outputs {
 public:
  template <class T>
  Outputs& operator<<(const std::vector<T>& values) {
    all.insert(all.end(), values.begin(), values.end());
    return *this;
  }
  std::vector<float> all;
};

struct SpanCase {
  std::string name;
  std::type_index kernel;
  std::function<Outputs(How)> outputs;
};

template <class T>
const std::string type_name = std::is_same_v<T, float> ? "_f32" : "_bf16";

template <class T>
std::vector<T> values(std::int64_t n, std::uint64_t seed) {
  return rounded_to<T>(random_values(n, seed));
}

template <class T>
std::vector<T> unwritten(std::int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n), T(std::nanf("")));
}

// Flat
// ----------------------------------------------------------------------------------------------

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

// Grid
// ----------------------------------------------------------------------------------------------

constexpr std::int64_t kRows = 6, kColumns = 24;

template <class T>
std::vector<SpanCase> on_channels() {
  const std::int64_t n = kRows * kColumns;
  const std::vector<T> x = values<T>(n, 10), dy = values<T>(n, 11), other = values<T>(n, 12);
  const std::vector<float> pixels = values<float>(n, 13);
  const std::vector<float> mean = values<float>(kColumns, 14), scale = values<float>(kColumns, 15),
                           shift = values<float>(kColumns, 16), slope = values<float>(kColumns, 17),
                           offset = values<float>(kColumns, 18);
  const auto backward = [=](std::vector<T>& dx) {
    return BatchNormBackwardApply<T>{view(x),     view(dy),    view(mean),   view(scale),
                                     view(shift), view(slope), view(offset), view(dx),
                                     kColumns,    kRelu6};
  };
  const auto affine_backward = [=](How how, Array<const T> addend) {
    std::vector<T> dx = unwritten<T>(n);
    run(how,
        AffineBackward<T>{view(x), view(dy), view(scale), view(shift), addend, view(dx), kColumns,
                          kRelu},
        kRows, kColumns);
    return Outputs() << dx;
  };
  const auto epilogue = [=](How how, Array<const T> residual, Array<const float> bias) {
    std::vector<T> y = x;
    run(how, ConvolutionEpilogue<T>{residual, bias, view(y), kColumns, kRelu}, kRows, kColumns);
    return Outputs() << y;
  };
  const std::string type = type_name<T>;
  return {
      {"BatchNormApply" + type, typeid(BatchNormApply<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, BatchNormApply<T>{view(x), view(scale), view(shift), view(y), kColumns, kRelu},
             kRows, kColumns);
         return Outputs() << y;
       }},
      {"BatchNormBackwardApply" + type, typeid(BatchNormBackwardApply<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, backward(dx), kRows, kColumns);
         return Outputs() << dx;
       }},
      {"BatchNormBackwardApplyAdd" + type, typeid(BatchNormBackwardApplyAdd<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, BatchNormBackwardApplyAdd<T>{backward(dx), view(other)}, kRows, kColumns);
         return Outputs() << dx;
       }},
      {"AffineBackward" + type, typeid(AffineBackward<T>),
       [=](How how) { return affine_backward(how, {}); }},
      {"AffineBackward_added" + type, typeid(AffineBackward<T>),
       [=](How how) { return affine_backward(how, view(other)); }},
      {"ConvolutionEpilogue_relu" + type, typeid(ConvolutionEpilogue<T>),
       [=](How how) { return epilogue(how, {}, {}); }},
      {"ConvolutionEpilogue_all" + type, typeid(ConvolutionEpilogue<T>),
       [=](How how) { return epilogue(how, view(other), view(shift)); }},
      {"Normalise" + type, typeid(Normalise<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, Normalise<T>{view(pixels), view(mean), view(scale), view(y), kColumns}, kRows,
             kColumns);
         return Outputs() << y;
       }},
      {"NormaliseBackward" + type, typeid(NormaliseBackward<T>),
       [=](How how) {
         std::vector<float> dx = unwritten<float>(n);
         run(how, NormaliseBackward<T>{view(dy), view(scale), view(dx), kColumns}, kRows, kColumns);
         return Outputs() << dx;
       }},
      {"ShiftPixels_padding" + type, typeid(ShiftPixels<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(20 * kColumns);
         run(how, ShiftPixels<T>{view(x), view(y), 2, 3, 4, 5, kColumns, -1}, 20, kColumns);
         return Outputs() << y;
       }},
      {"ShiftPixels_cropping" + type, typeid(ShiftPixels<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(kColumns);
         run(how, ShiftPixels<T>{view(x), view(y), 3, 2, 1, 1, kColumns, 1}, 1, kColumns);
         return Outputs() << y;
       }},
      {"GlobalAveragePoolBackward" + type, typeid(GlobalAveragePoolBackward<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, GlobalAveragePoolBackward<T>{view(pixels), view(dx), 3, kColumns}, kRows,
             kColumns);
         return Outputs() << dx;
       }},
  };
}

// 6 rows are 2 x 3 of them: to 4 from 3.
SpanCase resize_axis() {
  return {"ResizeAxis", typeid(ResizeAxis), [](How how) {
            const std::vector<float> x = values<float>(kRows * kColumns, 10);
            std::vector<float> y = unwritten<float>(8 * kColumns);
            run(how, ResizeAxis{view(x), view(y), 3, 4, kColumns}, 8, kColumns);
            return Outputs() << y;
          }};
}

// Two rows each of three examples; two tokens of three heads.
template <class T>
std::vector<SpanCase> of_transformers() {
  const std::int64_t n = kRows * kColumns;
  const std::vector<T> x = values<T>(n, 10), branch = values<T>(n, 11);
  const std::vector<float> scale = values<float>(3, 12);
  return {
      {"AddScaledBranch" + type_name<T>, typeid(AddScaledBranch<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, AddScaledBranch<T>{view(x), view(branch), view(scale), view(y), 2, kColumns},
             kRows, kColumns);
         return Outputs() << y;
       }},
      {"SplitHeads" + type_name<T>, typeid(SplitHeads<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, SplitHeads<T>{view(x), view(y), {1, 2, 3, 1, {{}, {}, 2}}, kColumns}, kRows,
             kColumns);
         return Outputs() << y;
       }},
      {"MergeHeads" + type_name<T>, typeid(MergeHeads<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, MergeHeads<T>{view(x), view(y), {1, 2, 3, 1, {{}, {}, 2}}, kColumns}, kRows,
             kColumns);
         return Outputs() << y;
       }},
      {"ScaleBranch" + type_name<T>, typeid(ScaleBranch<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, ScaleBranch<T>{view(x), view(scale), view(y), 2, kColumns}, kRows, kColumns);
         return Outputs() << y;
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

// Sentences of 1, 2 and 3 tokens, the last of which is padding.
template <class T>
SpanCase embed_words() {
  return {"EmbedWords" + type_name<T>, typeid(EmbedWords<T>), [](How how) {
            const std::vector<std::int32_t> token = {2, 0, 1, 1, 2, kNoToken}, first = {0, 1, 3, 6},
                                            sequence = {0, 1, 1, 2, 2, 2};
            const std::vector<float> word = values<float>(3 * kColumns, 10),
                                     position = values<float>(3 * kColumns, 11),
                                     kind = values<float>(2 * kColumns, 12),
                                     shift = values<float>(9 * kColumns, 13);
            std::vector<T> y = unwritten<T>(kRows * kColumns);
            run(how,
                EmbedWords<T>{view(token),
                              {view(first), view(sequence), 3},
                              view(word),
                              view(position),
                              view(kind),
                              view(shift),
                              view(y),
                              3,
                              kColumns},
                kRows, kColumns);
            return Outputs() << y;
          }};
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
  append(all, on_channels<float>(), "");
  append(all, on_channels<Bfloat16>(), "");
  append(all, of_transformers<float>(), "");
  append(all, of_transformers<Bfloat16>(), "");
  append(all, {resize_axis(), embed_words<float>(), embed_words<Bfloat16>()}, "");
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
    EXPECT_TRUE(covered.contains(typeid(Kernel)))
        << typeid(Kernel).name() << " has no case in this file";
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

}  // namespace
}  // namespace saddle
