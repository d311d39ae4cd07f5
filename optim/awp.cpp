#include "optim/awp.h"

#include "kernels/awp.h"

namespace saddle {
namespace {

// 16384 elements: the largest tensors give work to more than a hundred blocks.
constexpr std::int64_t kPieceLines = 1024;

Tensor on_device(Device& device, const std::vector<std::int32_t>& values) {
  return Tensor::from_host(device, {static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace

AwpRule::AwpRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options)
    : gamma_(options.rho), warmup_(options.awp_warmup), v_(layout.zeros(device)) {
  const auto is_perturbed = [](const Slot& slot) {
    return slot.shape.rank() > 1 && slot.kind == SlotKind::weight;
  };
  const std::vector<float> perturbed = flags_of_slots(layout, is_perturbed);
  scale_ = SlotMap(device, layout, perturbed);
  perturbed_ = Tensor::from_host(device, scale_.tensor().shape(), perturbed);

  std::vector<std::int32_t> begin, first;
  for (std::size_t number = 0; number < layout.slots().size(); ++number) {
    first.push_back(static_cast<std::int32_t>(begin.size()));
    const bool last = number + 1 == layout.slots().size();
    const std::int64_t end = last ? layout.size() : layout.slots()[number + 1].offset;
    for (std::int64_t line = layout.slots()[number].offset / kLine; line < end / kLine;
         line += kPieceLines) {
      begin.push_back(static_cast<std::int32_t>(line));
    }
  }
  first.push_back(static_cast<std::int32_t>(begin.size()));
  begin.push_back(static_cast<std::int32_t>(layout.size() / kLine));
  piece_begin_ = on_device(device, begin);
  first_piece_ = on_device(device, first);
}

Tensor AwpRule::partial_squares(const Tensor& x) const {
  const std::int64_t pieces = piece_begin_.count() - 1;
  const Tensor partial(x.device(), {pieces});
  launch(x.device(), PieceSquares{x.array(), piece_begin_.array<std::int32_t>(), partial.array()},
         pieces);
  return partial;
}

void AwpRule::gradient(const RuleStep& step) const {
  step.objective.gradient(step.w, step.g, {GradientAt::weights});
  Device& device = step.g.device();
  const Tensor of_w = partial_squares(step.w.values), of_g = partial_squares(step.g);
  launch(device,
         AwpScale{of_w.array(), of_g.array(), first_piece_.array<std::int32_t>(),
                  perturbed_.array(), scale_.tensor().array()},
         perturbed_.count());
  launch(device,
         AwpPerturb{step.w.values.array(), step.g.array(), scale_.values(), v_.array(),
                    step.w_hat.values.array(), rounded_copy(step.w_hat), step.rho.array()},
         step.g.count());
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights});
}

void AwpRule::come_back(const Parameters& w, const Parameters& w_hat) const {
  launch(v_.device(),
         AwpReturn{w_hat.values.array(), v_.array(), w.values.array(), rounded_copy(w)},
         v_.count());
}

}  // namespace saddle
