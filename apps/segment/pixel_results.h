// PixelResults: what attacks on a segmentation set came to.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/segment/evaluate_pixels.h"
#include "apps/segment/pixel_attack.h"

namespace saddle {

// One attack, or what it was after fewer steps, over all images.
struct PixelResult {
  std::string name, spec, loss;
  Ball ball;
  int steps = 0;
  bool at_end = true;                 // else what the attack was on its way
  std::vector<Confusion> images;      // [N]
  std::vector<double> linf, l2;       // [N]: of the adversarial image minus the image
  std::vector<double> cross_entropy;  // [N]: mean over the pixels with a class, 0 where none has
  std::vector<std::uint8_t> done;     // [N]: 1 where the image has been attacked
  Passes passes;                      // forward and backward, of all images, up to `steps`
  double seconds = 0;                 // of the attack to its end
  // Of the images of which they were to be kept, [H, W, C]; else empty.
  std::vector<std::vector<float>> adversarial;
  std::vector<std::string> warnings = {};

  bool finished() const;
};

// An attack that is to be run, and after how many steps it is judged besides at its end, ascending.
struct PixelJob {
  PixelAttack attack;
  std::vector<int> stops = {};
};
// A result for each stop and one for the end, with nothing in it.
std::vector<PixelResult> new_results(const PixelJob& job, std::int64_t images,
                                     std::int64_t classes);

struct PixelRunOptions {
  PixelRange range = PixelRange::plain;
  std::int64_t batch_size = 8;
  Tensor balance = {};           // see PixelAttackInput
  std::int64_t images_kept = 0;  // of how many, from the first, the adversarial images are kept
  LogitsFunction climbed = {};   // what the attack sees, where that is not what is judged
};

// Runs the job on what of `results` is not done, in batches of images of one size, and calls
// `after_batch` behind each with the number of its images. Throws Error where an attack leaves its
// ball or the pixel range.
void run_pixel_job(const LogitsFunction& logits, Device& device, const SegmentationSet& set,
                   const PixelJob& job, const PixelRunOptions& options,
                   std::vector<PixelResult>& results,
                   const std::function<void(std::int64_t images)>& after_batch);

}  // namespace saddle
