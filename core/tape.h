// Tape and Var: reverse-mode differentiation on one page.
//
// Every op appends itself to the tape, so the order of appending is a topological order and a
// reverse walk is the backward pass. What wants no gradient is not recorded. Inputs:
//   Tape tape;
//   Var x = tape.input(images, Gradient::wanted);
//   Var loss = ...ops(tape, x)...;
//   tape.backward(loss);            // then x.gradient() holds dloss/dx
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace saddle {

enum class Gradient { wanted, none };

// A value in a computation, and the gradient that reaches it. Copies share both.
class Var {
 public:
  Var() = default;  // empty: no value, converts to false
  Var(Tensor value, Gradient gradient)
      : state_(std::make_shared<State>(State{std::move(value), gradient, {}, {}, {}})) {}
  // A parameter: its gradient is written into `destination` (a slot of the f32 gradient buffer).
  Var(Tensor value, Tensor destination)
      : Var(std::move(value), std::move(destination), std::make_shared<bool>(false)) {}

  explicit operator bool() const { return state_ != nullptr; }
  const Tensor& value() const { return state_->value; }
  const Shape& shape() const { return state_->value.shape(); }
  Device& device() const { return state_->value.device(); }
  bool wants_gradient() const { return state_->wanted == Gradient::wanted; }

  // What has reached this value so far; empty where nothing has, and for a parameter.
  const Tensor& gradient() const { return state_->gradient; }
  // Where a parameter's gradient goes; empty for everything else.
  const Tensor& destination() const { return state_->destination; }

  // The element type of the gradient: the value's, but f32 for a parameter, whose value may be the
  // rounded copy of f32 weights.
  DType gradient_type() const {
    return state_->destination ? state_->destination.dtype() : state_->value.dtype();
  }
  // For an op's backward: memory for its contribution. A parameter's first contribution is written
  // straight into the gradient buffer; everything else gets fresh memory.
  Tensor gradient_memory() const;
  // Adds a contribution: kept as it is where it is the first, summed into fresh memory where not (a
  // first contribution may be shared with another value, so it is never changed in place).
  void add_gradient(const Tensor& contribution) const;
  // Takes what has reached this value out of it, for an op that fuses the sum into its own kernel.
  Tensor take_gradient() const { return std::exchange(state_->gradient, Tensor()); }

 private:
  friend class Tape;

  struct State {
    Tensor value;
    Gradient wanted;
    Tensor gradient;
    Tensor destination;             // parameters only
    std::shared_ptr<bool> written;  // whether the destination holds a contribution of this pass
  };
  Var(Tensor value, Tensor destination, std::shared_ptr<bool> written)
      : state_(std::make_shared<State>(State{
            std::move(value), Gradient::wanted, {}, std::move(destination), std::move(written)})) {}

  std::shared_ptr<State> state_;
};

// For an op's backward: runs `work`, which adds to the gradient of a weight. Where that goes to its
// place in the gradient buffer, which nobody reads before the walk has ended, it is asked for
// beside the rest of the walk (Device::beside); so `work` holds the tensors that it reads.
void add_beside(const Var& weight, std::function<void()> work);

class Tape {
 public:
  // A value that no op made.
  Var input(Tensor value, Gradient gradient) { return Var(std::move(value), gradient); }
  // A parameter, as Var's. A loss may run the network twice (TRADES): contributions from all uses
  // of one destination add up, whichever of them comes first.
  Var parameter(Tensor value, Tensor destination);

  // The result of an op. `backward` receives the gradient of `value` and adds to the gradients of
  // those inputs that want one; it is kept only where an input does.
  Var record(Tensor value, const std::vector<Var>& inputs,
             std::function<void(const Tensor& dy)> backward);

  // Walks the tape backwards from a one-element `loss`, dloss/dloss = 1, and empties it. Gradients
  // of values between are freed on the way; those of inputs and parameters stay.
  void backward(const Var& loss);

 private:
  struct Node {
    Var output;
    std::function<void(const Tensor& dy)> backward;
  };
  struct Written {
    Tensor destination;  // kept, so that its address stays its own
    std::shared_ptr<bool> flag;
  };
  std::vector<Node> nodes_;
  std::map<const void*, Written> written_;  // by the destination's address
};

}  // namespace saddle
