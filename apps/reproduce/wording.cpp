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
  return task == Task::segmentation ? segmentation : classification;
}

}  // namespace saddle::reproduce
