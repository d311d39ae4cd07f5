#include "apps/segment/pixel_results.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace saddle {
namespace {

// A batch of a job: the attempts of the attack on it, and the best of each image.
class AttackedBatch {
 public:
  AttackedBatch(const LogitsFunction& logits, const SegmentationSet& set, const PixelJob& job,
                const PixelRunOptions& options, const std::vector<std::int32_t>& indices,
                Device& device, std::vector<PixelResult>& results)
      : logits_(logits),
        set_(set),
        job_(job),
        options_(options),
        indices_(indices),
        batch_(whole_images(device, set, indices, options.range)),
        clean_(batch_.inputs.to_host<float>()),
        results_(results) {}

  void run() {
    for (std::int64_t attempt = 0; attempt < job_.attack.restarts; ++attempt) {
      PassCounts counts;
      const PixelAttackInput input{
          options_.climbed ? options_.climbed : logits_, batch_,  options_.balance,
          static_cast<std::uint32_t>(attempt),           &counts, observer(attempt)};
      judge(results_.back(), job_.attack.run(input), attempt);
      for (PixelResult& result : results_) {
        // What observes has taken one pass of each kind a step and image.
        const std::int64_t to_come = std::ssize(indices_) * (job_.attack.steps - result.steps);
        result.passes.forward += counts.forward - to_come;
        result.passes.backward += counts.backward - to_come;
      }
    }
  }

 private:
  std::function<void(int, const Tensor&)> observer(std::int64_t attempt) {
    if (job_.stops.empty()) return {};
    return [this, attempt](int steps, const Tensor& answer) {
      const auto stop = std::ranges::find(job_.stops, steps);
      if (stop == job_.stops.end()) return;
      judge(results_[static_cast<std::size_t>(stop - job_.stops.begin())], answer, attempt);
    };
  }

  // By a forward pass of the very tensor that is stored.
  void judge(PixelResult& result, const Tensor& adversarial, std::int64_t attempt) {
    const JudgedPixels judged = judge_pixels(logits_, adversarial, batch_.targets, set_.classes);
    const std::vector<float> images = adversarial.to_host<float>();
    const std::size_t size = images.size() / indices_.size(),
                      area = judged.predictions.size() / indices_.size();
    for (std::size_t row = 0; row < indices_.size(); ++row) {
      const auto image = static_cast<std::size_t>(indices_[row]);
      require(std::isfinite(judged.losses[row]), "attack ", result.spec, ": the loss of image ",
              set_.images[image].id, " is ", judged.losses[row]);
      Confusion confusion(set_.classes);
      confusion.add(set_.labels_of(indices_[row]),
                    std::span(judged.predictions).subspan(row * area, area));
      if (attempt > 0 && confusion.right() >= result.images[image].right()) continue;
      const auto own = std::span(images).subspan(row * size, size);
      measure(result, image, own, std::span(clean_).subspan(row * size, size));
      const std::int64_t pixels = confusion.pixels();
      result.cross_entropy[image] =
          pixels > 0 ? judged.losses[row] / static_cast<double>(pixels) : 0;
      result.images[image] = std::move(confusion);
      result.done[image] = 1;
      if (indices_[row] < options_.images_kept)
        result.adversarial[image].assign(own.begin(), own.end());
    }
  }

  // An attack that breaks its promises is at fault, and never a success.
  void measure(PixelResult& result, std::size_t image, std::span<const float> adversarial,
               std::span<const float> clean) const {
    double linf = 0, square = 0;
    for (std::size_t i = 0; i < clean.size(); ++i) {
      require(adversarial[i] >= 0 && adversarial[i] <= 1, "attack ", result.spec, ": image ",
              set_.images[image].id, " has a pixel value of ", adversarial[i], ", outside [0, 1]");
      const double change = std::fabs(static_cast<double>(adversarial[i]) - clean[i]);
      linf = std::max(linf, change);
      square += change * change;
    }
    result.linf[image] = linf;
    result.l2[image] = std::sqrt(square);
    const double norm = result.ball.norm == Norm::linf ? linf : result.l2[image];
    require(norm <= result.ball.eps + slack_of(result.ball), "attack ", result.spec, ": image ",
            set_.images[image].id, " is at the distance ", norm, ", beyond eps ", result.ball.eps);
  }

  const LogitsFunction& logits_;
  const SegmentationSet& set_;
  const PixelJob& job_;
  const PixelRunOptions& options_;
  const std::vector<std::int32_t>& indices_;
  Batch batch_;
  std::vector<float> clean_;
  std::vector<PixelResult>& results_;
};

// Those of a batch that are left.
std::vector<std::int32_t> left_of(std::vector<std::int32_t> indices, const PixelResult& result) {
  std::erase_if(indices, [&](std::int32_t i) { return result.done[static_cast<std::size_t>(i)]; });
  return indices;
}

}  // namespace

bool PixelResult::finished() const {
  return std::ranges::all_of(done, [](std::uint8_t is) { return is != 0; });
}

std::vector<PixelResult> new_results(const PixelJob& job, std::int64_t images,
                                     std::int64_t classes) {
  const auto n = static_cast<std::size_t>(images);
  PixelResult empty;
  empty.name = job.attack.name;
  empty.spec = job.attack.spec;
  empty.loss = job.attack.loss;
  empty.ball = job.attack.ball;
  empty.images.assign(n, Confusion(classes));
  empty.linf.assign(n, 0);
  empty.l2.assign(n, 0);
  empty.cross_entropy.assign(n, 0);
  empty.done.assign(n, 0);
  empty.adversarial.resize(n);
  std::vector<PixelResult> results(job.stops.size() + 1, empty);
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].steps = i < job.stops.size() ? job.stops[i] : job.attack.steps;
    results[i].at_end = i == job.stops.size();
    if (!results[i].at_end) results[i].spec += text(" after ", job.stops[i]);
  }
  return results;
}

void run_pixel_job(const LogitsFunction& logits, Device& device, const SegmentationSet& set,
                   const PixelJob& job, const PixelRunOptions& options,
                   std::vector<PixelResult>& results,
                   const std::function<void(std::int64_t images)>& after_batch) {
  using Clock = std::chrono::steady_clock;
  for (const auto& batch : batches_of_equal_size(set, options.batch_size)) {
    const std::vector<std::int32_t> indices = left_of(batch, results.back());
    if (indices.empty()) continue;
    const auto start = Clock::now();
    AttackedBatch(logits, set, job, options, indices, device, results).run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    for (PixelResult& result : results) result.seconds += seconds;
    after_batch(static_cast<std::int64_t>(indices.size()));
  }
}

}  // namespace saddle
