#include "apps/reproduce/wording.h"

namespace saddle::reproduce {

const Wording& wording_of(Task task) {
  static constexpr Wording classification = {.score = "accuracy",
                                             .scores_in_percent = "Accuracies in percent",
                                             .examples = "images",
                                             .attacked = "the attacks' of",
                                             .robustness = "robustness",
                                             .plain = "SGD",
                                             .plain_flag = "sgd"};
  static constexpr Wording segmentation = {.score = "mIoU",
                                           .scores_in_percent = "mIoU in percent",
                                           .examples = "images",
                                           .attacked = "the attacks' of",
                                           .robustness = "robustness",
                                           .plain = "SGD",
                                           .plain_flag = "sgd"};
  static constexpr Wording of_texts = {
      .score = "accuracy",
      .scores_in_percent =
          "Natural accuracy and attack success rates (ASR, lower is more robust) in percent",
      .examples = "texts",
      .attacked = "the attacks' success rates of those named rightly among",
      .robustness = "attack success rate",
      .plain = "AdamW",
      .plain_flag = "adamw"};
  if (task == Task::text) return of_texts;
  return task == Task::segmentation ? segmentation : classification;
}

}  // namespace saddle::reproduce
