// The span kernels on rows, for span_test.cpp.
#include "kernels/list.h"
#include "tests/kernels/span_case.h"
#include "tests/support/view.h"

namespace saddle::testing_support::span_cases {
namespace {

constexpr std::int64_t kRows = 6, kColumns = 24;

// Of so many rows, of which a thread takes several.
template <class T>
std::vector<SpanCase> with_numbers_of_columns(std::int64_t rows) {
  const std::int64_t n = rows * kColumns;
  const std::vector<T> x = values<T>(n, 10), dy = values<T>(n, 11), other = values<T>(n, 12);
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
        rows, kColumns);
    return Outputs() << dx;
  };
  const std::string type = type_name<T> + "_rows_" + std::to_string(rows);
  return {
      {"BatchNormApply" + type, typeid(BatchNormApply<T>),
       [=](How how) {
         std::vector<T> y = unwritten<T>(n);
         run(how, BatchNormApply<T>{view(x), view(scale), view(shift), view(y), kColumns, kRelu},
             rows, kColumns);
         return Outputs() << y;
       }},
      {"BatchNormBackwardApply" + type, typeid(BatchNormBackwardApply<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, backward(dx), rows, kColumns);
         return Outputs() << dx;
       }},
      {"BatchNormBackwardApplyAdd" + type, typeid(BatchNormBackwardApplyAdd<T>),
       [=](How how) {
         std::vector<T> dx = unwritten<T>(n);
         run(how, BatchNormBackwardApplyAdd<T>{backward(dx), view(other)}, rows, kColumns);
         return Outputs() << dx;
       }},
      {"AffineBackward" + type, typeid(AffineBackward<T>),
       [=](How how) { return affine_backward(how, {}); }},
      {"AffineBackward_added" + type, typeid(AffineBackward<T>),
       [=](How how) { return affine_backward(how, view(other)); }},
  };
}

template <class T>
std::vector<SpanCase> on_channels() {
  const std::int64_t n = kRows * kColumns;
  const std::vector<T> x = values<T>(n, 10), dy = values<T>(n, 11), other = values<T>(n, 12);
  const std::vector<float> pixels = values<float>(n, 13);
  const std::vector<float> mean = values<float>(kColumns, 14), scale = values<float>(kColumns, 15),
                           shift = values<float>(kColumns, 16);
  const auto epilogue = [=](How how, Array<const T> residual, Array<const float> bias) {
    std::vector<T> y = x;
    run(how, ConvolutionEpilogue<T>{residual, bias, view(y), kColumns, kRelu}, kRows, kColumns);
    return Outputs() << y;
  };
  const std::string type = type_name<T>;
  return {
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

// 6 rows are an image of 2 x 3 pixels, in two windows of 3 x 3.
template <class T>
std::vector<SpanCase> max_pools() {
  const std::string type = type_name<T>;
  const std::int64_t outputs = 2 * kColumns;
  const PoolWindows windows{2, 3, kColumns, 1, 2, 3, 2, 1};
  const std::vector<T> x = values<T>(kRows * kColumns, 10), dy = values<T>(outputs, 11);
  const auto forward = [=](How how, std::vector<T>& y) {
    std::vector<std::uint8_t> tap(static_cast<std::size_t>(outputs));
    run(how, MaxPool<T>{view(x), view(y), view(tap), windows}, 2, kColumns);
    return tap;
  };
  return {{"MaxPool" + type, typeid(MaxPool<T>),
           [=](How how) {
             std::vector<T> y = unwritten<T>(outputs);
             const std::vector<std::uint8_t> tap = forward(how, y);
             return Outputs() << y << tap;
           }},
          {"MaxPoolBackward" + type, typeid(MaxPoolBackward<T>), [=](How how) {
             std::vector<T> y = unwritten<T>(outputs), dx = unwritten<T>(kRows * kColumns);
             const std::vector<std::uint8_t> tap = forward(How::by_element, y);
             run(how, MaxPoolBackward<T>{view(dy), view(tap), view(dx), windows}, kRows, kColumns);
             return Outputs() << dx;
           }}};
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

}  // namespace

std::vector<SpanCase> span_cases_on_rows() {
  std::vector<SpanCase> all;
  const auto append = [&](const std::vector<SpanCase>& cases) {
    all.insert(all.end(), cases.begin(), cases.end());
  };
  for (std::int64_t rows : {0, 1, 2, 7, 31, 33}) {
    append(with_numbers_of_columns<float>(rows));
    append(with_numbers_of_columns<Bfloat16>(rows));
  }
  append(on_channels<float>());
  append(on_channels<Bfloat16>());
  append(max_pools<float>());
  append(max_pools<Bfloat16>());
  append(of_transformers<float>());
  append(of_transformers<Bfloat16>());
  append({resize_axis(), embed_words<float>(), embed_words<Bfloat16>()});
  return all;
}

}  // namespace saddle::testing_support::span_cases
