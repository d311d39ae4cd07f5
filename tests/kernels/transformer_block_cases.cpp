// The block kernels of transformers, for block_kernels_test.cpp.
#include "kernels/attention.h"
#include "kernels/layer_norm.h"
#include "tests/kernels/block_case.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle::testing_support {
namespace {

template <class T>
BlockCase layer_norm_forward(std::int64_t rows, std::int64_t columns) {
  using Kernel = LayerNormForward<T>;
  return {"LayerNormForward_" + type_name<T> + size_name(rows, columns), typeid(Kernel),
          [=](How how) {
            const std::vector<T> x = rounded_to<T>(random_values(rows * columns, 41));
            const std::vector<float> gamma = random_values(columns, 42),
                                     beta = random_values(columns, 43);
            std::vector<T> y = unwritten_as<T>(rows * columns);
            std::vector<float> mean = unwritten(rows), inverse_std = mean;
            run(how,
                Kernel{view(x), view(gamma), view(beta), view(y), view(mean), view(inverse_std),
                       columns, 1e-6f},
                rows);
            return joined({widened(y), mean, inverse_std});
          }};
}

template <class T>
BlockCase layer_norm_backward(std::int64_t rows, std::int64_t columns, bool adding) {
  using Kernel = LayerNormBackward<T>;
  return {
      "LayerNormBackward_" + type_name<T> + size_name(rows, columns) + (adding ? "_adding" : ""),
      typeid(Kernel), [=](How how) {
        const std::vector<T> x = rounded_to<T>(random_values(rows * columns, 41)),
                             dy = rounded_to<T>(random_values(rows * columns, 44)),
                             addend = rounded_to<T>(random_values(rows * columns, 47));
        const std::vector<float> gamma = random_values(columns, 42), mean = random_values(rows, 45),
                                 inverse_std = random_values(rows, 46, 0.5f, 2.f);
        std::vector<T> dx = unwritten_as<T>(rows * columns);
        run(how,
            Kernel{view(x), view(dy), view(gamma), view(mean), view(inverse_std),
                   adding ? view(addend) : Array<const T>{}, view(dx), columns},
            rows);
        return widened(dx);
      }};
}

template <class T>
BlockCase layer_norm_parameters(std::int64_t rows, std::int64_t columns) {
  using Kernel = LayerNormParameters<T>;
  return {"LayerNormParameters_" + type_name<T> + size_name(rows, columns), typeid(Kernel),
          [=](How how) {
            const std::vector<T> x = rounded_to<T>(random_values(rows * columns, 41)),
                                 dy = rounded_to<T>(random_values(rows * columns, 44));
            const std::vector<float> mean = random_values(rows, 45),
                                     inverse_std = random_values(rows, 46, 0.5f, 2.f);
            std::vector<float> dgamma = unwritten(Kernel::chunks(rows) * columns), dbeta = dgamma;
            run(how,
                Kernel{view(x), view(dy), view(mean), view(inverse_std), view(dgamma), view(dbeta),
                       rows, columns},
                Kernel::blocks(rows, columns));
            return joined({dgamma, dbeta});
          }};
}

// As attention calls it: in f32 what comes out takes the scores' place.
std::vector<float> softmax_of(How how, std::vector<float>& scores, Softmax<float> kernel,
                              std::int64_t rows) {
  kernel.p = view(scores);
  run(how, kernel, rows);
  return scores;
}
std::vector<float> softmax_of(How how, std::vector<float>& scores, Softmax<Bfloat16> kernel,
                              std::int64_t rows) {
  std::vector<Bfloat16> p = unwritten_as<Bfloat16>(static_cast<std::int64_t>(scores.size()));
  kernel.p = view(p);
  run(how, kernel, rows);
  return widened(p);
}

template <class T>
BlockCase softmax(std::int64_t rows, std::int64_t columns) {
  return {
      "Softmax_" + type_name<T> + size_name(rows, columns), typeid(Softmax<T>), [=](How how) {
        std::vector<float> scores = random_values(rows * columns, 47, -40.f, 40.f);
        return softmax_of(how, scores, Softmax<T>{view(scores), {}, columns, 0.3f, {}, 1}, rows);
      }};
}

// Of three sequences, two rows each.
template <class T>
BlockCase softmax_of_sequences(std::int64_t columns, const std::vector<std::int32_t>& length) {
  return {"Softmax_of_sequences_" + type_name<T> + size_name(6, columns), typeid(Softmax<T>),
          [=](How how) {
            std::vector<float> scores = random_values(6 * columns, 47, -40.f, 40.f);
            return softmax_of(how, scores,
                              Softmax<T>{view(scores), {}, columns, 0.3f, view(length), 2}, 6);
          }};
}

template <class T>
BlockCase softmax_backward(std::int64_t rows, std::int64_t columns) {
  return {"SoftmaxBackward_" + type_name<T> + size_name(rows, columns), typeid(SoftmaxBackward<T>),
          [=](How how) {
            const std::vector<T> p = rounded_to<T>(random_values(rows * columns, 47, 0.f, 1.f));
            const std::vector<float> dp = random_values(rows * columns, 48);
            std::vector<T> dscores = unwritten_as<T>(rows * columns);
            run(how, SoftmaxBackward<T>{view(p), view(dp), view(dscores), columns, 0.3f}, rows);
            return widened(dscores);
          }};
}

template <class T>
void add_cases(std::vector<BlockCase>& all) {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 33}, {2, 192}}) {
    all.push_back(layer_norm_forward<T>(rows, columns));
    for (const bool adding : {false, true}) {
      all.push_back(layer_norm_backward<T>(rows, columns, adding));
    }
  }
  for (const auto& [rows, columns] : {std::pair{1, 1}, {127, 7}, {300, 65}}) {
    all.push_back(layer_norm_parameters<T>(rows, columns));
  }
  for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 33}, {2, 65}}) {
    all.push_back(softmax<T>(rows, columns));
    all.push_back(softmax_backward<T>(rows, columns));
  }
  all.push_back(softmax_of_sequences<T>(33, {1, 33, 32}));
  all.push_back(softmax_of_sequences<T>(7, {7, 3, 1}));
}

}  // namespace

std::vector<BlockCase> transformer_block_cases() {
  std::vector<BlockCase> all;
  add_cases<float>(all);
  add_cases<Bfloat16>(all);
  return all;
}

}  // namespace saddle::testing_support
