// saddle-segment: trains networks that label every pixel, with SGD, Adam(W) or SAM, on clean or
// adversarial images, and attacks them.
#include <iostream>

#include "apps/common/settings.h"
#include "apps/segment/attack_program.h"
#include "apps/segment/predict.h"
#include "apps/segment/segmentation.h"
#include "core/format.h"

namespace saddle {
namespace {

SubCommand train_command(SegmentTrainOptions& options) {
  return {"train", "Trains a segmentation network.",
          [&options](CLI::App& app) {
            add_common_options(app, options.common);
            add_settings(app, settings_of(options));
            add_sharpness_flags(app, options.descent.sharpness, kSegmentDescent.sam_rho);
          },
          [&options] {
            const TrainResult result = train(resolved(options));
            std::cout << formatted(
                             "test mIoU %.2f %% (best test mIoU %.2f %%), pixel accuracy %.2f %%, ",
                             result.score("test_miou"), result.best,
                             result.score("test_pixel_accuracy"))
                      << "checkpoint " << options.run.output << "/last.safetensors" << std::endl;
          }};
}

SubCommand attack_command(SegmentAttackOptions& options) {
  return {"attack", "Measures how robust a segmentation network is.",
          [&options](CLI::App& app) { add_flags(app, options); }, [&options] { attack(options); }};
}

SubCommand predict_command(PredictOptions& options) {
  return {"predict", "Labels the pixels of your own images.",
          [&options](CLI::App& app) { add_flags(app, options); }, [&options] { predict(options); }};
}

}  // namespace
}  // namespace saddle

int main(int argc, char** argv) {
  saddle::SegmentTrainOptions train;
  saddle::SegmentAttackOptions attack;
  saddle::PredictOptions predict;
  return saddle::run_commands("saddle-segment", "Semantic segmentation.", argc, argv,
                              {saddle::train_command(train), saddle::attack_command(attack),
                               saddle::predict_command(predict)});
}
