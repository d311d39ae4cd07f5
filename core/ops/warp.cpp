#include "core/attack_ops.h"
#include "kernels/elementwise.h"
#include "kernels/reductions.h"
#include "kernels/warp.h"

namespace saddle {
namespace {

void check_flow(const char* op, const Shape& flow) {
  require(flow.rank() == 4 && flow[3] == 2 && flow[1] > 0 && flow[2] > 0, op, ": a flow ", flow,
          " must be [N, H, W, 2]");
}

// The [1] sum of what rows lost.
Tensor sum_of(const Tensor& losses) {
  const Tensor total(losses.device(), {1});
  launch(losses.device(), SumAll{losses.array(), total.array(), 1.f, 0.f}, 1);
  return total;
}

}  // namespace

Var warp(Tape& tape, const Tensor& images, const Var& flow, WarpBorder border) {
  check_flow("warp", flow.shape());
  const Shape& shape = images.shape();
  require(shape.rank() == 4 && shape[0] == flow.shape()[0] && shape[1] == flow.shape()[1] &&
              shape[2] == flow.shape()[2],
          "warp: images ", shape, " and flow ", flow.shape(), " differ in N, H or W");
  Device& device = flow.device();
  const std::int64_t rows = shape[0], pixels = shape[1] * shape[2];
  const Tensor y(device, shape);
  const Warp kernel{images.array(), flow.value().array(), y.array(), shape[1], shape[2], shape[3],
                    border};
  launch(device, kernel, rows, pixels);
  return tape.record(y, {flow}, [=, &device](const Tensor& dy) {
    const Tensor dflow = flow.gradient_memory();
    const Warp forward{images.array(), flow.value().array(), {}, shape[1], shape[2], shape[3],
                       border};
    launch(device, WarpBackward{forward, dy.array(), dflow.array()}, rows, pixels);
    flow.add_gradient(dflow);
  });
}

LossValue flow_roughness(Tape& tape, const Var& flow, float weight, Smoothness smoothness) {
  check_flow("flow_roughness", flow.shape());
  Device& device = flow.device();
  const Shape& shape = flow.shape();
  const std::int64_t rows = shape[0], columns = shape[1] * shape[2] * 2;
  const Tensor losses(device, {rows}), norms(device, {rows, 2});
  const FlowField field{flow.value().array(), shape[1], shape[2], smoothness};
  launch(device, FlowRoughness{field, losses.array(), norms.array(), weight}, rows);
  const Var loss = tape.record(sum_of(losses), {flow}, [=, &device](const Tensor& dloss) {
    const Tensor dflow = flow.gradient_memory();
    launch(device,
           FlowRoughnessBackward{field, norms.array(), dloss.array(), dflow.array(), weight}, rows,
           columns);
    flow.add_gradient(dflow);
  });
  return {loss, losses, {}};
}

LossValue hinged_margin(Tape& tape, const Var& logits, const Tensor& labels, float kappa) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 2 && shape[1] >= 2, "hinged_margin: logits ", shape,
          " must be [N, classes] of at least two classes");
  require(labels.count() == shape[0], "hinged_margin: ", shape[0], " rows of logits, ",
          labels.count(), " labels");
  Device& device = logits.device();
  const Tensor losses(device, {shape[0]}), dlogits(device, shape);
  launch(device,
         HingedMargin{logits.value().array(), labels.array<std::int32_t>(), losses.array(),
                      dlogits.array(), shape[1], kappa},
         shape[0]);
  const Var loss = tape.record(sum_of(losses), {logits}, [=, &device](const Tensor& dloss) {
    const Tensor dx = logits.gradient_memory();
    launch(device, ScaleByScalar{dlogits.array(), dloss.array(), dx.array()}, dx.count());
    logits.add_gradient(dx);
  });
  return {loss, losses, {}};
}

}  // namespace saddle
