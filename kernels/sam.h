// The ascent step of sharpness-aware minimisation, in one pass over memory.
//
// To first order the loss rises most within an ellipsoid  sum v_i^2 / d_i <= rho^2  along
//   v = rho d g / sqrt(sum d g^2)
// so a member of the family is its metric d >= 0 (d = 0: the weight stays where it is):
//   SAM           d = 1                           Foret et al. 2021, eq. 2
//   ASAM          d = (|w| + eta)^2, 1 in biases  Kwon et al. 2021, the authors' code
//   element-wise  d = w^2                         the `adaptive` flag of davda54/sam
//   Fisher-SAM    d = 1 / (1 + eta g^2)           Kim et al. 2022
//   some slots    d = 1 in chosen slots, else 0   SAM-ON; what ESAM has not frozen
//   SSAM          d = 1 where a mask is, else 0   Mi et al. 2022
// w is not touched, so nothing has to be restored afterwards. The norm is read on the device.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/math.h"
#include "kernels/reductions.h"
#include "kernels/span.h"

namespace saddle {

// Slots of a weight buffer begin on boundaries of 16 floats, so a kernel finds an element's slot by
// its line of 16. A span never leaves its line.
inline constexpr int64_t kLine = 16;

// Floats that belong to whole slots: value[slot[i / 16]] for element i.
struct SlotValues {
  Array<const int32_t> slot;  // [n / 16]
  Array<const float> value;   // [slots]
  SADDLE_DEVICE float operator()(int64_t i) const { return value[slot[i / kLine]]; }
};

// Metrics: at(i, w, g) gives d for the elements from i on, of which w and g are the values.

struct EuclideanMetric {
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t, const Floats<N>&, const Floats<N>&) const {
    Floats<N> d;
    for (int k = 0; k < N; ++k) d[k] = 1.f;
    return d;
  }
};

struct AsamMetric {
  SlotValues adaptive;  // 1: the slot's scale is |w| + eta; 0: it is 1
  float eta;
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t i, const Floats<N>& w, const Floats<N>&) const {
    const bool is_adaptive = adaptive(i) != 0.f;
    Floats<N> d;
    for (int k = 0; k < N; ++k) {
      const float scale = is_adaptive ? fabsf(w[k]) + eta : 1.f;
      d[k] = scale * scale;
    }
    return d;
  }
};

struct ElementwiseMetric {
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t, const Floats<N>& w, const Floats<N>&) const {
    Floats<N> d;
    for (int k = 0; k < N; ++k) d[k] = w[k] * w[k];
    return d;
  }
};

struct FisherMetric {
  float eta;
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t, const Floats<N>&, const Floats<N>& g) const {
    Floats<N> d;
    for (int k = 0; k < N; ++k) d[k] = 1.f / (1.f + eta * (g[k] * g[k]));
    return d;
  }
};

struct SlotMetric {
  SlotValues chosen;  // 1 or 0
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t i, const Floats<N>&, const Floats<N>&) const {
    const float of_slot = chosen(i);
    Floats<N> d;
    for (int k = 0; k < N; ++k) d[k] = of_slot;
    return d;
  }
};

// SSAM. The norm is that of the whole gradient, so only the ascent asks for this one.
struct MaskMetric {
  Array<const float> mask;  // [n]: 1 or 0
  template <int N>
  SADDLE_DEVICE Floats<N> at(int64_t i, const Floats<N>&, const Floats<N>&) const {
    return load<N>(mask, i);
  }
  bool aligned() const { return all_aligned(mask); }
};

// sum <- sum + g^2: the diagonal of the empirical Fisher matrix, an example at a time.
struct AddSquares {
  static constexpr int kSpan = 4;
  Array<const float> g;
  Array<float> sum;
  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const Floats<N> gradient = load<N>(g, i);
    Floats<N> total = load<N>(sum, i);
    for (int k = 0; k < N; ++k) total[k] += gradient[k] * gradient[k];
    store<N>(sum, i, total);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(g, sum); }
};

// d g^2, whose sum is the squared norm of g in the metric.
template <class Metric>
struct MetricSquare {
  Array<const float> w, g;  // [n]
  Metric metric;

  template <class Load>
  SADDLE_DEVICE Floats<Load::kCount> operator()(const Load& load) const {
    Floats<Load::kCount> terms = load(g);
    const Floats<Load::kCount> d = metric.at(load.i, load(w), terms);
    for (int k = 0; k < Load::kCount; ++k) terms[k] = d[k] * terms[k] * terms[k];
    return terms;
  }
  SADDLE_DEVICE int64_t size() const { return g.size; }
  SADDLE_DEVICE bool aligned() const { return all_aligned(w, g); }
};

// w_hat <- w + rho d g / (||g|| + 1e-12), ||g||^2 = sum d g^2
template <class Metric>
struct Perturb {
  static constexpr int kSpan = 4;
  Array<const float> w, g;
  Array<const float> rho, square_norm;  // [1] each, read on the device
  Array<float> w_hat;
  Array<Bfloat16> copy;  // w_hat rounded, for convolutions in bf16; empty: none is kept
  Metric metric;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    // 1e-12 as in SAM's reference code: g = 0 leaves w_hat = w.
    const float scale = rho[0] / (square_root(square_norm[0]) + 1e-12f);
    Floats<N> moved = load<N>(w, i);
    const Floats<N> gradient = load<N>(g, i);
    const Floats<N> d = metric.at(i, moved, gradient);
    for (int k = 0; k < N; ++k) moved[k] += scale * (d[k] * gradient[k]);
    store<N>(w_hat, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const {
    if constexpr (requires { metric.aligned(); }) {
      if (!metric.aligned()) return false;
    }
    return all_aligned(w, g, w_hat, copy);
  }
};

using SamPerturb = Perturb<EuclideanMetric>;

}  // namespace saddle
