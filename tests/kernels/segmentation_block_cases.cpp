// The block kernels of segmentation, for block_kernels_test.cpp.
#include "kernels/depthwise_weights.h"
#include "kernels/pixel_loss.h"
#include "kernels/resize.h"
#include "tests/kernels/block_case.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle::testing_support {
namespace {

std::string name_of(const DepthwiseShape& s) {
  return size_name(s.height, s.width) + "x" + std::to_string(s.channels) + "_stride_" +
         std::to_string(s.stride) + "_padding_" + std::to_string(s.padding) + "_dilation_" +
         std::to_string(s.dilation);
}
std::int64_t in_count(const DepthwiseShape& s) { return s.batch * s.height * s.width * s.channels; }
std::int64_t out_count(const DepthwiseShape& s) {
  return s.batch * s.out_height() * s.out_width() * s.channels;
}

template <class T>
BlockCase depthwise_forward(const DepthwiseShape& s, std::int64_t offset = 0) {
  return {
      "DepthwiseForward_" + type_name<T> + name_of(s) + offset_name(offset),
      typeid(DepthwiseForward<T>), [=](How how) {
        const std::vector<T> x = rounded_to<T>(random_values(offset + in_count(s), 80)),
                             w = rounded_to<T>(random_values(9 * s.channels, 81));
        const std::vector<float> bias = random_values(s.channels, 82);
        std::vector<T> y = unwritten_as<T>(out_count(s)), plain = y;
        const std::int64_t rows = s.batch * s.out_height();
        run(how, DepthwiseForward<T>{view_from(x, offset), view(w), view(bias), view(y), s, kRelu},
            rows);
        run(how, DepthwiseForward<T>{view_from(x, offset), view(w), {}, view(plain), s, kNoLimits},
            rows);
        return joined({widened(y), widened(plain)});
      }};
}

template <class T>
BlockCase depthwise_backward_data(const DepthwiseShape& s, std::int64_t offset = 0) {
  return {"DepthwiseBackwardData_" + type_name<T> + name_of(s) + offset_name(offset),
          typeid(DepthwiseBackwardData<T>), [=](How how) {
            const std::vector<T> dy = rounded_to<T>(random_values(offset + out_count(s), 83)),
                                 w = rounded_to<T>(random_values(9 * s.channels, 81));
            std::vector<T> dx = unwritten_as<T>(in_count(s));
            run(how, DepthwiseBackwardData<T>{view_from(dy, offset), view(w), view(dx), s},
                s.batch * s.height);
            return widened(dx);
          }};
}

template <class T>
BlockCase depthwise_backward_weights(const DepthwiseShape& s, std::int64_t offset = 0) {
  using Kernel = DepthwiseBackwardWeights<T>;
  return {"DepthwiseBackwardWeights_" + type_name<T> + name_of(s) + offset_name(offset),
          typeid(Kernel), [=](How how) {
            const std::vector<T> x = rounded_to<T>(random_values(offset + in_count(s), 80)),
                                 dy = rounded_to<T>(random_values(out_count(s), 83));
            std::vector<float> partial = unwritten(Kernel::chunks(s) * 9 * s.channels);
            run(how, Kernel{view_from(x, offset), view(dy), view(partial), s}, Kernel::blocks(s));
            return partial;
          }};
}

void add_depthwise(std::vector<BlockCase>& all) {
  const std::vector<DepthwiseShape> shapes = {
      {1, 1, 1, 1, 1, 1, 1},  {2, 7, 5, 7, 1, 1, 1},    {2, 8, 6, 8, 2, 1, 1},
      {1, 7, 9, 33, 2, 0, 1}, {2, 6, 7, 40, 1, 2, 2},   {1, 9, 8, 16, 2, 2, 2},
      {2, 5, 4, 8, 1, 6, 6},  {1, 12, 12, 64, 1, 4, 4}, {1, 9, 5, 8, 3, 1, 1},
      {40, 1, 3, 5, 1, 1, 1},
  };
  for (const DepthwiseShape& s : shapes) {
    all.push_back(depthwise_forward<float>(s));
    all.push_back(depthwise_forward<Bfloat16>(s));
    all.push_back(depthwise_backward_data<float>(s));
    all.push_back(depthwise_backward_data<Bfloat16>(s));
    all.push_back(depthwise_backward_weights<float>(s));
    all.push_back(depthwise_backward_weights<Bfloat16>(s));
  }
  const DepthwiseShape s{2, 6, 7, 32, 1, 1, 1};
  all.push_back(depthwise_forward<float>(s, 1));
  all.push_back(depthwise_backward_data<Bfloat16>(s, 1));
  all.push_back(depthwise_backward_weights<float>(s, 1));
}

// Labels below `classes`, and every fifth pixel void.
std::vector<std::uint8_t> pixel_labels(std::int64_t count, std::int64_t classes) {
  const std::vector<std::int32_t> drawn =
      random_labels(count, 84, static_cast<std::int32_t>(classes));
  std::vector<std::uint8_t> labels(drawn.begin(), drawn.end());
  for (std::size_t i = 3; i < labels.size(); i += 5) labels[i] = 255;
  return labels;
}

std::string loss_name(std::int64_t pixels, std::int64_t classes, bool weighted,
                      const PixelLoss& of_pixel) {
  return size_name(pixels, classes) + (weighted ? "_weighted_" : "_") +
         std::to_string(static_cast<int>(of_pixel.kind));
}

BlockCase pixel_losses(std::int64_t pixels, std::int64_t classes, bool weighted,
                       const PixelLoss& of_pixel) {
  return {"PixelLosses_" + loss_name(pixels, classes, weighted, of_pixel), typeid(PixelLosses),
          [=](How how) {
            const std::int64_t images = 3, blocks = PixelLosses::blocks(pixels);
            const std::vector<float> logits =
                                         random_values(images * pixels * classes, 85, -9.f, 9.f),
                                     weight = random_values(classes, 86, 0.f, 2.f);
            const std::vector<std::uint8_t> label = pixel_labels(images * pixels, classes);
            std::vector<float> loss = unwritten(images * blocks), right = loss, counted = loss,
                               total = loss;
            run(how,
                PixelLosses{view(logits),
                            view(label),
                            weighted ? view(weight) : Array<const float>{},
                            {view(loss), view(right), view(counted), view(total)},
                            pixels,
                            classes,
                            of_pixel},
                images * blocks);
            return joined({loss, right, counted, total});
          }};
}

BlockCase pixel_losses_backward(std::int64_t pixels, std::int64_t classes, bool weighted,
                                const PixelLoss& of_pixel) {
  return {"PixelLossesBackward_" + loss_name(pixels, classes, weighted, of_pixel),
          typeid(PixelLossesBackward), [=](How how) {
            const std::int64_t images = 3;
            const std::vector<float> logits =
                                         random_values(images * pixels * classes, 85, -9.f, 9.f),
                                     weight = random_values(classes, 86, 0.f, 2.f), dloss = {0.7f},
                                     factor = {0.03f};
            const std::vector<std::uint8_t> label = pixel_labels(images * pixels, classes);
            std::vector<float> dlogits = unwritten(images * pixels * classes);
            run(how,
                PixelLossesBackward{view(logits), view(label),
                                    weighted ? view(weight) : Array<const float>{}, view(dloss),
                                    weighted ? view(factor) : Array<const float>{}, view(dlogits),
                                    pixels, classes},
                images * PixelLosses::blocks(pixels));
            return dlogits;
          }};
}

BlockCase sum_pixel_blocks(std::int64_t blocks) {
  return {"SumPixelBlocks_" + std::to_string(blocks), typeid(SumPixelBlocks), [=](How how) {
            const std::int64_t images = 3;
            std::vector<float> a = random_values(images * blocks, 87),
                               b = random_values(images * blocks, 88),
                               c = random_values(images * blocks, 89),
                               d = random_values(images * blocks, 90);
            std::vector<float> loss = unwritten(images), right = loss, counted = loss,
                               weight = loss;
            run(how,
                SumPixelBlocks{{view(a), view(b), view(c), view(d)},
                               {view(loss), view(right), view(counted), view(weight)},
                               blocks},
                images);
            return joined({loss, right, counted, weight});
          }};
}

BlockCase resize_axis_backward(std::int64_t in, std::int64_t out, std::int64_t inner) {
  return {"ResizeAxisBackward_" + std::to_string(in) + "_to_" + std::to_string(out) + "_of_" +
              std::to_string(inner),
          typeid(ResizeAxisBackward), [=](How how) {
            const std::vector<float> dy = random_values(2 * out * inner, 91);
            std::vector<float> dx = unwritten(2 * in * inner);
            run(how, ResizeAxisBackward{view(dy), view(dx), in, out, inner}, 2 * in);
            return dx;
          }};
}

}  // namespace

std::vector<BlockCase> segmentation_block_cases() {
  std::vector<BlockCase> all;
  add_depthwise(all);
  for (const bool weighted : {false, true}) {
    for (const auto& [pixels, classes] :
         {std::pair{1, 1}, std::pair{255, 2}, std::pair{600, 21}, std::pair{257, 255}}) {
      all.push_back(pixel_losses(pixels, classes, weighted, {}));
      all.push_back(pixel_losses_backward(pixels, classes, weighted, {}));
    }
  }
  for (const PixelLossKind kind :
       {PixelLossKind::masked, PixelLossKind::segpgd, PixelLossKind::cospgd,
        PixelLossKind::jensen_shannon, PixelLossKind::masked_spherical, PixelLossKind::cosine}) {
    PixelLoss of_pixel;
    of_pixel.kind = kind;
    of_pixel.share = 0.3f;
    all.push_back(pixel_losses(300, 11, true, of_pixel));
    all.push_back(pixel_losses_backward(300, 11, true, of_pixel));
  }
  all.push_back(sum_pixel_blocks(1));
  all.push_back(sum_pixel_blocks(1029));
  all.push_back(resize_axis_backward(1, 9, 3));
  all.push_back(resize_axis_backward(12, 96, 200));
  all.push_back(resize_axis_backward(33, 513, 21));
  all.push_back(resize_axis_backward(7, 3, 5));
  all.push_back(resize_axis_backward(9, 9, 130));
  return all;
}

}  // namespace saddle::testing_support
