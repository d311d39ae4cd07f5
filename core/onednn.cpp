#include "core/onednn.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "core/convolution_check.h"
#include "core/error.h"
#include "core/guarded_memory.h"
#include "core/recently_used.h"
#include "core/row_pieces.h"

namespace saddle::onednn {

// oneDNN 3.2 runs constructors upon the null that its operator new returns where memory has run
// out. What it takes besides data must be there before it is called, or it is not called.
void find_room() {
  constexpr std::size_t kRoom = std::size_t{32} << 20;
  void* room = ::mmap(nullptr, kRoom, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, kRoom);
}

namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

dnnl::engine& engine() {
  static dnnl::engine instance = [] {
    // We keep what we make; and from its cache oneDNN gives the first implementation again when it
    // is asked for the next.
    dnnl::set_primitive_cache_capacity(0);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return instance;
}

dnnl::stream& stream() {
  static dnnl::stream instance(engine());
  return instance;
}

// oneDNN reports by exceptions of its own; whoever calls Saddle knows only saddle::Error. What it
// refuses although the arguments are sound is memory: for data, or for code that it generates.
template <class Work>
auto translating_errors(const char* what, Work work) {
  try {
    return work();
  } catch (const dnnl::error& error) {
    const bool refused =
        error.status == dnnl_invalid_arguments || error.status == dnnl_unimplemented;
    fail(what, refused ? ": oneDNN refused: " : ": out of memory: oneDNN says: ", error.what());
  }
}

// A network's convolutions in three directions, at some ten sizes of images.
constexpr std::size_t kMostPlans = 2000;

struct ConvolutionLayout {
  dnnl::memory::desc x, w, w_any, y;
  dnnl::memory::dims strides, padding, dilates;  // oneDNN counts dilation from 0

  explicit ConvolutionLayout(const Convolution& s)
      : x({s.batch, s.in_channels, s.height, s.width}, kF32, Tag::nhwc),
        w({s.out_channels, s.in_channels, s.kernel, s.kernel}, kF32, Tag::ohwi),
        w_any({s.out_channels, s.in_channels, s.kernel, s.kernel}, kF32, Tag::any),
        y({s.batch, s.out_channels, s.out_height(), s.out_width()}, kF32, Tag::nhwc),
        strides{s.stride, s.stride},
        padding{s.padding, s.padding},
        dilates{s.dilation - 1, s.dilation - 1} {}
};

// The scratchpad is ours, so that it can be watched.
dnnl::primitive_attr attributes_of(const ConvolutionLayout& layout, Direction direction) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (direction == Direction::forward_add) {
    dnnl::post_ops add;
    add.append_binary(dnnl::algorithm::binary_add, layout.y);
    attributes.set_post_ops(add);
  }
  return attributes;
}

dnnl::convolution_forward::primitive_desc forward_description(const ConvolutionLayout& layout,
                                                              Direction direction) {
  return {engine(),
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          layout.x,
          layout.w_any,
          layout.y,
          layout.strides,
          layout.dilates,
          layout.padding,
          layout.padding,
          attributes_of(layout, direction)};
}

// For both gradients: their descriptions take the same arguments. `forward` must outlive what is
// asked of the description: next_impl reads it.
template <class Primitive>
typename Primitive::primitive_desc backward_description(
    const ConvolutionLayout& layout, Direction direction,
    const dnnl::convolution_forward::primitive_desc& forward) {
  return {engine(),
          dnnl::algorithm::convolution_direct,
          layout.x,
          layout.w_any,
          layout.y,
          layout.strides,
          layout.dilates,
          layout.padding,
          layout.padding,
          forward,
          attributes_of(layout, direction)};
}

// What an execution needs besides its arguments. Plans share one, for they run one after another.
struct Workspace {
  explicit Workspace(std::size_t guard) : scratchpad(guard), weights(guard) {}
  bool intact() const { return scratchpad.intact() && weights.intact(); }

  GuardedMemory scratchpad;
  GuardedMemory weights;  // in the order that an implementation wants
};

// One implementation of one problem, with the copy of the weights into (or out of) the order it
// wants.
class Plan {
 public:
  Plan(Direction direction, const ConvolutionLayout& layout, dnnl::primitive primitive,
       const dnnl::memory::desc& wanted, const dnnl::memory::desc& scratchpad,
       std::string implementation)
      : implementation_(std::move(implementation)),
        direction_(direction),
        primitive_(std::move(primitive)),
        x_(layout.x, engine(), nullptr),
        y_(layout.y, engine(), nullptr),
        residual_(layout.y, engine(), nullptr),
        w_ours_(layout.w, engine(), nullptr),
        w_packed_(wanted, engine(), nullptr),
        scratchpad_(scratchpad, engine(), nullptr),
        repack_(wanted != layout.w) {
    if (!repack_) return;
    reorder_ = direction == Direction::backward_weights ? dnnl::reorder(w_packed_, w_ours_)
                                                        : dnnl::reorder(w_ours_, w_packed_);
  }

  const std::string& implementation() const { return implementation_; }

  void run(const ConvolutionArguments& arguments, Workspace& workspace) {
    set(x_, arguments.x);
    set(y_, arguments.y);
    set(residual_, arguments.residual);
    set(w_ours_, arguments.w);
    scratchpad_.set_data_handle(workspace.scratchpad.resize(size_of(scratchpad_)));
    if (repack_) w_packed_.set_data_handle(workspace.weights.resize(size_of(w_packed_)));
    find_room();
    const bool to_weights = direction_ == Direction::backward_weights;
    if (repack_ && !to_weights) reorder_.execute(stream(), w_ours_, w_packed_);
    primitive_.execute(stream(), arguments_of_primitive());
    if (repack_ && to_weights) reorder_.execute(stream(), w_packed_, w_ours_);
    stream().wait();
  }

 private:
  static void set(dnnl::memory& memory, const float* data) {
    memory.set_data_handle(const_cast<float*>(data));
  }

  static std::size_t size_of(const dnnl::memory& memory) { return memory.get_desc().get_size(); }

  std::unordered_map<int, dnnl::memory> arguments_of_primitive() const {
    const dnnl::memory& w = repack_ ? w_packed_ : w_ours_;
    switch (direction_) {
      case Direction::forward:
        return {{DNNL_ARG_SRC, x_},
                {DNNL_ARG_WEIGHTS, w},
                {DNNL_ARG_DST, y_},
                {DNNL_ARG_SCRATCHPAD, scratchpad_}};
      case Direction::forward_add:
        return {{DNNL_ARG_SRC, x_},
                {DNNL_ARG_WEIGHTS, w},
                {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, residual_},
                {DNNL_ARG_DST, y_},
                {DNNL_ARG_SCRATCHPAD, scratchpad_}};
      case Direction::backward_data:
        return {{DNNL_ARG_DIFF_SRC, x_},
                {DNNL_ARG_WEIGHTS, w},
                {DNNL_ARG_DIFF_DST, y_},
                {DNNL_ARG_SCRATCHPAD, scratchpad_}};
      case Direction::backward_weights: break;
    }
    return {{DNNL_ARG_SRC, x_},
            {DNNL_ARG_DIFF_WEIGHTS, w},
            {DNNL_ARG_DIFF_DST, y_},
            {DNNL_ARG_SCRATCHPAD, scratchpad_}};
  }

  std::string implementation_;
  Direction direction_;
  dnnl::primitive primitive_;
  dnnl::memory x_, y_, residual_, w_ours_, w_packed_, scratchpad_;
  dnnl::reorder reorder_;
  bool repack_;
};

// Whether the plan gives the right result, to the last bit, and writes nowhere but into its result
// and its own memory. What is not meant to be read begins as not a number.
bool is_sound(Plan& plan, Direction direction, const Convolution& shape) {
  constexpr std::size_t kGuard = 256 << 10;  // overruns of up to 5 KB were seen
  constexpr int kNotANumber = 0xff;
  GuardedMemory x(kGuard), w(kGuard), y(kGuard), residual(kGuard);
  Workspace workspace(kGuard);
  std::uint32_t seed = 1;
  for (const auto& [memory, count] : {std::pair(&x, shape.input_count()),
                                      {&w, shape.weight_count()},
                                      {&y, shape.output_count()},
                                      {&residual, shape.output_count()}}) {
    memory->resize(static_cast<std::size_t>(count) * sizeof(float));
    fill_with_integers({memory->floats(), static_cast<std::size_t>(count)}, seed++);
  }
  GuardedMemory& result = direction == Direction::backward_data      ? x
                          : direction == Direction::backward_weights ? w
                                                                     : y;
  std::memset(result.data(), kNotANumber, result.size());
  plan.run({x.floats(), w.floats(), residual.floats(), y.floats()}, workspace);
  if (!workspace.intact() || !x.intact() || !w.intact() || !y.intact() || !residual.intact())
    return false;
  switch (direction) {
    case Direction::forward:
      return is_convolution(shape, x.floats(), w.floats(), nullptr, y.floats());
    case Direction::forward_add:
      return is_convolution(shape, x.floats(), w.floats(), residual.floats(), y.floats());
    case Direction::backward_data:
      return is_data_gradient(shape, y.floats(), w.floats(), x.floats());
    case Direction::backward_weights: break;
  }
  return is_weight_gradient(shape, x.floats(), y.floats(), w.floats());
}

// Of the implementations for AVX-512, the one that measured faster than that which oneDNN names
// first, by 20 to 150 % on the networks' strided shapes (one thread and two, oneDNN 3.2); empty
// where its order is right.
std::string preferred_with_avx512(Direction direction, const Convolution& shape) {
  const bool small_image = shape.out_height() * shape.out_width() < 49;
  if (shape.stride == 1 || direction == Direction::backward_weights) return "";
  if (shape.kernel == 1) {
    const bool narrow = direction != Direction::backward_data && shape.in_channels < 64;
    return narrow ? "jit:avx512_core" : "jit_1x1:avx512_core";
  }
  if (direction != Direction::backward_data) return small_image ? "jit:avx512_core" : "";
  if (shape.in_channels <= 4) return "x64:gemm:jit";
  return small_image || shape.in_channels <= 32 ? "jit:avx512_core" : "";
}

// The same of those for AVX2 (one thread).
std::string preferred_with_avx2(Direction direction, const Convolution& shape) {
  const bool small_image = shape.out_height() * shape.out_width() < 49;
  switch (direction) {
    case Direction::forward:
    case Direction::forward_add: return shape.kernel == 1 && !small_image ? "jit_1x1:avx2" : "";
    case Direction::backward_data:
      if (shape.kernel == 1) return small_image ? "x64:gemm:jit" : "jit_1x1:avx2";
      return shape.stride > 1 && shape.in_channels <= 16 ? "jit:avx2" : "";
    case Direction::backward_weights:
      if (shape.kernel == 1) return small_image ? "x64:gemm:jit" : "";
      return shape.in_channels >= 128 ? "x64:gemm:jit" : "";
  }
  return "";
}

// What must not even be tried: oneDNN 3.2's 1x1 kernels take the weight gradient of a strided
// convolution in vectors; where the channels do not fill the last one, some write beside their
// scratchpad and some (AVX2, 4 channels, 2 threads) never return. 16 is the widest vector there is.
bool is_known_to_fail(Direction direction, const Convolution& shape, std::string_view name) {
  const bool whole_vectors = shape.in_channels % 16 == 0 && shape.out_channels % 16 == 0;
  return direction == Direction::backward_weights && shape.kernel == 1 && shape.stride > 1 &&
         !whole_vectors && name.starts_with("jit_1x1");
}

// Of the implementations from oneDNN's current one on: the first sound one, or that called `name`.
template <class Primitive>
std::optional<Plan> find_plan(Direction direction, const Convolution& shape,
                              const ConvolutionLayout& layout,
                              typename Primitive::primitive_desc description,
                              const std::string& name) {
  do {
    const std::string_view implementation = description.impl_info_str();
    if (!name.empty() && name != implementation) continue;
    if (is_known_to_fail(direction, shape, implementation)) continue;
    dnnl::memory::desc weights;
    if constexpr (std::is_same_v<Primitive, dnnl::convolution_backward_weights>)
      weights = description.diff_weights_desc();
    else
      weights = description.weights_desc();
    Plan plan(direction, layout, Primitive(description), weights, description.scratchpad_desc(),
              std::string(implementation));
    if (is_sound(plan, direction, shape)) return plan;
  } while (description.next_impl());
  return std::nullopt;
}

// A function of the shape and of the instructions that the first implementation uses, so that two
// runs take the same and give the same bits.
std::string preferred(Direction direction, const Convolution& shape, std::string_view first) {
  if (first.ends_with("avx2")) return preferred_with_avx2(direction, shape);
  return first.ends_with("avx512_core") ? preferred_with_avx512(direction, shape) : "";
}

// The implementation called `name` where that is given, else the preferred one where there is one;
// where it is not sound, oneDNN's first that is. No kernel of the library is trusted by its name:
// each has to show what it does, at this shape and with this many threads.
template <class Primitive, class Describe>
Plan choose_plan(Direction direction, const Convolution& shape, const ConvolutionLayout& layout,
                 const Describe& describe, const std::string& name) {
  std::optional<Plan> plan;
  if (!name.empty()) plan = find_plan<Primitive>(direction, shape, layout, describe(), name);
  if (!plan) {
    const std::string rule = preferred(direction, shape, describe().impl_info_str());
    if (!rule.empty()) plan = find_plan<Primitive>(direction, shape, layout, describe(), rule);
  }
  if (!plan) plan = find_plan<Primitive>(direction, shape, layout, describe(), "");
  require(plan.has_value(), "convolution: none of oneDNN's implementations is right for ",
          shape.batch, " x ", shape.height, " x ", shape.width, " x ", shape.in_channels, " -> ",
          shape.out_channels, " channels, kernel ", shape.kernel, ", stride ", shape.stride,
          ", dilation ", shape.dilation, " with ", threads(),
          " threads. Try another --threads, or ONEDNN_MAX_CPU_ISA=AVX2");
  return *std::move(plan);
}

// What `use` makes of the direction's primitive and of a function that describes it anew. Called as
// use(std::type_identity<Primitive>(), layout, describe).
template <class Use>
auto with_description(Direction direction, const Convolution& shape, const Use& use) {
  find_room();
  const ConvolutionLayout layout(shape);
  const auto forward = forward_description(layout, direction);
  const auto backward = [&]<class Primitive>(std::type_identity<Primitive> primitive) {
    return use(primitive, layout,
               [&] { return backward_description<Primitive>(layout, direction, forward); });
  };
  if (direction == Direction::backward_data)
    return backward(std::type_identity<dnnl::convolution_backward_data>());
  if (direction == Direction::backward_weights)
    return backward(std::type_identity<dnnl::convolution_backward_weights>());
  return use(std::type_identity<dnnl::convolution_forward>(), layout,
             [&] { return forward_description(layout, direction); });
}

Plan build_plan(Direction direction, const Convolution& shape, const std::string& name) {
  return with_description(
      direction, shape,
      [&]<class Primitive>(std::type_identity<Primitive>, const ConvolutionLayout& layout,
                           const auto& describe) {
        return choose_plan<Primitive>(direction, shape, layout, describe, name);
      });
}

// The plans made of late. An implementation divides its work and its scratchpad among the threads
// there are when it is made, so it is made, and held to account, for each number of them. One host
// thread drives a device, so no lock.
Plan& plan_for(Direction direction, const Convolution& shape, const std::string& name) {
  static RecentlyUsed<std::tuple<Direction, Convolution, int, std::string>, Plan> plans(kMostPlans);
  return plans.get({direction, shape, threads(), name},
                   [&] { return build_plan(direction, shape, name); });
}

// Whether an implementation is not worth the time that measuring it takes: those that only show
// what is right, those for processors of before AVX2, and where the channels fill the vectors of
// AVX-512, those for half of one.
bool is_slow(std::string_view name, const Convolution& shape) {
  const bool fills_vectors = shape.in_channels % 16 == 0 && shape.out_channels % 16 == 0;
  return name.starts_with("ref") || name.ends_with(":ref") || name.ends_with("sse41") ||
         name.ends_with(":avx") || (uses_avx512() && fills_vectors && name.ends_with("avx2"));
}

// In oneDNN's order, each once, but for those that are slow.
std::vector<std::string> names_of(Direction direction, const Convolution& shape) {
  return with_description(
      direction, shape,
      [&](auto, const ConvolutionLayout&, const auto& describe) -> std::vector<std::string> {
        std::vector<std::string> names;
        auto description = describe();
        do {
          const std::string name = description.impl_info_str();
          if (!is_slow(name, shape) && std::ranges::find(names, name) == names.end())
            names.push_back(name);
        } while (description.next_impl());
        return names;
      });
}

const char* words_of(Direction direction) {
  switch (direction) {
    case Direction::forward:
    case Direction::forward_add: return "convolution";
    case Direction::backward_data: return "convolution backward (data)";
    case Direction::backward_weights: break;
  }
  return "convolution backward (weights)";
}

}  // namespace

void convolve(Direction direction, const Convolution& shape, const ConvolutionArguments& arguments,
              const std::string& implementation) {
  constexpr std::size_t kGuard = 4096;
  static Workspace workspace(kGuard);
  translating_errors(words_of(direction), [&] {
    Plan& plan = plan_for(direction, shape, implementation);
    plan.run(arguments, workspace);
    // Held against what was tried when the plan was made, this never happens; if it does, nothing
    // computed since can be trusted.
    require(workspace.intact(), "convolution: oneDNN's ", plan.implementation(),
            " wrote beside its memory. Try another --threads, or ONEDNN_MAX_CPU_ISA=AVX2");
  });
}

std::vector<std::string> implementations(Direction direction, const Convolution& shape) {
  return translating_errors(words_of(direction), [&] {
    std::vector<std::string> sound = {plan_for(direction, shape, "").implementation()};
    for (const std::string& name : names_of(direction, shape)) {
      if (name == sound.front()) continue;
      if (plan_for(direction, shape, name).implementation() == name) sound.push_back(name);
    }
    return sound;
  });
}

namespace {

// c = a b, where a is not transposed. Whether there was memory.
bool multiply_rows(const Gemm& s, const float* a, const float* b, float* c) {
  return for_row_pieces(s.m, s.k + s.n, [&](const RowPiece& piece, float* memory) {
    const bool whole = piece.count == piece.padded();
    float *product = whole ? piece.in(c, s.n) : memory, *copy = memory + kMostRows * s.n;
    const Operand of_b{b, s.transpose_b ? s.k : s.n, s.transpose_b};
    if (!multiply_alone({piece.padded(), s.n, s.k}, {piece.in_padded(a, s.k, copy), s.k}, of_b,
                        product, s.n)) {
      return false;
    }
    if (!whole) std::copy_n(product, piece.count * s.n, piece.in(c, s.n));
    return true;
  });
}

}  // namespace

void gemm(const Gemm& shape, const float* a, const float* b, float* c, const ProductTo& to) {
  require(shape.batching == Batching::fastest || (shape.batch == 1 && !shape.transpose_a),
          "gemm: batch-invariant products are single ones, whose first matrix is not transposed");
  find_room();
  const std::int64_t row = to.row == 0 ? shape.n : to.row;
  const auto multiply = [&](std::int64_t i) {
    return dnnl::sgemm(shape.transpose_a ? 'T' : 'N', shape.transpose_b ? 'T' : 'N', shape.m,
                       shape.n, shape.k, 1.f, a + i * shape.m * shape.k,
                       shape.transpose_a ? shape.m : shape.k, b + i * shape.k * shape.n,
                       shape.transpose_b ? shape.k : shape.n, to.sum == Sum::add ? 1.f : 0.f,
                       c + i * shape.m * row, row);
  };
  bool refused = false;
  if (shape.batch == 1 && !shape.transpose_a && row == shape.n && to.sum == Sum::store) {
    refused = !multiply_rows(shape, a, b, c);
  } else if (shape.batch == 1) {
    // oneDNN splits it among the threads. Not within a parallel region, not even one of a single
    // thread: there OpenMP would start and end threads for each product.
    refused = multiply(0) != dnnl::status::success;
  } else {
#pragma omp parallel for schedule(static) reduction(|| : refused)
    for (std::int64_t i = 0; i < shape.batch; ++i) {
      refused = multiply(i) != dnnl::status::success || refused;
    }
  }
  // With sound sizes it refuses for one reason.
  require(!refused, "gemm: out of memory: oneDNN has none for m ", shape.m, ", n ", shape.n, ", k ",
          shape.k);
}

bool multiply_alone(const ProductSize& size, const Operand& a, const Operand& b, float* c,
                    std::int64_t row_of_c) {
  return dnnl::sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', size.m, size.n, size.k,
                     1.f, a.data, a.row, b.data, b.row, 0.f, c, row_of_c) == dnnl::status::success;
}

std::string version() {
  const dnnl_version_t* v = dnnl::version();
  return text(v->major, '.', v->minor, '.', v->patch);
}

bool uses_avx512() {
  static const bool answer = [] {
    constexpr auto kWanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kWanted) == kWanted;
  }();
  return answer;
}

void hold_to_avx2() {
  require(dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2) == dnnl::status::success && !uses_avx512(),
          "cpu-isa: oneDNN has begun to work and is no longer to be held to AVX2. Set "
          "ONEDNN_MAX_CPU_ISA=AVX2 in the environment instead");
}

}  // namespace saddle::onednn
