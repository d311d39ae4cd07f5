// saddle-train: trains an image classifier with SGD, Adam(W) or SAM, on clean or adversarial
// images.
#include <iostream>

#include "apps/common/settings.h"
#include "apps/train/classification.h"

namespace {

void add_flags(CLI::App& app, saddle::TrainOptions& options) {
  add_common_options(app, options.common);
  add_dataset_options(app, options.dataset, saddle::DatasetSplits::train_and_test);
  add_settings(app, settings_of(options));
  add_sharpness_flags(app, options.descent.sharpness);
}

}  // namespace

int main(int argc, char** argv) {
  saddle::TrainOptions options;
  return saddle::run_program(
      "saddle-train", "Trains an image classifier.", argc, argv,
      [&](CLI::App& app) { add_flags(app, options); },
      [&] {
        const saddle::TrainOptions resolved = saddle::resolved(options);
        const saddle::TrainResult result = saddle::train(resolved);
        const bool by_test = resolved.select == "clean" && !resolved.validation;
        std::cout << "test accuracy " << result.score("test_accuracy") << " % (best "
                  << (by_test ? "" : selected_by(resolved) + " ") << result.best
                  << " %), checkpoint " << options.run.output << "/last.safetensors" << std::endl;
      });
}
