#include "core/cuda/cudnn_graph.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/cuda/check.h"
#include "core/error.h"
#include "core/shape.h"

namespace saddle::cudnn {
namespace {

// Names of the tensors in a graph; those in memory are given to a plan under them.
enum Uid : std::int64_t { kX = 1, kW, kY, kResidual, kBias, kFirstIntermediate };

cudnnDataType_t type_of(DType dtype) {
  return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::tf32: return "tf32";
    case Precision::bf16: return "bf16";
  }
  return "?";
}

// How many descriptors or numbers an attribute holds.
template <class T>
std::vector<T> values_of(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, std::int64_t at_most) {
  std::vector<T> values(static_cast<std::size_t>(at_most));
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(descriptor.get(), name, type, at_most, &count, values.data()),
        "cudnnBackendGetAttribute");
  values.resize(static_cast<std::size_t>(std::min(count, at_most)));
  return values;
}

// The descriptors of a type that an attribute holds. (Asked how many these are, cuDNN answers 0 for
// some attributes.)
std::vector<Descriptor> parts_of(const Descriptor& whole, cudnnBackendAttributeName_t name,
                                 cudnnBackendDescriptorType_t type, std::int64_t at_most) {
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;  // cuDNN fills the descriptors that it is handed
  for (std::int64_t i = 0; i < at_most; ++i) raw.push_back(found.emplace_back(type).get());
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(whole.get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, at_most, &count,
                                 raw.data()),
        "cudnnBackendGetAttribute");
  found.erase(found.begin() + std::min(count, at_most), found.end());
  return found;
}

Descriptor engine_of(const Descriptor& configuration) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();  // cuDNN fills the descriptor that it is handed
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
        "cudnnBackendGetAttribute(ENGINECFG_ENGINE)");
  return engine;
}

bool is_compiled_late(const Descriptor& engine) {
  const auto found = values_of<cudnnBackendBehaviorNote_t>(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                                           CUDNN_TYPE_BEHAVIOR_NOTE,
                                                           CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
  return std::find(found.begin(), found.end(), CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) !=
         found.end();
}

bool has_note(const Descriptor& engine, std::initializer_list<cudnnBackendNumericalNote_t> notes) {
  const auto found = values_of<cudnnBackendNumericalNote_t>(
      engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
      CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  return std::find_first_of(found.begin(), found.end(), notes.begin(), notes.end()) != found.end();
}

std::int64_t integer_of(const Descriptor& descriptor, cudnnBackendAttributeName_t name) {
  return values_of<std::int64_t>(descriptor, name, CUDNN_TYPE_INT64, 1).at(0);
}

struct ConvolutionAttributes {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t convolution, x, w, y, alpha, beta;
};

ConvolutionAttributes attributes_of(Direction direction) {
  switch (direction) {
    case Direction::forward: break;
    case Direction::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Direction::backward_weights:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

}  // namespace

std::string describe(const Problem& problem) {
  const Convolution& s = problem.shape;
  const std::array names{"forward", "backward to the images", "backward to the weights"};
  return text("convolution ", names[static_cast<std::size_t>(problem.direction)],
              problem.residual ? " + residual" : "", problem.bias ? " + bias" : "",
              problem.relu ? " + relu" : "", problem.adds ? ", added" : "", ", images ",
              Shape{s.batch, s.height, s.width, s.in_channels}, ", weights ",
              Shape{s.out_channels, s.kernel, s.kernel, s.in_channels}, ", stride ", s.stride,
              ", padding ", s.padding, s.dilation > 1 ? text(", dilation ", s.dilation) : "", ", ",
              name_of(s.precision));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t descriptor = nullptr;
  check(cudnnBackendCreateDescriptor(type, &descriptor), "cudnnBackendCreateDescriptor");
  descriptor_.reset(descriptor);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     std::int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(get(), name, type, count, values), "cudnnBackendSetAttribute");
}
void Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  set(name, CUDNN_TYPE_INT64, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, std::initializer_list<std::int64_t> values) {
  set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.begin());
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t type) {
  set(name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}
void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& descriptor) {
  const cudnnBackendDescriptor_t raw = descriptor.get();
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}
void Descriptor::finalise() { check(cudnnBackendFinalize(get()), "cudnnBackendFinalize"); }

void Plan::run(cudnnHandle_t handle, const Tensors& tensors, void* workspace) const {
  std::vector<void*> addresses;
  for (const std::int64_t uid : uids_) {
    switch (uid) {
      case kX: addresses.push_back(tensors.x); break;
      case kW: addresses.push_back(tensors.w); break;
      case kY: addresses.push_back(tensors.y); break;
      case kResidual: addresses.push_back(const_cast<void*>(tensors.residual)); break;
      case kBias: addresses.push_back(const_cast<void*>(tensors.bias)); break;
    }
  }
  const auto count = static_cast<std::int64_t>(uids_.size());
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids_.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, addresses.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalise();
  check(cudnnBackendExecute(handle, plan_.get(), pack.get()), "cudnnBackendExecute");
}

ConvolutionGraph::ConvolutionGraph(const Problem& problem, cudnnHandle_t handle)
    : problem_(problem) {
  build_operations(handle);
  ask_heuristics(CUDNN_HEUR_MODE_A);
  ask_heuristics(CUDNN_HEUR_MODE_FALLBACK);
}

ConvolutionGraph::ConvolutionGraph(const Problem& problem, const std::string& device_properties)
    : problem_(problem) {
  device_properties_.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device_properties_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                          static_cast<std::int64_t>(device_properties.size()),
                          device_properties.data());
  device_properties_->finalise();
  build_operations(nullptr);
  ask_heuristics(CUDNN_HEUR_MODE_A);
  ask_heuristics(CUDNN_HEUR_MODE_FALLBACK);
}

Descriptor& ConvolutionGraph::add_part(cudnnBackendDescriptorType_t type) {
  return parts_->emplace_back(type);
}

// Extents are N C H W in cuDNN's order; the strides say that memory is NHWC.
Descriptor& ConvolutionGraph::add_tensor(std::int64_t uid, std::array<std::int64_t, 4> nchw,
                                         cudnnDataType_t type) {
  const auto [n, c, h, w] = nchw;
  const bool intermediate = uid >= kFirstIntermediate;
  Descriptor& tensor = add_part(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {n, c, h, w});
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {h * w * c, 1, w * c, c});
  const std::int64_t element = type == CUDNN_DATA_BFLOAT16 ? 2 : 4;
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::max<std::int64_t>(problem_.alignment, element));
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &intermediate);
  tensor.finalise();
  if (!intermediate) uids_.push_back(uid);
  return tensor;
}

// y = mode(x, b), or mode(x) without b, in f32.
Descriptor& ConvolutionGraph::add_pointwise(cudnnPointwiseMode_t mode, const Descriptor& x,
                                            const Descriptor* b, const Descriptor& y) {
  Descriptor& pointwise = add_part(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  pointwise.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  pointwise.finalise();
  Descriptor& operation = add_part(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  operation.finalise();
  return operation;
}

Descriptor& ConvolutionGraph::add_convolution(const Descriptor& x, const Descriptor& w,
                                              const Descriptor& y) {
  const Convolution& s = problem_.shape;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  Descriptor& convolution = add_part(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  convolution.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {s.dilation, s.dilation});
  convolution.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {s.stride, s.stride});
  convolution.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {s.padding, s.padding});
  convolution.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {s.padding, s.padding});
  convolution.finalise();

  const ConvolutionAttributes names = attributes_of(problem_.direction);
  const float one = 1, beta = problem_.adds ? 1 : 0;
  Descriptor& operation = add_part(names.operation);
  operation.set(names.convolution, convolution);
  operation.set(names.x, x);
  operation.set(names.w, w);
  operation.set(names.y, y);
  operation.set(names.alpha, CUDNN_TYPE_FLOAT, 1, &one);
  operation.set(names.beta, CUDNN_TYPE_FLOAT, 1, &beta);
  operation.finalise();
  return operation;
}

void ConvolutionGraph::build_operations(cudnnHandle_t handle) {
  const Convolution& s = problem_.shape;
  const cudnnDataType_t io = type_of(s.dtype());
  const std::array y_extents{s.batch, s.out_channels, s.out_height(), s.out_width()};
  const Descriptor& x = add_tensor(kX, {s.batch, s.in_channels, s.height, s.width}, io);
  const Descriptor& w = add_tensor(kW, {s.out_channels, s.in_channels, s.kernel, s.kernel}, io);
  const Descriptor& y = add_tensor(kY, y_extents, io);

  // Between two operations lies an f32 tensor that is never written to memory; the last one of
  // the chain writes y.
  int steps_to_come = problem_.residual + problem_.bias + problem_.relu;
  std::int64_t next_uid = kFirstIntermediate;
  const auto result_of_step = [&]() -> const Descriptor& {
    if (steps_to_come-- == 0) return y;
    return add_tensor(next_uid++, y_extents, CUDNN_DATA_FLOAT);
  };
  const Descriptor* sum = &result_of_step();
  std::vector<cudnnBackendDescriptor_t> operations{add_convolution(x, w, *sum).get()};
  const auto append = [&](cudnnPointwiseMode_t mode, const Descriptor* b) {
    const Descriptor& result = result_of_step();
    operations.push_back(add_pointwise(mode, *sum, b, result).get());
    sum = &result;
  };
  if (problem_.residual) append(CUDNN_POINTWISE_ADD, &add_tensor(kResidual, y_extents, io));
  if (problem_.bias) {
    append(CUDNN_POINTWISE_ADD, &add_tensor(kBias, {1, s.out_channels, 1, 1}, io));
  }
  if (problem_.relu) append(CUDNN_POINTWISE_RELU_FWD, nullptr);

  Descriptor& graph = add_part(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            static_cast<std::int64_t>(operations.size()), operations.data());
  if (handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  graph.finalise();
}

// Appends what one of cuDNN's two lists offers: A is ordered by expected speed, FALLBACK is short
// and has what nearly always works.
void ConvolutionGraph::ask_heuristics(cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, parts_->back());
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (device_properties_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device_properties_);
  // Where a list has nothing for the graph cuDNN calls that an error; the other may have.
  if (cudnnBackendFinalize(heuristics.get()) != CUDNN_STATUS_SUCCESS) return;

  std::int64_t most = 0;
  check(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &most, nullptr),
        "cudnnBackendGetAttribute(ENGINEHEUR_RESULTS)");
  for (Descriptor& found : parts_of(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, most)) {
    const auto configuration = std::make_shared<Descriptor>(std::move(found));
    const Descriptor engine = engine_of(*configuration);
    // Partial sums are f32 whatever the operands are.
    if (has_note(engine, {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION})) continue;
    if (problem_.shape.precision == Precision::fp32 &&
        has_note(engine,
                 {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS})) {
      continue;
    }
    configurations_.push_back(configuration);
  }
}

std::string ConvolutionGraph::name(std::int64_t index) const {
  const Descriptor& configuration = *configurations_[static_cast<std::size_t>(index)];
  std::string name =
      text("engine ", integer_of(engine_of(configuration), CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
  std::map<std::int64_t, std::int64_t> knobs;
  for (const Descriptor& choice :
       parts_of(configuration, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    const auto type = values_of<cudnnBackendKnobType_t>(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                                        CUDNN_TYPE_KNOB_TYPE, 1);
    knobs[type.at(0)] = integer_of(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
  }
  for (const auto& [knob, value] : knobs) {
    name += text(name.find(':') == std::string::npos ? ": " : ", ", knob, "=", value);
  }
  return name;
}

std::optional<Plan> ConvolutionGraph::build(std::int64_t index, const Refusals& refusals) const {
  const std::shared_ptr<Descriptor>& configuration =
      configurations_[static_cast<std::size_t>(index)];
  const Descriptor engine = engine_of(*configuration);
  if (refusals.nondeterministic && has_note(engine, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC})) {
    return std::nullopt;
  }
  if (refusals.compiled_late && is_compiled_late(engine)) return std::nullopt;
  Plan plan{Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)};
  plan.plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, *configuration);
  if (cudnnBackendFinalize(plan.plan_.get()) != CUDNN_STATUS_SUCCESS) return std::nullopt;
  plan.workspace_bytes_ = integer_of(plan.plan_, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  if (plan.workspace_bytes_ > refusals.workspace_over) return std::nullopt;
  plan.configuration_ = configuration;
  plan.parts_ = parts_;
  plan.uids_ = uids_;
  plan.name_ = name(index);
  return plan;
}

}  // namespace saddle::cudnn
