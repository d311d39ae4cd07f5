// The quadratic L(w) = 1/2 w' A w, whose gradient A w is known.
#pragma once

#include <vector>

namespace saddle {

// A = tridiagonal(-1, 2.5, -1): positive definite, and no eigenvector is a coordinate.
template <class T>
std::vector<T> times_a(const std::vector<T>& w) {
  std::vector<T> g(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    g[i] = T(2.5) * w[i] - (i > 0 ? w[i - 1] : T(0)) - (i + 1 < w.size() ? w[i + 1] : T(0));
  }
  return g;
}

}  // namespace saddle
