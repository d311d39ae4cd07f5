// Every block kernel gives the same bits whatever order its threads run in, and the bits of its
// reference.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
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

enum class How { reference, forward, reversed, shuffled };

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t blocks) {
  if (how == How::reference) {
    for (std::int64_t block = 0; block < blocks; ++block) kernel.reference(block);
    return;
  }
  set_thread_order(how == How::forward    ? ThreadOrder::forward
                   : how == How::reversed ? ThreadOrder::reversed
                                          : ThreadOrder::shuffled);
  emulate_blocks(kernel, blocks);
  set_thread_order(ThreadOrder::forward);
}

// All that a kernel wrote, one array after the other.
std::vector<float> joined(std::initializer_list<std::vector<float>> arrays) {
  std::vector<float> all;
  for (const std::vector<float>& array : arrays) all.insert(all.end(), array.begin(), array.end());
  return all;
}

// Memory a kernel has to write in full: what stays NaN was forgotten.
std::vector<float> unwritten(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count),
                            std::numeric_limits<float>::quiet_NaN());
}

struct BlockCase {
  std::string name;
  std::type_index kernel;
  std::function<std::vector<float>(How)> outputs;
};

std::string offset_name(std::int64_t offset) {
  return offset > 0 ? "_from_" + std::to_string(offset) : "";
}

BlockCase sum_squares(std::int64_t n, std::int64_t offset = 0) {
  return {"SumSquares_" + std::to_string(n) + offset_name(offset), typeid(SumSquares),
          [=](How how) {
            const std::vector<float> x = random_values(offset + n, 11);
            std::vector<float> partial = unwritten(SumSquares::blocks(n));
            run(how, SumSquares{view_from(x, offset), view(partial)}, SumSquares::blocks(n));
            return partial;
          }};
}

BlockCase sum_all(std::int64_t n, float keep) {
  const std::string suffix = keep != 0.f ? "_kept" : "";
  return {"SumAll_" + std::to_string(n) + suffix, typeid(SumAll), [=](How how) {
            const std::vector<float> x = random_values(n, 12);
            std::vector<float> y = keep != 0.f ? std::vector<float>{0.7f} : unwritten(1);
            run(how, SumAll{view(x), view(y), 1.f / 3, keep}, 1);
            return y;
          }};
}

BlockCase row_norm(std::int64_t rows, std::int64_t columns) {
  return {"RowNorm_" + std::to_string(rows) + "x" + std::to_string(columns), typeid(RowNorm),
          [=](How how) {
            const std::vector<float> x = random_values(rows * columns, 13);
            std::vector<float> norm = unwritten(rows);
            run(how, RowNorm{view(x), view(norm), columns}, rows);
            return norm;
          }};
}

BlockCase column_sums(std::int64_t rows, std::int64_t columns) {
  return {"ColumnSum_" + std::to_string(rows) + "x" + std::to_string(columns), typeid(ColumnSum),
          [=](How how) {
            const std::vector<float> x = random_values(rows * columns, 14);
            std::vector<float> y = unwritten(columns);
            run(how, ColumnSum{view(x), view(y), rows, columns}, ColumnSum::blocks(columns));
            return y;
          }};
}

template <class T>
const std::string type_name = std::is_same_v<T, float> ? "f32_" : "bf16_";

std::string size_name(std::int64_t rows, std::int64_t channels) {
  return std::to_string(rows) + "x" + std::to_string(channels);
}

template <class T>
BlockCase batch_norm_chunks(std::int64_t rows, std::int64_t channels, std::int64_t offset = 0) {
  return {
      "BatchNormChunks_" + type_name<T> + size_name(rows, channels) + offset_name(offset),
      typeid(BatchNormChunks<T>), [=](How how) {
        const std::vector<T> x = rounded_to<T>(random_values(offset + rows * channels, 15));
        const std::int64_t chunks = chunk_count(rows);
        std::vector<float> mean = unwritten(chunks * channels),
                           deviation = unwritten(chunks * channels);
        run(how,
            BatchNormChunks<T>{view_from(x, offset), view(mean), view(deviation), rows, channels},
            ChunkPlace::blocks(rows, channels));
        return joined({mean, deviation});
      }};
}

BlockCase batch_norm_merge(std::int64_t rows, std::int64_t channels, float momentum) {
  const std::string suffix = momentum != 0.f ? "_update" : "_batch_only";
  return {
      "BatchNormMerge_" + size_name(rows, channels) + suffix, typeid(BatchNormMerge), [=](How how) {
        const std::int64_t chunks = chunk_count(rows);
        const std::vector<float> chunk_mean = random_values(chunks * channels, 16);
        const std::vector<float> deviation = random_values(chunks * channels, 17, 0.f, 300.f);
        const std::vector<float> gamma = random_values(channels, 18),
                                 beta = random_values(channels, 19);
        std::vector<float> mean = unwritten(channels), inverse_std = unwritten(channels);
        std::vector<float> scale = unwritten(channels), shift = unwritten(channels);
        std::vector<float> running_mean = random_values(channels, 20);
        std::vector<float> running_var = random_values(channels, 21, 0.5f, 2.f);
        run(how,
            BatchNormMerge{view(chunk_mean), view(deviation), view(gamma), view(beta), view(mean),
                           view(inverse_std), view(scale), view(shift), view(running_mean),
                           view(running_var), rows, channels, 1e-5f, momentum},
            channel_groups(channels));
        return joined({mean, inverse_std, scale, shift, running_mean, running_var});
      }};
}

template <class T>
BlockCase batch_norm_backward_chunks(std::int64_t rows, std::int64_t channels, float floor,
                                     std::int64_t offset = 0) {
  const std::string suffix = floor == 0.f ? "_relu" : "_plain";
  return {"BatchNormBackwardChunks_" + type_name<T> + size_name(rows, channels) + suffix +
              offset_name(offset),
          typeid(BatchNormBackwardChunks<T>), [=](How how) {
            const std::vector<T> x = rounded_to<T>(random_values(offset + rows * channels, 22));
            const std::vector<T> dy = rounded_to<T>(random_values(rows * channels, 23));
            const std::vector<float> mean = random_values(channels, 24);
            const std::vector<float> scale = random_values(channels, 25),
                                     shift = random_values(channels, 26);
            const std::int64_t chunks = chunk_count(rows);
            std::vector<float> sum = unwritten(chunks * channels),
                               products = unwritten(chunks * channels);
            run(how,
                BatchNormBackwardChunks<T>{view_from(x, offset), view(dy), view(mean), view(scale),
                                           view(shift), view(sum), view(products), rows, channels,
                                           floor},
                ChunkPlace::blocks(rows, channels));
            return joined({sum, products});
          }};
}

BlockCase batch_norm_backward_merge(std::int64_t rows, std::int64_t channels) {
  return {"BatchNormBackwardMerge_" + size_name(rows, channels), typeid(BatchNormBackwardMerge),
          [=](How how) {
            const std::int64_t chunks = chunk_count(rows);
            const std::vector<float> sum = random_values(chunks * channels, 27);
            const std::vector<float> products = random_values(chunks * channels, 28);
            const std::vector<float> inverse_std = random_values(channels, 29, 0.5f, 2.f);
            const std::vector<float> scale = random_values(channels, 30);
            std::vector<float> dgamma = unwritten(channels), dbeta = unwritten(channels);
            std::vector<float> offset = unwritten(channels), slope = unwritten(channels);
            run(how,
                BatchNormBackwardMerge{view(sum), view(products), view(inverse_std), view(scale),
                                       view(dgamma), view(dbeta), view(offset), view(slope), rows,
                                       channels, 1.f},
                channel_groups(channels));
            return joined({dgamma, dbeta, offset, slope});
          }};
}

// `reach`: how far outside the ball the step would end; the projection acts where it is large.
BlockCase pgd_step_l2(std::int64_t examples, std::int64_t columns, float eps) {
  const std::string suffix = eps > 1.f ? "_interior" : "_projected";
  return {"PgdStepL2_" + size_name(examples, columns) + suffix, typeid(PgdStepL2), [=](How how) {
            const std::vector<float> x = random_values(examples * columns, 31, 0.f, 1.f);
            const std::vector<float> g = random_values(examples * columns, 32);
            std::vector<float> delta = random_values(examples * columns, 33, -0.01f, 0.01f);
            std::vector<float> adversarial = unwritten(examples * columns);
            run(how,
                PgdStepL2{view(delta), view(g), view(x), view(adversarial), columns, 0.1f, eps},
                examples);
            return joined({delta, adversarial});
          }};
}

BlockCase pgd_start_l2(std::int64_t examples, std::int64_t columns) {
  return {"PgdStartL2_" + size_name(examples, columns), typeid(PgdStartL2), [=](How how) {
            const std::vector<std::int32_t> example = random_labels(examples, 34, 50'000),
                                            number = {1};
            const std::vector<float> x = random_values(examples * columns, 35, 0.f, 1.f);
            std::vector<float> delta = unwritten(examples * columns);
            std::vector<float> adversarial = unwritten(examples * columns);
            run(how,
                PgdStartL2{view(example), view(x), view(delta), view(adversarial),
                           Stream{5, Purpose::attack_start}, Stream{5, Purpose::attack_radius},
                           view(number), 0.5f, columns},
                examples);
            return joined({delta, adversarial});
          }};
}

BlockCase softmax_cross_entropy(std::int64_t rows, std::int64_t classes) {
  return {"SoftmaxCrossEntropy_" + size_name(rows, classes), typeid(SoftmaxCrossEntropy),
          [=](How how) {
            const std::vector<float> logits = random_values(rows * classes, 36, -9.f, 9.f);
            const std::vector<std::int32_t> label =
                random_labels(rows, 37, static_cast<std::int32_t>(classes));
            std::vector<float> loss = unwritten(rows), correct = unwritten(rows);
            std::vector<float> dlogits = unwritten(rows * classes);
            run(how,
                SoftmaxCrossEntropy{view(logits), view(label), view(loss), view(correct),
                                    view(dlogits), classes, 0.25f},
                rows);
            return joined({loss, correct, dlogits});
          }};
}

BlockCase predict(std::int64_t rows, std::int64_t classes) {
  return {"Predict_" + size_name(rows, classes), typeid(Predict), [=](How how) {
            const std::vector<float> logits = random_values(rows * classes, 38);
            std::vector<std::int32_t> prediction(static_cast<std::size_t>(rows), -1);
            run(how, Predict{view(logits), view(prediction), classes}, rows);
            return std::vector<float>(prediction.begin(), prediction.end());
          }};
}

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

std::vector<BlockCase> cases() {
  return {
      sum_squares(0),
      sum_squares(1),
      sum_squares(31),
      sum_squares(33),
      sum_squares(1025),
      sum_squares(1023),
      sum_squares(5 * 1024 + 77),
      sum_squares(5 * 1024 + 77, 1),
      sum_squares(2 * kSumBlocks * 1024 + 77),
      softmax_cross_entropy(1, 1),
      softmax_cross_entropy(7, 10),
      softmax_cross_entropy(3, 31),
      softmax_cross_entropy(3, 33),
      softmax_cross_entropy(2, 1025),
      predict(7, 10),
      predict(3, 33),
      sum_all(0, 0.f),
      sum_all(1, 1.f),
      sum_all(31, 0.f),
      sum_all(32, 1.f),
      sum_all(33, 0.f),
      sum_all(1025, 1.f),
      row_norm(1, 1),
      row_norm(3, 31),
      row_norm(7, 33),
      row_norm(5, 1025),
      column_sums(1, 1),
      column_sums(33, 7),
      column_sums(600, 5),
      column_sums(31, 33),
      column_sums(1025, 3),
      batch_norm_chunks<float>(1, 1),
      batch_norm_chunks<Bfloat16>(1, 1),
      batch_norm_chunks<float>(255, 5),
      batch_norm_chunks<Bfloat16>(255, 5),
      batch_norm_chunks<float>(600, 5),
      batch_norm_chunks<Bfloat16>(600, 5),
      batch_norm_chunks<float>(600, 8),
      batch_norm_chunks<Bfloat16>(600, 8),
      batch_norm_chunks<float>(600, 16),
      batch_norm_chunks<Bfloat16>(600, 16),
      batch_norm_chunks<float>(600, 32),
      batch_norm_chunks<Bfloat16>(600, 32),
      batch_norm_chunks<float>(600, 33),
      batch_norm_chunks<Bfloat16>(600, 33),
      batch_norm_chunks<float>(513, 40),
      batch_norm_chunks<Bfloat16>(513, 40),
      batch_norm_chunks<float>(600, 32, 1),
      batch_norm_chunks<Bfloat16>(600, 32, 1),
      batch_norm_chunks<float>(65'537, 3),  // chunks of 512 rows
      batch_norm_chunks<Bfloat16>(65'537, 8),
      batch_norm_merge(600, 5, 0.1f),
      batch_norm_merge(600, 33, 0.f),
      batch_norm_merge(256 * 70 + 1, 3, 0.1f),
      batch_norm_backward_chunks<float>(1, 1, 0.f),
      batch_norm_backward_chunks<Bfloat16>(1, 1, 0.f),
      batch_norm_backward_chunks<float>(600, 5, 0.f),
      batch_norm_backward_chunks<Bfloat16>(600, 5, 0.f),
      batch_norm_backward_chunks<float>(600, 16, 0.f),
      batch_norm_backward_chunks<Bfloat16>(600, 16, 0.f),
      batch_norm_backward_chunks<float>(600, 33, kNoFloor),
      batch_norm_backward_chunks<Bfloat16>(600, 33, kNoFloor),
      batch_norm_backward_chunks<float>(513, 40, 0.f),
      batch_norm_backward_chunks<Bfloat16>(513, 40, 0.f),
      batch_norm_backward_chunks<float>(600, 32, 0.f, 1),
      batch_norm_backward_chunks<Bfloat16>(600, 32, 0.f, 1),
      batch_norm_backward_chunks<Bfloat16>(65'537, 3, 0.f),
      batch_norm_backward_merge(600, 5),
      batch_norm_backward_merge(256 * 70 + 1, 33),
      pgd_step_l2(1, 1, 0.05f),
      pgd_step_l2(3, 33, 0.05f),
      pgd_step_l2(3, 1025, 0.05f),
      pgd_step_l2(7, 31, 2.f),
      pgd_start_l2(1, 1),
      pgd_start_l2(3, 33),
      pgd_start_l2(5, 1025),
  };
}

class BlockKernels : public ::testing::TestWithParam<BlockCase> {};

INSTANTIATE_TEST_SUITE_P(List, BlockKernels, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BlockKernels, give_the_bits_of_their_reference_in_every_thread_order) {
  const std::vector<float> reference = GetParam().outputs(How::reference);

  EXPECT_EQ(bits_of(GetParam().outputs(How::forward)), bits_of(reference)) << "threads forward";
  EXPECT_EQ(bits_of(GetParam().outputs(How::reversed)), bits_of(reference)) << "threads reversed";
  EXPECT_EQ(bits_of(GetParam().outputs(How::shuffled)), bits_of(reference)) << "threads shuffled";
}

TEST_P(BlockKernels, write_every_element_of_their_outputs) {
  const std::vector<float> outputs = GetParam().outputs(How::forward);

  for (std::size_t i = 0; i < outputs.size(); ++i)
    EXPECT_FALSE(std::isnan(outputs[i])) << "element " << i;
}

// A kernel added to the list without a case here is named.
template <class Kernel>
void expect_case(const std::set<std::type_index>& covered) {
  if constexpr (BlockKernel<Kernel>) {
    EXPECT_TRUE(covered.contains(typeid(Kernel)))
        << typeid(Kernel).name() << " has no case in this file";
  }
}

template <class... Kernels>
void expect_cases(KernelList<Kernels...>) {
  std::set<std::type_index> covered;
  for (const BlockCase& c : cases()) covered.insert(c.kernel);
  (expect_case<Kernels>(covered), ...);
}

TEST(block_kernels, of_the_list_all_have_a_case) { expect_cases(AllKernels{}); }

// What the references compute, against sums in double
// ----------------------------------------------

TEST(sum_squares_test, two_launches_give_the_square_norm) {
  const std::int64_t n = 2 * kSumBlocks * 1024 + 77;
  const std::vector<float> x = random_values(n, 40);
  std::vector<float> partial = unwritten(SumSquares::blocks(n)), total = unwritten(1);

  run(How::reference, SumSquares{view(x), view(partial)}, SumSquares::blocks(n));
  run(How::reference, SumAll{view(partial), view(total), 1.f, 0.f}, 1);

  double want = 0;
  for (float value : x) want += double{value} * value;
  expect_near(total[0], want, summation_bound(static_cast<double>(n), want), "||x||^2");
}

TEST(batch_norm_statistics, of_chunks_merge_to_the_mean_and_unbiased_variance_far_from_zero) {
  // Mean 1000, deviation 1/2: E[x^2] - E[x]^2 in float would have no correct digit.
  const std::int64_t rows = 600, channels = 5, chunks = chunk_count(rows);
  const std::vector<float> x = random_values(rows * channels, 41, 999.f, 1001.f);
  std::vector<float> chunk_mean = unwritten(chunks * channels),
                     deviation = unwritten(chunks * channels);
  const std::vector<float> gamma(channels, 1.f), beta(channels, 0.f);
  std::vector<float> mean = unwritten(channels), inverse_std = unwritten(channels);
  std::vector<float> scale = unwritten(channels), shift = unwritten(channels);
  std::vector<float> running_mean(channels, 0.f), running_var(channels, 0.f);

  run(How::reference,
      BatchNormChunks<float>{view(x), view(chunk_mean), view(deviation), rows, channels},
      ChunkPlace::blocks(rows, channels));
  run(How::reference,
      BatchNormMerge{view(chunk_mean), view(deviation), view(gamma), view(beta), view(mean),
                     view(inverse_std), view(scale), view(shift), view(running_mean),
                     view(running_var), rows, channels, 0.f, 1.f},
      channel_groups(channels));

  for (std::int64_t c = 0; c < channels; ++c) {
    double want_mean = 0, squares = 0;
    for (std::int64_t row = 0; row < rows; ++row) want_mean += x[row * channels + c] / double(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      squares += std::pow(x[row * channels + c] - want_mean, 2);
    }
    const std::string place = "channel " + std::to_string(c);
    expect_near(running_mean[c], want_mean, summation_bound(rows, 1000), place + " mean");
    // x - shift is exact (both within a factor of two); sums of squares of numbers below 2 add to 4
    // rows, of which the squared sum takes a part away again.
    expect_near(running_var[c], squares / (rows - 1), summation_bound(rows, 4),
                place + " variance");
  }
}

}  // namespace
}  // namespace saddle
