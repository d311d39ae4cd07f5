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
#include "tests/kernels/block_case.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

BlockCase sum_squares(std::int64_t n, std::int64_t offset = 0) {
  return {"SumSquares_" + std::to_string(n) + offset_name(offset), typeid(SumSquares),
          [=](How how) {
            const std::vector<float> x = random_values(offset + n, 11);
            std::vector<float> partial = unwritten(SumSquares::blocks(n));
            run(how, SumSquares{view_from(x, offset), view(partial)}, SumSquares::blocks(n));
            return partial;
          }};
}

// A sum over the terms of a metric: slots of 16 and more elements, every other one chosen.
template <class Metric>
BlockCase metric_sum(const std::string& name, std::int64_t n, std::int64_t offset,
                     const std::function<Metric(SlotValues)>& metric) {
  using Sum = LongSum<MetricSquare<Metric>>;
  return {name + "_" + std::to_string(n) + offset_name(offset), typeid(Sum), [=](How how) {
            const std::vector<float> w = random_values(offset + n, 11),
                                     g = random_values(offset + n, 12), value = {1, 0, 1};
            std::vector<std::int32_t> slot;
            for (std::int64_t line = 0; line <= n / kLine; ++line) {
              slot.push_back(static_cast<std::int32_t>(line % 3));
            }
            std::vector<float> partial = unwritten(Sum::blocks(n));
            run(how,
                Sum{{view_from(w, offset), view_from(g, offset), metric({view(slot), view(value)})},
                    view(partial)},
                Sum::blocks(n));
            return partial;
          }};
}

BlockCase asam_sum(std::int64_t n, std::int64_t offset) {
  return metric_sum<AsamMetric>("Asam", n, offset, [](SlotValues slots) {
    return AsamMetric{slots, 0.01f};
  });
}
BlockCase elementwise_sum(std::int64_t n, std::int64_t offset) {
  return metric_sum<ElementwiseMetric>("Elementwise", n, offset,
                                       [](SlotValues) { return ElementwiseMetric{}; });
}
BlockCase fisher_sum(std::int64_t n, std::int64_t offset) {
  return metric_sum<FisherMetric>("Fisher", n, offset,
                                  [](SlotValues) { return FisherMetric{3.f}; });
}
BlockCase slot_sum(std::int64_t n, std::int64_t offset) {
  return metric_sum<SlotMetric>("Slots", n, offset,
                                [](SlotValues slots) { return SlotMetric{slots}; });
}

BlockCase sum_products(std::int64_t n, std::int64_t offset) {
  return {"SumProducts_" + std::to_string(n) + offset_name(offset), typeid(SumProducts),
          [=](How how) {
            const std::vector<float> x = random_values(offset + n, 11),
                                     y = random_values(offset + n, 12);
            std::vector<float> partial = unwritten(SumProducts::blocks(n));
            run(how, SumProducts{{view_from(x, offset), view_from(y, offset)}, view(partial)},
                SumProducts::blocks(n));
            return partial;
          }};
}

BlockCase piece_squares() {
  return {"PieceSquares", typeid(PieceSquares), [](How how) {
            const std::vector<std::int32_t> begin = {0, 1, 3, 3, 40};
            const std::vector<float> x = random_values(40 * kLine, 11);
            std::vector<float> partial = unwritten(4);
            run(how, PieceSquares{view(x), view(begin), view(partial)}, 4);
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

template <class T>
BlockCase column_sums(std::int64_t rows, std::int64_t columns) {
  return {"ColumnSum_" + type_name<T> + std::to_string(rows) + "x" + std::to_string(columns),
          typeid(ColumnSum<T>), [=](How how) {
            const std::vector<T> x = rounded_to<T>(random_values(rows * columns, 14));
            std::vector<float> y = unwritten(columns);
            run(how, ColumnSum<T>{view(x), view(y), rows, columns}, ColumnSum<T>::blocks(columns));
            return y;
          }};
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
BlockCase batch_norm_backward_chunks(std::int64_t rows, std::int64_t channels, const Limits& limits,
                                     std::int64_t offset = 0) {
  const std::string suffix = limits.high < INFINITY ? "_relu6"
                             : limits.low == 0.f    ? "_relu"
                                                    : "_plain";
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
                                           limits},
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

template <class T>
BlockCase global_average_pool(std::int64_t images, std::int64_t pixels, std::int64_t channels,
                              std::int64_t offset = 0) {
  return {"GlobalAveragePool_" + type_name<T> + std::to_string(images) + "x" +
              size_name(pixels, channels) + offset_name(offset),
          typeid(GlobalAveragePool<T>), [=](How how) {
            const std::vector<T> x =
                rounded_to<T>(random_values(offset + images * pixels * channels, 46));
            std::vector<float> y = unwritten(images * channels);
            run(how, GlobalAveragePool<T>{view_from(x, offset), view(y), pixels, channels},
                GlobalAveragePool<T>::blocks(images, channels));
            return y;
          }};
}

// `reach`: how far outside the ball the step would end; the projection acts where it is large.
BlockCase pgd_step_l2(std::int64_t examples, std::int64_t columns, float eps, float size = 1.f) {
  const std::string suffix =
      std::string(eps > 1.f ? "_interior" : "_projected") + (size < 1.f ? "_tiny" : "");
  return {"PgdStepL2_" + size_name(examples, columns) + suffix, typeid(PgdStepL2), [=](How how) {
            const std::vector<float> x = random_values(examples * columns, 31, 0.f, 1.f);
            const std::vector<float> g = random_values(examples * columns, 32, -size, size);
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

BlockCase softmax_cross_entropy(std::int64_t rows, std::int64_t classes, float smoothing = 0,
                                bool mixed = false) {
  return {"SoftmaxCrossEntropy_" + size_name(rows, classes) + (smoothing > 0 ? "_smoothed" : "") +
              (mixed ? "_mixed" : ""),
          typeid(SoftmaxCrossEntropy), [=](How how) {
            const std::vector<float> logits = random_values(rows * classes, 36, -9.f, 9.f);
            const std::vector<std::int32_t> label =
                random_labels(rows, 37, static_cast<std::int32_t>(classes));
            std::vector<float> loss = unwritten(rows), correct = unwritten(rows);
            std::vector<float> dlogits = unwritten(rows * classes);
            const std::vector<std::int32_t> other =
                random_labels(rows, 38, static_cast<std::int32_t>(classes));
            const std::vector<float> share = random_values(rows, 39, 0.f, 1.f);
            SoftmaxCrossEntropy kernel{view(logits),  view(label), view(loss), view(correct),
                                       view(dlogits), classes,     0.25f,      smoothing};
            if (mixed) {
              kernel.other = view(other);
              kernel.share = view(share);
            }
            run(how, kernel, rows);
            return joined({loss, correct, dlogits});
          }};
}

BlockCase trades_loss(std::int64_t rows, std::int64_t classes, float smoothing) {
  return {"TradesLoss_" + size_name(rows, classes) + (smoothing > 0 ? "_smoothed" : ""),
          typeid(TradesLoss), [=](How how) {
            const std::vector<float> natural = random_values(rows * classes, 36, -9.f, 9.f),
                                     adversarial = random_values(rows * classes, 39, -9.f, 9.f);
            const std::vector<std::int32_t> label =
                random_labels(rows, 37, static_cast<std::int32_t>(classes));
            std::vector<float> loss = unwritten(rows), correct = unwritten(rows);
            std::vector<float> dnatural = unwritten(rows * classes), dadversarial = dnatural;
            run(how,
                TradesLoss{view(natural), view(adversarial), view(label), view(loss), view(correct),
                           view(dnatural), view(dadversarial), classes, 6.f, 0.25f, smoothing},
                rows);
            return joined({loss, correct, dnatural, dadversarial});
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

template <DistanceNorm P>
const std::string norm_name = P == DistanceNorm::linf ? "linf_"
                              : P == DistanceNorm::l2 ? "l2_"
                                                      : "l1_";

// `f`: how far the boundary is; a large one is out of the box's reach.
template <DistanceNorm P>
BlockCase project_on_hyperplane(std::int64_t rows, std::int64_t columns, float f) {
  const std::string suffix = f > 100.f ? "_infeasible" : f < 0.f ? "_behind" : "";
  return {"ProjectOnHyperplane_" + norm_name<P> + size_name(rows, columns) + suffix,
          typeid(ProjectOnHyperplane<P>), [=](How how) {
            const std::int64_t n = rows * columns;
            const std::vector<float> x1 = random_values(n, 36, 0.f, 1.f);
            const std::vector<float> x0 = random_values(n, 37, 0.f, 1.f), w = random_values(n, 38);
            const std::vector<float> far(static_cast<std::size_t>(rows), f);
            std::vector<float> delta = unwritten(2 * n), norm = unwritten(2 * rows);
            run(how,
                ProjectOnHyperplane<P>{view(x1), view(x0), view(w), view(far), view(delta),
                                       view(norm), rows, columns},
                2 * rows);
            return joined({delta, norm});
          }};
}

std::vector<float> as_floats(const std::vector<std::int32_t>& values) {
  return {values.begin(), values.end()};
}

template <DistanceNorm P>
BlockCase keep_nearest(std::int64_t rows, std::int64_t columns, float first) {
  const std::string suffix = first != 0.f ? "_first" : "_compared";
  return {"KeepNearest_" + norm_name<P> + size_name(rows, columns) + suffix, typeid(KeepNearest<P>),
          [=](How how) {
            const std::vector<float> g = random_values(rows * columns, 39);
            const std::vector<float> f_other = random_values(rows, 40);
            const std::vector<std::int32_t> other = random_labels(rows, 41, 10);
            std::vector<float> distance = random_values(rows, 42, 0.f, 1.f / columns);
            std::vector<float> f = random_values(rows, 43), w = random_values(rows * columns, 44);
            std::vector<std::int32_t> kept = random_labels(rows, 45, 10);
            run(how,
                KeepNearest<P>{view(f_other), view(g), view(other), view(distance), view(f),
                               view(kept), view(w), columns, first},
                rows);
            return joined({distance, f, as_floats(kept), w});
          }};
}

template <DistanceNorm P>
BlockCase fab_judge(std::int64_t rows, std::int64_t columns) {
  return {"FabJudge_" + norm_name<P> + size_name(rows, columns), typeid(FabJudge<P>), [=](How how) {
            const std::int64_t n = rows * columns;
            const std::vector<float> margin = random_values(rows, 46), x0 = random_values(n, 47);
            const std::vector<std::int32_t> label = random_labels(rows, 48, 3),
                                            other = random_labels(rows, 49, 3);
            std::vector<float> x1 = random_values(n, 50), adversarial = random_values(n, 51);
            std::vector<float> best = random_values(rows, 52, 0.f, 1.f * columns);
            run(how,
                FabJudge<P>{view(margin), view(label), view(other), view(x0), view(x1),
                            view(adversarial), view(best), columns, 0.9f, 0.2f},
                rows);
            return joined({x1, adversarial, best});
          }};
}

template <DistanceNorm P>
BlockCase fab_start(std::int64_t rows, std::int64_t columns) {
  return {"FabStart_" + norm_name<P> + size_name(rows, columns), typeid(FabStart<P>), [=](How how) {
            const std::vector<float> x0 = random_values(rows * columns, 53, 0.f, 1.f);
            const std::vector<std::int32_t> example = random_labels(rows, 54, 50'000),
                                            attempt = random_labels(rows, 55, 4);
            std::vector<float> x1 = unwritten(rows * columns);
            run(how,
                FabStart<P>{view(x0), view(example), view(attempt), view(x1),
                            Stream{5, Purpose::fab_start}, columns, 2, 0.25f},
                rows);
            return x1;
          }};
}

template <DistanceNorm P>
BlockCase deepfool_step(std::int64_t rows, std::int64_t columns) {
  return {"DeepFoolStep_" + norm_name<P> + size_name(rows, columns), typeid(DeepFoolStep<P>),
          [=](How how) {
            const std::int64_t n = rows * columns;
            const std::vector<float> x0 = random_values(n, 56, 0.f, 1.f), w = random_values(n, 57);
            const std::vector<float> f = random_values(rows, 58), best = random_values(rows, 59);
            std::vector<float> r = random_values(n, 60, -.1f, .1f), x1 = unwritten(n);
            run(how,
                DeepFoolStep<P>{view(x0), view(w), view(f), view(best), view(r), view(x1), columns,
                                0.02f, 0.f},
                rows);
            return joined({r, x1});
          }};
}

BlockCase carlini_wagner_judge(std::int64_t rows, std::int64_t columns, std::int32_t iteration) {
  return {"CarliniWagnerJudge_" + size_name(rows, columns) + (iteration % 5 ? "" : "_checked"),
          typeid(CarliniWagnerJudge), [=](How how) {
            const std::int64_t n = rows * columns;
            const std::vector<float> margin = random_values(rows, 61);
            const std::vector<std::int32_t> label = random_labels(rows, 62, 3),
                                            other = random_labels(rows, 63, 3), at = {iteration};
            const std::vector<float> x0 = random_values(n, 64), x1 = random_values(n, 65);
            std::vector<float> c = random_values(rows, 66, 0.f, 1.f), low(c.size()), high(c.size());
            std::vector<float> succeeded(c.size()), stopped = as_floats(random_labels(rows, 67, 2));
            std::vector<float> previous = random_values(rows, 68, 0.f, 1.f * columns);
            std::vector<float> adversarial = random_values(n, 69);
            std::vector<float> best = random_values(rows, 70, 0.f, 1.f * columns);
            std::vector<float> weight = unwritten(rows);
            const CarliniWagnerRows numbers{view(c),         view(low),     view(high),
                                            view(succeeded), view(stopped), view(previous)};
            run(how,
                CarliniWagnerJudge{view(margin), view(label), view(other), view(x0), view(x1),
                                   view(at), numbers, view(adversarial), view(best), view(weight),
                                   columns, 5, 0.1f},
                rows);
            return joined({succeeded, stopped, previous, adversarial, best, weight});
          }};
}

// Margins of rows under attack, and of the second, which is broken.
std::vector<float> margins_of_rows(std::int64_t rows) {
  std::vector<float> margin(static_cast<std::size_t>(rows), 0.5f);
  if (rows > 1) margin[1] = -0.1f;
  return margin;
}

BlockCase square_start_tiles(std::int64_t height, std::int64_t width, std::int32_t power) {
  return {"SquareStartTiles_" + size_name(height, width) + "_l" + std::to_string(power),
          typeid(SquareStartTiles), [=](How how) {
            const std::int64_t rows = 3, channels = 3;
            const SquareImages image{height, width, channels};
            const std::vector<float> x = random_values(rows * image.columns(), 50, 0.f, 1.f);
            const std::int64_t tile = height / 5 * (width / 5);
            const std::vector<float> upright = random_values(tile, 51),
                                     sideways = random_values(tile, 52);
            const std::vector<std::int32_t> example = random_labels(rows, 53, 50'000),
                                            attempt = {0, 1, 2};
            std::vector<float> proposal = unwritten(rows * image.columns());
            run(how,
                SquareStartTiles{view(x),
                                 view(proposal),
                                 view(upright),
                                 view(sideways),
                                 {view(example), view(attempt), 5},
                                 image,
                                 {0.5f, power}},
                rows);
            return proposal;
          }};
}

BlockCase square_propose_linf(std::int64_t height, std::int64_t width, std::int32_t side) {
  return {"SquareProposeLinf_" + size_name(height, width) + "_side_" + std::to_string(side),
          typeid(SquareProposeLinf), [=](How how) {
            const std::int64_t rows = 3;
            const SquareImages image{height, width, 3};
            const std::vector<float> x = random_values(rows * image.columns(), 54, 0.f, 1.f);
            const std::vector<float> best = random_values(rows * image.columns(), 55, 0.f, 1.f);
            const std::vector<float> margin = margins_of_rows(rows);
            const std::vector<std::int32_t> example = random_labels(rows, 56, 50'000),
                                            attempt = {0, 1, 2}, sides = {side, side};
            std::vector<std::int32_t> queries = {1, 1, 2};
            std::vector<float> proposal = random_values(rows * image.columns(), 57);
            run(how,
                SquareProposeLinf{view(x),
                                  view(best),
                                  view(margin),
                                  view(queries),
                                  view(proposal),
                                  {view(example), view(attempt), 5},
                                  {view(sides), 2, 0},
                                  image,
                                  0.1f},
                rows);
            return joined({proposal, {queries.begin(), queries.end()}});
          }};
}

BlockCase square_move_mass(std::int64_t height, std::int64_t width, std::int32_t side,
                           std::int32_t power) {
  return {"SquareMoveMass_" + size_name(height, width) + "_side_" + std::to_string(side) + "_l" +
              std::to_string(power),
          typeid(SquareMoveMass), [=](How how) {
            const std::int64_t rows = 3;
            const SquareImages image{height, width, 3};
            const std::vector<float> x = random_values(rows * image.columns(), 58, 0.f, 1.f);
            const std::vector<float> best = random_values(rows * image.columns(), 59, 0.f, 1.f);
            const std::vector<float> margin = margins_of_rows(rows);
            const std::vector<float> eta = random_values(2 * side * side, 60);
            const std::vector<std::int32_t> example = random_labels(rows, 61, 50'000),
                                            attempt = {0, 1, 2}, queries = {1, 1, 2},
                                            sides = {side, side}, begins = {0, side * side};
            std::vector<float> proposal = random_values(rows * image.columns(), 62);
            run(how,
                SquareMoveMass{view(x),
                               view(best),
                               view(margin),
                               view(queries),
                               view(proposal),
                               view(eta),
                               view(begins),
                               {view(example), view(attempt), 5},
                               {view(sides), 2, 0},
                               image,
                               {0.5f, power}},
                rows);
            return proposal;
          }};
}

BlockCase square_judge(std::int64_t classes, std::int32_t cross_entropy) {
  return {
      "SquareJudge_" + std::to_string(classes) + (cross_entropy != 0 ? "_ce" : "_margin"),
      typeid(SquareJudge), [=](How how) {
        const std::int64_t rows = 5, columns = 33;
        const std::vector<float> logits = random_values(rows * classes, 63, -4.f, 4.f);
        const std::vector<std::int32_t> label =
            random_labels(rows, 64, static_cast<std::int32_t>(classes));
        const std::vector<float> proposal = random_values(rows * columns, 65);
        std::vector<float> best = random_values(rows * columns, 66);
        std::vector<float> margin = margins_of_rows(rows), loss(5, 0.1f);
        std::vector<std::int32_t> queries = {1, 2, 3, 4, 5}, passes = {1, 1, 2, 2, 3};
        run(how,
            SquareJudge{view(logits), view(label), view(proposal), view(best), view(margin),
                        view(loss), view(queries), view(passes), classes, columns, 4,
                        cross_entropy},
            rows);
        return joined(
            {best, margin, loss, {queries.begin(), queries.end()}, {passes.begin(), passes.end()}});
      }};
}

BlockCase flow_roughness_case(std::int64_t height, std::int64_t width, Smoothness smoothness) {
  return {
      "FlowRoughness_" + size_name(height, width) + "_" +
          std::to_string(static_cast<int>(smoothness)),
      typeid(FlowRoughness), [=](How how) {
        const std::int64_t rows = 3;
        const std::vector<float> flow = random_values(rows * height * width * 2, 67);
        std::vector<float> loss = unwritten(rows), norms = unwritten(rows * 2);
        run(how,
            FlowRoughness{{view(flow), height, width, smoothness}, view(loss), view(norms), 0.3f},
            rows);
        return joined({loss, norms});
      }};
}

BlockCase scale_to_first(std::int64_t rows, std::int64_t columns, float size) {
  return {"ScaleToFirst_" + size_name(rows, columns), typeid(ScaleToFirst), [=](How how) {
            std::vector<float> g = random_values(rows * columns, 73, -size, size);
            std::vector<float> to_one(static_cast<std::size_t>(rows), 0.f);
            to_one[0] = 8.f;  // known already
            run(how, ScaleToFirst{view(g), view(to_one), columns}, rows);
            return joined({g, to_one});
          }};
}

BlockCase stadv_record(std::int64_t classes, StadvKeep keep) {
  return {
      "StadvRecord_" + std::to_string(classes) + "_" + std::to_string(static_cast<int>(keep)),
      typeid(StadvRecord), [=](How how) {
        const std::int64_t rows = 5, columns = 33;
        const std::vector<float> logits = random_values(rows * classes, 68);
        const std::vector<std::int32_t> label =
            random_labels(rows, 69, static_cast<std::int32_t>(classes));
        const std::vector<float> margin = random_values(rows, 70),
                                 roughness = random_values(rows, 71),
                                 warped = random_values(rows * columns, 72);
        std::vector<float> kept = random_values(rows * columns, 73), kept_loss(5, 0.1f);
        std::vector<std::int32_t> done = {0, 1, 0, 0, 0}, iterations = {1, 2, 3, 4, 5};
        run(how,
            StadvRecord{view(logits), view(label), view(margin), view(roughness), view(warped),
                        view(kept), view(kept_loss), view(done), view(iterations), classes, columns,
                        keep},
            rows);
        return joined(
            {kept, kept_loss, {done.begin(), done.end()}, {iterations.begin(), iterations.end()}});
      }};
}

BlockCase pixle_judge(std::int64_t classes) {
  return {"PixleJudge_" + std::to_string(classes), typeid(PixleJudge), [=](How how) {
            const std::int64_t rows = 5, columns = 33;
            const std::vector<float> logits = random_values(rows * classes, 74, -4.f, 4.f);
            const std::vector<std::int32_t> label =
                random_labels(rows, 75, static_cast<std::int32_t>(classes));
            const std::vector<float> proposal = random_values(rows * columns, 76);
            std::vector<float> best = random_values(rows * columns, 77), odds(5, 0.5f);
            std::vector<std::int32_t> improved = {0, 1, 0, 0, 0}, done = improved,
                                      proposals = {1, 2, 3, 4, 5};
            run(how,
                PixleJudge{view(logits), view(label), view(proposal), view(best), view(odds),
                           view(improved), view(done), view(proposals), classes, columns, 0},
                rows);
            return joined({best,
                           odds,
                           {improved.begin(), improved.end()},
                           {done.begin(), done.end()},
                           {proposals.begin(), proposals.end()}});
          }};
}

BlockCase l1_project(std::int64_t examples, std::int64_t columns, float eps) {
  return {"L1Project_" + size_name(examples, columns), typeid(L1Project), [=](How how) {
            const std::vector<float> x = random_values(examples * columns, 51, 0.f, 1.f);
            std::vector<float> delta = random_values(examples * columns, 52);
            std::vector<float> adversarial = unwritten(examples * columns);
            run(how, L1Project{view(x), view(delta), view(adversarial), columns, eps}, examples);
            return joined({delta, adversarial});
          }};
}

BlockCase sparse_step(std::int64_t examples, std::int64_t columns, std::int64_t stride) {
  return {"SparseStep_" + size_name(examples, columns) + (stride == 0 ? "_alike" : ""),
          typeid(SparseStep), [=](How how) {
            const std::vector<float> g = random_values(examples * columns, 53);
            const std::vector<float> x = random_values(examples * columns, 54, 0.f, 1.f);
            const std::vector<float> current = random_values(examples * columns, 55, -.2f, 1.2f);
            const std::vector<float> step = random_values(examples, 56, 0.f, 1.f);
            const std::vector<float> rank(static_cast<std::size_t>(examples),
                                          std::floor(static_cast<float>(columns) * .7f));
            std::vector<float> delta = unwritten(examples * columns);
            run(how,
                SparseStep{view(g), view(x), view(current), view(delta), view(step), view(rank),
                           stride, columns, stride == 0 ? 1 : 0},
                examples);
            return delta;
          }};
}

// The state of rows in the middle of a run.
std::vector<float> apgd_state(std::int64_t rows) {
  std::vector<float> state = random_values(rows * kApgdFields, 57, 0.f, 1.f);
  for (std::int64_t row = 0; row < rows; ++row) {
    state[static_cast<std::size_t>(row * kApgdFields + kApgdMomentum)] = .75f;
  }
  return state;
}

BlockCase apgd_step_l2(std::int64_t rows, std::int64_t columns, float eps, float size = 1.f) {
  return {"ApgdStepL2_" + size_name(rows, columns) + (size < 1.f ? "_tiny" : ""),
          typeid(ApgdStepL2), [=](How how) {
            const std::vector<float> x = random_values(rows * columns, 58, 0.f, 1.f);
            const std::vector<float> g = random_values(rows * columns, 59, -size, size);
            const std::vector<float> state = apgd_state(rows);
            std::vector<float> now = random_values(rows * columns, 60, 0.f, 1.f);
            std::vector<float> old = random_values(rows * columns, 61, 0.f, 1.f);
            run(how, ApgdStepL2{view(x), view(g), view(now), view(old), view(state), eps, columns},
                rows);
            return joined({now, old});
          }};
}

BlockCase apgd_start_linf(std::int64_t rows, std::int64_t columns) {
  return {"ApgdStartLinf_" + size_name(rows, columns), typeid(ApgdStartLinf), [=](How how) {
            const std::vector<std::int32_t> example = random_labels(rows, 62, 50'000),
                                            attempt = random_labels(rows, 63, 9);
            const std::vector<float> x = random_values(rows * columns, 64, 0.f, 1.f);
            std::vector<float> now = unwritten(rows * columns);
            run(how,
                ApgdStartLinf{view(example), view(attempt), view(x), view(now),
                              Stream{5, Purpose::apgd_start}, .1f, columns},
                rows);
            return now;
          }};
}

BlockCase apgd_start_l2(std::int64_t rows, std::int64_t columns) {
  return {"ApgdStartL2_" + size_name(rows, columns), typeid(ApgdStartL2), [=](How how) {
            const std::vector<float> x = random_values(rows * columns, 65, 0.f, 1.f);
            std::vector<float> now = random_values(rows * columns, 66);
            run(how, ApgdStartL2{view(x), view(now), .5f, columns}, rows);
            return now;
          }};
}

BlockCase count_changed(std::int64_t rows, std::int64_t columns) {
  return {"CountChanged_" + size_name(rows, columns), typeid(CountChanged), [=](How how) {
            const std::vector<float> a = random_values(rows * columns, 67);
            std::vector<float> b = a, count = unwritten(rows);
            for (std::size_t i = 0; i < b.size(); i += 3) b[i] += 1;
            run(how, CountChanged{view(a), view(b), view(count), columns}, rows);
            return count;
          }};
}

BlockCase row_max_abs(std::int64_t rows, std::int64_t columns) {
  return {"RowMaxAbs_" + size_name(rows, columns), typeid(RowMaxAbs), [=](How how) {
            const std::vector<float> x = random_values(rows * columns, 68);
            std::vector<float> largest = unwritten(rows);
            run(how, RowMaxAbs{view(x), view(largest), columns}, rows);
            return largest;
          }};
}

BlockCase mi_fgsm_step(std::int64_t examples, std::int64_t columns, float size = 1.f) {
  return {"MiFgsmStep_" + size_name(examples, columns) + (size < 1.f ? "_tiny" : ""),
          typeid(MiFgsmStep), [=](How how) {
            const std::vector<float> x = random_values(examples * columns, 69, 0.f, 1.f);
            const std::vector<float> g = random_values(examples * columns, 70, -size, size);
            std::vector<float> m = random_values(examples * columns, 71), adversarial = x;
            run(how,
                MiFgsmStep{view(x), view(g), view(m), view(adversarial), .02f, .05f, .9f, columns},
                examples);
            return joined({m, adversarial});
          }};
}

BlockCase shift_step(std::int64_t rows, std::int64_t columns, float size = 1.f) {
  return {"ShiftStepL2_" + size_name(rows, columns) + (size < 1.f ? "_tiny" : ""),
          typeid(ShiftStepL2), [=](How how) {
            const std::vector<float> g = random_values(rows * columns, 70, -size, size);
            std::vector<float> delta = random_values(rows * columns, 71);
            run(how, ShiftStepL2{view(delta), view(g), columns, .5f, 1.5f}, rows);
            return delta;
          }};
}

std::vector<BlockCase> own_cases() {
  return {
      asam_sum(5 * 1024 + 77, 0),
      asam_sum(33, 1),
      elementwise_sum(5 * 1024 + 77, 0),
      elementwise_sum(33, 1),
      fisher_sum(5 * 1024 + 77, 0),
      fisher_sum(33, 1),
      slot_sum(5 * 1024 + 77, 0),
      slot_sum(33, 1),
      sum_products(5 * 1024 + 77, 0),
      sum_products(33, 1),
      piece_squares(),
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
      softmax_cross_entropy(7, 33, 0.1f, true),
      softmax_cross_entropy(7, 10),
      softmax_cross_entropy(3, 31),
      softmax_cross_entropy(3, 33),
      softmax_cross_entropy(2, 1025),
      softmax_cross_entropy(3, 33, 0.1f),
      trades_loss(1, 1, 0),
      trades_loss(7, 10, 0),
      trades_loss(3, 33, 0.1f),
      trades_loss(2, 1025, 0),
      predict(7, 10),
      predict(3, 33),
      sum_all(0, 0.f),
      sum_all(1, 1.f),
      sum_all(31, 0.f),
      sum_all(32, 1.f),
      sum_all(33, 0.f),
      sum_all(1025, 1.f),
      column_sums<float>(1, 1),
      column_sums<float>(33, 7),
      column_sums<Bfloat16>(33, 7),
      column_sums<float>(600, 5),
      column_sums<float>(31, 33),
      column_sums<Bfloat16>(31, 33),
      column_sums<float>(1025, 3),
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
      batch_norm_backward_chunks<float>(1, 1, kRelu),
      batch_norm_backward_chunks<Bfloat16>(1, 1, kRelu),
      batch_norm_backward_chunks<float>(600, 5, kRelu),
      batch_norm_backward_chunks<Bfloat16>(600, 5, kRelu),
      batch_norm_backward_chunks<float>(600, 16, kRelu),
      batch_norm_backward_chunks<Bfloat16>(600, 16, kRelu),
      batch_norm_backward_chunks<float>(600, 33, kNoLimits),
      batch_norm_backward_chunks<Bfloat16>(600, 33, kNoLimits),
      batch_norm_backward_chunks<float>(513, 40, kRelu),
      batch_norm_backward_chunks<Bfloat16>(513, 40, kRelu6),
      batch_norm_backward_chunks<float>(600, 32, kRelu, 1),
      batch_norm_backward_chunks<Bfloat16>(600, 32, kRelu, 1),
      batch_norm_backward_chunks<Bfloat16>(65'537, 3, kRelu),
      batch_norm_backward_merge(600, 5),
      batch_norm_backward_merge(256 * 70 + 1, 33),
      global_average_pool<float>(1, 1, 1),
      global_average_pool<Bfloat16>(1, 1, 1),
      global_average_pool<float>(3, 31, 7),
      global_average_pool<Bfloat16>(3, 31, 7),
      global_average_pool<float>(2, 33, 32),
      global_average_pool<Bfloat16>(2, 33, 32),
      global_average_pool<float>(2, 33, 32, 1),
      global_average_pool<Bfloat16>(2, 33, 32, 1),
      global_average_pool<float>(2, 1025, 40),
      global_average_pool<Bfloat16>(2, 1025, 40),
      global_average_pool<float>(0, 3, 5),
      pgd_step_l2(1, 1, 0.05f),
      pgd_step_l2(3, 33, 0.05f),
      pgd_step_l2(3, 1025, 0.05f),
      pgd_step_l2(2, 4096, 0.05f),  // as many columns as are held in registers
      pgd_step_l2(2, 4097, 0.05f),
      pgd_step_l2(7, 31, 2.f),
      pgd_step_l2(3, 257, 0.05f, 1e-30f),
      pgd_step_l2(3, 255, 0.05f, 1e-40f),
      pgd_start_l2(1, 1),
      pgd_start_l2(3, 33),
      pgd_start_l2(5, 1025),
      project_on_hyperplane<DistanceNorm::linf>(1, 1, .2f),
      project_on_hyperplane<DistanceNorm::linf>(3, 33, 2.f),
      project_on_hyperplane<DistanceNorm::linf>(3, 33, -2.f),
      project_on_hyperplane<DistanceNorm::linf>(2, 1025, 40.f),
      project_on_hyperplane<DistanceNorm::linf>(3, 31, 1000.f),
      keep_nearest<DistanceNorm::linf>(7, 33, 1.f),
      keep_nearest<DistanceNorm::linf>(33, 31, 0.f),
      fab_judge<DistanceNorm::linf>(33, 33),
      fab_start<DistanceNorm::linf>(7, 33),
      fab_start<DistanceNorm::linf>(3, 1025),
      deepfool_step<DistanceNorm::linf>(7, 33),
      deepfool_step<DistanceNorm::linf>(3, 1025),
      deepfool_step<DistanceNorm::linf>(2, 4097),
      project_on_hyperplane<DistanceNorm::l2>(1, 1, .2f),
      project_on_hyperplane<DistanceNorm::l2>(3, 33, 2.f),
      project_on_hyperplane<DistanceNorm::l2>(3, 33, -2.f),
      project_on_hyperplane<DistanceNorm::l2>(2, 1025, 40.f),
      project_on_hyperplane<DistanceNorm::l2>(3, 31, 1000.f),
      keep_nearest<DistanceNorm::l2>(7, 33, 1.f),
      keep_nearest<DistanceNorm::l2>(33, 31, 0.f),
      fab_judge<DistanceNorm::l2>(33, 33),
      fab_start<DistanceNorm::l2>(7, 33),
      fab_start<DistanceNorm::l2>(3, 1025),
      deepfool_step<DistanceNorm::l2>(7, 33),
      deepfool_step<DistanceNorm::l2>(3, 1025),
      deepfool_step<DistanceNorm::l2>(2, 4097),
      project_on_hyperplane<DistanceNorm::l1>(1, 1, .2f),
      project_on_hyperplane<DistanceNorm::l1>(3, 33, 2.f),
      project_on_hyperplane<DistanceNorm::l1>(3, 33, -2.f),
      project_on_hyperplane<DistanceNorm::l1>(2, 1025, 40.f),
      project_on_hyperplane<DistanceNorm::l1>(3, 31, 1000.f),
      keep_nearest<DistanceNorm::l1>(7, 33, 1.f),
      keep_nearest<DistanceNorm::l1>(33, 31, 0.f),
      fab_judge<DistanceNorm::l1>(33, 33),
      fab_start<DistanceNorm::l1>(7, 33),
      fab_start<DistanceNorm::l1>(3, 1025),
      carlini_wagner_judge(33, 33, 3),
      carlini_wagner_judge(33, 33, 10),
      square_start_tiles(5, 7, 2),
      square_start_tiles(13, 11, 1),
      square_propose_linf(1, 1, 1),
      square_propose_linf(7, 11, 3),
      square_propose_linf(17, 19, 17),
      square_move_mass(5, 5, 3, 2),
      square_move_mass(7, 11, 3, 1),
      square_move_mass(17, 19, 15, 2),
      square_move_mass(17, 19, 15, 1),
      square_judge(2, 0),
      square_judge(10, 1),
      square_judge(131, 0),
      square_judge(131, 1),
      flow_roughness_case(1, 1, Smoothness::axis),
      flow_roughness_case(7, 5, Smoothness::diagonal),
      flow_roughness_case(17, 19, Smoothness::axis),
      flow_roughness_case(17, 19, Smoothness::global),
      stadv_record(3, StadvKeep::smallest_loss),
      stadv_record(131, StadvKeep::first_success),
      stadv_record(3, StadvKeep::last),
      scale_to_first(3, 257, 1.f),
      scale_to_first(2, 33, 1e-40f),
      pixle_judge(2),
      pixle_judge(131),
      l1_project(1, 1, .2f),
      l1_project(3, 33, .7f),
      l1_project(3, 1025, 3.f),
      l1_project(2, 31, 1e6f),
      sparse_step(1, 1, 1),
      sparse_step(3, 33, 1),
      sparse_step(3, 1025, 1),
      sparse_step(3, 1025, 0),
      apgd_step_l2(1, 1, .2f),
      apgd_step_l2(3, 33, .2f),
      apgd_step_l2(5, 1025, .5f),
      apgd_step_l2(2, 4097, .5f),
      apgd_step_l2(3, 257, .5f, 1e-40f),
      apgd_start_linf(1, 1),
      apgd_start_linf(3, 33),
      apgd_start_linf(5, 1025),
      apgd_start_l2(1, 1),
      apgd_start_l2(3, 33),
      apgd_start_l2(5, 1025),
      count_changed(1, 1),
      count_changed(3, 33),
      count_changed(5, 1025),
      row_max_abs(1, 1),
      row_max_abs(3, 33),
      row_max_abs(5, 1025),
      shift_step(1, 1),
      shift_step(3, 33),
      shift_step(2, 65, 1e-40f),
      mi_fgsm_step(1, 1),
      mi_fgsm_step(3, 33),
      mi_fgsm_step(5, 1025),
      mi_fgsm_step(2, 4097),
      mi_fgsm_step(3, 257, 1e-40f),
  };
}

std::vector<BlockCase> cases() {
  std::vector<BlockCase> all = own_cases();
  for (const BlockCase& c : segmentation_block_cases()) all.push_back(c);
  for (const BlockCase& c : transformer_block_cases()) all.push_back(c);
  return all;
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

TEST(global_average_pool, is_the_mean_over_pixels) {
  const std::int64_t images = 2, pixels = 1025, channels = 3;
  const std::vector<float> x = random_values(images * pixels * channels, 42);
  std::vector<float> mean = unwritten(images * channels);

  run(How::reference, GlobalAveragePool<float>{view(x), view(mean), pixels, channels},
      GlobalAveragePool<float>::blocks(images, channels));

  for (std::int64_t i = 0; i < images * channels; ++i) {
    double sum = 0, magnitude = 0;
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      const double value = x[(i / channels * pixels + pixel) * channels + i % channels];
      sum += value / pixels, magnitude += std::abs(value) / pixels;
    }
    expect_near(mean[i], sum, summation_bound(pixels, magnitude), "mean " + std::to_string(i));
  }
}

}  // namespace
}  // namespace saddle
