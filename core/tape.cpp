#include "core/tape.h"

#include "core/element_type.h"
#include "kernels/elementwise.h"

namespace saddle {

Tensor Var::gradient_memory() const {
  if (state_->destination && !*state_->written) return state_->destination;
  return Tensor(device(), shape(), gradient_type());
}

void Var::add_gradient(const Tensor& contribution) const {
  State& state = *state_;
  require(contribution.count() == state.value.count(), "tape: a gradient of shape ",
          contribution.shape(), " reached a value of shape ", shape());
  require(contribution.dtype() == gradient_type(), "tape: a gradient of type ",
          name_of(contribution.dtype()), " reached a value whose gradient is ",
          name_of(gradient_type()));
  if (state.destination) {
    if (*state.written) {
      launch(device(), AddTo{contribution.array(), state.destination.array()},
             contribution.count());
    } else if (!contribution.same_memory(state.destination)) {
      state.destination.copy_from(contribution);
    }
    *state.written = true;
  } else if (!state.gradient) {
    state.gradient = contribution;
  } else {
    const Tensor sum(device(), shape(), gradient_type());
    with_element_type("tape", sum.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device(), Add<T>{state.gradient.array<T>(), contribution.array<T>(), sum.array<T>()},
             sum.count());
    });
    state.gradient = sum;
  }
}

void add_beside(const Var& weight, std::function<void()> work) {
  if (weight.destination()) {
    weight.device().beside(std::move(work));
  } else {
    work();
  }
}

Var Tape::parameter(Tensor value, Tensor destination) {
  Written& written = written_[destination.data<float>()];
  if (!written.flag) written = {destination, std::make_shared<bool>(false)};
  return Var(std::move(value), std::move(destination), written.flag);
}

Var Tape::record(Tensor value, const std::vector<Var>& inputs,
                 std::function<void(const Tensor& dy)> backward) {
  bool wanted = false;
  for (const Var& input : inputs) wanted = wanted || input.wants_gradient();
  Var output(std::move(value), wanted ? Gradient::wanted : Gradient::none);
  if (wanted) nodes_.push_back({output, std::move(backward)});
  return output;
}

void Tape::backward(const Var& loss) {
  require(loss.value().count() == 1, "tape: backward starts from one number, the loss has shape ",
          loss.shape());
  require(loss.wants_gradient(), "tape: nothing the loss depends on wants a gradient");
  loss.add_gradient(Tensor::filled(loss.device(), loss.shape(), 1.f));
  while (!nodes_.empty()) {
    Node node = std::move(nodes_.back());
    nodes_.pop_back();  // with the node go the activations it held
    const Tensor dy = node.output.take_gradient();
    if (dy) node.backward(dy);
  }
  written_.clear();
  loss.device().join();
}

}  // namespace saddle
