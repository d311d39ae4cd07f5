// saddle-text: trains networks that name texts, with AdamW or SAM, on clean or adversarial
// embeddings, attacks them word by word, and asks them about texts.
#include <iostream>

#include "apps/common/settings.h"
#include "apps/text/attack_program.h"
#include "apps/text/build_bank.h"
#include "apps/text/predict.h"
#include "apps/text/text_classification.h"
#include "core/format.h"

namespace saddle {
namespace {

SubCommand train_command(TextTrainOptions& options) {
  return {"train", "Fine-tunes a network for text.",
          [&options](CLI::App& app) {
            add_common_options(app, options.common);
            add_settings(app, settings_of(options));
            add_sharpness_flags(app, options.descent.sharpness, kTextDescent.sam_rho);
          },
          [&options] {
            const TrainResult result = train(resolved(options));
            std::cout << formatted("test accuracy %.2f %%, test loss %.4f, checkpoint ",
                                   result.score("test_accuracy"), result.score("test_loss"))
                      << options.run.output << "/last.safetensors" << std::endl;
          }};
}

SubCommand attack_command(TextAttackProgramOptions& options) {
  return {"attack", "Measures how robust a network is to other words.",
          [&options](CLI::App& app) { add_flags(app, options); }, [&options] { attack(options); }};
}

SubCommand build_bank_command(BuildBankOptions& options) {
  return {"build-bank", "Writes WordNet's synonyms of words as a bank of substitutes.",
          [&options](CLI::App& app) { add_flags(app, options); },
          [&options] { build_bank(options); }};
}

SubCommand predict_command(TextPredictOptions& options) {
  return {"predict", "Names your own texts.",
          [&options](CLI::App& app) { add_flags(app, options); }, [&options] { predict(options); }};
}

}  // namespace
}  // namespace saddle

int main(int argc, char** argv) {
  saddle::TextTrainOptions train;
  saddle::TextAttackProgramOptions attack;
  saddle::TextPredictOptions predict;
  saddle::BuildBankOptions build_bank;
  return saddle::run_commands(
      "saddle-text", "Text classification.", argc, argv,
      {saddle::train_command(train), saddle::attack_command(attack),
       saddle::predict_command(predict), saddle::build_bank_command(build_bank)});
}
