// Central differences in double: the gradient a test believes.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace saddle::testing_support {

// df/dx[i] = (f(x + h e_i) - f(x - h e_i)) / 2h for every i. With h = 1e-5 and numbers around 1 the
// error is near 1e-10 |f'''| + 1e-11 |f|, far below a float's rounding.
inline std::vector<double> central_differences(
    const std::function<double(const std::vector<double>&)>& f, std::vector<double> x,
    double h = 1e-5) {
  std::vector<double> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double here = x[i];
    x[i] = here + h;
    const double above = f(x);
    x[i] = here - h;
    const double below = f(x);
    x[i] = here;
    gradient[i] = (above - below) / (2 * h);
  }
  return gradient;
}

}  // namespace saddle::testing_support
