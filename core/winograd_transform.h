// The one-dimensional transforms of Winograd's algorithm F(4, 3).
//
// A correlation of 6 inputs d with 3 weights g is a product of polynomials, and that is known by
// its values at 6 points: the values of both are multiplied, and the 4 outputs interpolated
// (Winograd 1980; Lavin and Gray 2016),
//   y = A^T [ (G g) . (B^T d) ].
// In two dimensions each is applied to columns, then to rows. `Vec` is a vector of any number of
// lanes.
//
// The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity. The usual ones, 0, 1, -1, 2, -2 and
// infinity, err twice as much, for powers of 2 grow faster (compare Barabasz et al. 2020, "Error
// analysis and improving the accuracy of Winograd convolution for deep neural networks").
//
// Rounding. Follow one output through the steps: with |.| for matrices of absolute values, unit
// roundoff u and n products summed, it errs by at most about
//   (n + 24) u  sum over channels of |A^T| [ (|G| |g| |G^T|) . (|B^T| |d| |B|) ] |A|,
// 24 operations being those along the way; the gradients alike, with the matrices transposed.
// Typically it errs far less, about twice as much as a direct sum, and PreActResNet-18's logits are
// within 1e-6 of the largest (PyTorch's own float32: 2e-7): all three are held to in tests.
#pragma once

namespace saddle::winograd {

struct Transform {
  // The points are 0, a, -a, b, -b and infinity. A^T holds their powers,
  //   1  1   1   1   1  0
  //   0  a  -a   b  -b  0
  //   0 a^2 a^2 b^2 b^2 0
  //   0 a^3 -a^3 b^3 -b^3 1,
  // G the powers up to the second, each row over N(p) = product over the other points of (p - q),
  // and B^T the coefficients of the products of (z - q) over those other points.
  static constexpr double kA = 0.75, kB = 1.5, kA2 = kA * kA, kB2 = kB * kB;
  static constexpr double kN0 = kA2 * kB2, kNa = 2 * kA2 * (kA2 - kB2), kNb = 2 * kB2 * (kB2 - kA2);
  static constexpr float a = kA, b = kB, a2 = kA2, b2 = kB2, a3 = kA * kA2, b3 = kB * kB2,
                         a2_b2 = kA2 * kB2, a2_plus_b2 = kA2 + kB2;
  static constexpr float zero0 = 1 / kN0;                               // row of G at 0
  static constexpr float a0 = 1 / kNa, a1 = kA / kNa, a22 = kA2 / kNa;  // at a and -a
  static constexpr float b0 = 1 / kNb, b1 = kB / kNb, b22 = kB2 / kNb;  // at b and -b

  template <class Vec>
  static void input(const Vec d[6], Vec v[6]) {
    const Vec even_a = d[4] - b2 * d[2], odd_a = d[3] - b2 * d[1];
    const Vec even_b = d[4] - a2 * d[2], odd_b = d[3] - a2 * d[1];
    v[0] = a2_b2 * d[0] + (d[4] - a2_plus_b2 * d[2]);
    v[1] = even_a + a * odd_a;
    v[2] = even_a - a * odd_a;
    v[3] = even_b + b * odd_b;
    v[4] = even_b - b * odd_b;
    v[5] = a2_b2 * d[1] + (d[5] - a2_plus_b2 * d[3]);
  }
  template <class Vec>
  static void weights(const Vec g[3], Vec u[6]) {
    const Vec even_a = a0 * g[0] + a22 * g[2], odd_a = a1 * g[1];
    const Vec even_b = b0 * g[0] + b22 * g[2], odd_b = b1 * g[1];
    u[0] = zero0 * g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
  }
  template <class Vec>
  static void output(const Vec m[6], Vec y[4]) {
    const Vec sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const Vec sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = a * difference_a + b * difference_b;
    y[2] = a2 * sum_a + b2 * sum_b;
    y[3] = a3 * difference_a + (b3 * difference_b + m[5]);
  }
  template <class Vec>
  static void output_gradient(const Vec dy[4], Vec d[6]) {
    const Vec even_a = dy[0] + a2 * dy[2], odd_a = a * dy[1] + a3 * dy[3];
    const Vec even_b = dy[0] + b2 * dy[2], odd_b = b * dy[1] + b3 * dy[3];
    d[0] = dy[0];
    d[1] = even_a + odd_a;
    d[2] = even_a - odd_a;
    d[3] = even_b + odd_b;
    d[4] = even_b - odd_b;
    d[5] = dy[3];
  }
  template <class Vec>
  static void weight_gradient(const Vec du[6], Vec dg[3]) {
    const Vec sum_a = du[1] + du[2], difference_a = du[1] - du[2];
    const Vec sum_b = du[3] + du[4], difference_b = du[3] - du[4];
    dg[0] = zero0 * du[0] + (a0 * sum_a + b0 * sum_b);
    dg[1] = a1 * difference_a + b1 * difference_b;
    dg[2] = a22 * sum_a + (b22 * sum_b + du[5]);
  }
};

}  // namespace saddle::winograd
