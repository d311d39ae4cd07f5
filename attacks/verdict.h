// Verdict on images in a ball: what the model says of the images that an attack returned, in f32,
// and whether they keep to the pixel range and to the radius.
//
// It is a forward pass of the very tensor that is stored, never a value from inside the attack. An
// attack that breaks its promises is at fault: an Error, and never a success.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attacks/answers.h"
#include "attacks/pgd.h"
#include "attacks/queue.h"

namespace saddle {

// "linf", "l2", "l1"
std::string norm_name(Norm norm);

// The bound an attack promises to keep.
struct Ball {
  Norm norm = Norm::linf;
  double eps = 0;  // pixel range [0, 1]
};

// How far beyond its bound rounding may take a norm.
double slack_of(const Ball& ball);

// Which class a targeted attack wants an example to be taken for; that, and nothing less, is its
// success. What is of that class already is not attacked.
struct Aim {
  // least: the class of the smallest logit on the clean image, but not the label. random: any but
  // the label, drawn from seed and example.
  enum class At { one_class, least, random };
  At at = At::least;
  std::int32_t to = 0;     // one_class
  std::uint64_t seed = 0;  // random
};

// Whom an attack sees. Of `correct_only` the rest is returned unchanged and counts as not robust;
// under `all` a clean error may be turned into a right answer and then counts as robust.
enum class AttackedExamples { correct_only, all };

// The examples under attack: on which device, how many, and how a batch of some is made.
struct Examples {
  Device* device;
  std::int64_t count;
  std::function<Batch(const std::vector<std::int32_t>& examples)> batch;
};

// What is known of one image. Norms are of the stored image minus the clean one.
struct ImageRecord {
  std::int32_t label = 0, clean_prediction = 0, prediction = 0;
  std::int32_t changed_pixels = 0;  // in any channel
  double linf = 0, l2 = 0, l1 = 0;
  double cross_entropy = 0, margin = 0;  // of the stored image; margin z_y - max of the others
};

struct ImageVerdictOptions {
  std::optional<Ball> ball;  // empty: only the pixel range is checked
  std::optional<Aim> aim;    // empty: at any class but the label
  std::int64_t batch_size = 128;
};

class ImageVerdict {
 public:
  // `clean` is what the model says of the images as they are.
  ImageVerdict(const LogitsFunction& logits, const Examples& examples, const Evaluation& clean,
               const ImageVerdictOptions& options);

  // [N]: 1 where the attack is to see the example.
  std::vector<std::uint8_t> attacked(AttackedExamples which) const;

  // The three questions of the queue, see Verdict.
  Batch batch(const std::vector<std::int32_t>& examples) const;
  RowVerdicts judge(const std::vector<std::int32_t>& examples, const Batch& batch,
                    const Tensor& adversarial);
  double robust_accuracy(std::int64_t standing) const;

  double robust_accuracy() const;  // percent of all, of what is kept so far

  // Whether such a record can be kept of the example, given what the queue says became of it.
  bool fits(const ImageRecord& record, const Outcome& outcome, std::size_t example) const;
  // Throws Error where the image was not what was measured; for a verdict that has judged nothing.
  void check_image(const ImageRecord& record, std::span<const float> image,
                   std::size_t example) const;
  void keep(const ImageRecord& record, std::size_t example) { records_[example] = record; }
  void keep(std::span<const float> image, std::size_t example);

  const std::vector<ImageRecord>& records() const { return records_; }  // [N]
  const std::vector<float>& images() const { return images_; }          // [N, H, W, C]
  std::span<const float> image(std::size_t example) const;

 private:
  void add(const Batch& batch, const Evaluation& clean);
  bool is_success(std::int32_t prediction, std::size_t example) const;

  const LogitsFunction& logits_;
  Examples examples_;
  ImageVerdictOptions options_;
  std::int64_t classes_, channels_ = 1;
  std::vector<std::int32_t> aims_;  // [N]; empty: not targeted
  std::vector<ImageRecord> records_;
  std::vector<float> images_;
};

}  // namespace saddle
