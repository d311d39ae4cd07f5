// Dilation: how the backbones of segmentation networks turn strides into dilations.
#pragma once

#include <cstdint>

#include "core/error.h"

namespace saddle {

// Chen et al. 2017, "Rethinking atrous convolution": once the features are `output_stride` times
// smaller than the image, a stage's stride multiplies the dilation instead, so that the later
// kernels, pretrained or not, see what they would have seen. It does so from the stage's second
// block on; the first still stands where a strided one would.
class Dilation {
 public:
  struct Stage {
    std::int64_t stride;         // of the first block
    std::int64_t first, others;  // dilations
  };

  // `stride`: of what comes before the first stage. `network` begins the message of finish().
  Dilation(const char* network, std::int64_t stride, std::int64_t output_stride)
      : network_(network), stride_(stride), output_stride_(output_stride) {}

  Stage next(std::int64_t stage_stride) {
    const std::int64_t before = dilation_;
    if (stride_ == output_stride_) {
      dilation_ *= stage_stride;
      return {1, before, dilation_};
    }
    stride_ *= stage_stride;
    return {stage_stride, before, dilation_};
  }
  // After all stages. Throws Error for an output stride that they do not pass through.
  void finish() const {
    require(stride_ == output_stride_, network_, ": an output stride of ", output_stride_,
            " is not to be had. Take 8 or 16");
  }

 private:
  const char* network_;
  std::int64_t stride_, output_stride_, dilation_ = 1;
};

}  // namespace saddle
