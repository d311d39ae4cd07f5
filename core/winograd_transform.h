// The one-dimensional transforms of Winograd's algorithm F(4, 3).
//
// A correlation of 6 inputs d with 3 weights g is a product of polynomials, and that is known by
// its values at 6 points: the values of both are multiplied, and the 4 outputs interpolated
// (Winograd 1980; Lavin and Gray 2016),
//   y = A^T [ (G g) . (B^T d) ].
// In two dimensions each is applied to columns, then to rows. `Number` is Lanes, or whatever has a
// Vec that adds, is multiplied by a float, and a multiply_add.
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

template <class Number>
struct Transform {
  using Vec = typename Number::Vec;

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

  // B^T d, of 6 inputs.
  static void input(const Vec d[6], Vec v[6]) {
    const Vec even_a = add(-b2, d[2], d[4]), odd_a = add(-b2, d[1], d[3]);
    const Vec even_b = add(-a2, d[2], d[4]), odd_b = add(-a2, d[1], d[3]);
    v[0] = add(a2_b2, d[0], add(-a2_plus_b2, d[2], d[4]));
    v[1] = add(a, odd_a, even_a);
    v[2] = add(-a, odd_a, even_a);
    v[3] = add(b, odd_b, even_b);
    v[4] = add(-b, odd_b, even_b);
    v[5] = add(a2_b2, d[1], add(-a2_plus_b2, d[3], d[5]));
  }
  // G g, of 3 weights.
  static void weights(const Vec g[3], Vec u[6]) {
    const Vec even_a = add(a0, g[0], a22 * g[2]), even_b = add(b0, g[0], b22 * g[2]);
    u[0] = zero0 * g[0];
    u[1] = add(a1, g[1], even_a);
    u[2] = add(-a1, g[1], even_a);
    u[3] = add(b1, g[1], even_b);
    u[4] = add(-b1, g[1], even_b);
    u[5] = g[2];
  }
  // A^T m: 4 outputs.
  static void output(const Vec m[6], Vec y[4]) {
    const Vec sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const Vec sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = add(a, difference_a, b * difference_b);
    y[2] = add(a2, sum_a, b2 * sum_b);
    y[3] = add(a3, difference_a, add(b3, difference_b, m[5]));
  }
  // A dy: what `output` does, transposed.
  static void output_gradient(const Vec dy[4], Vec d[6]) {
    const Vec even_a = add(a2, dy[2], dy[0]), odd_a = add(a2, dy[3], dy[1]);
    const Vec even_b = add(b2, dy[2], dy[0]), odd_b = add(b2, dy[3], dy[1]);
    d[0] = dy[0];
    d[1] = add(a, odd_a, even_a);
    d[2] = add(-a, odd_a, even_a);
    d[3] = add(b, odd_b, even_b);
    d[4] = add(-b, odd_b, even_b);
    d[5] = dy[3];
  }
  // G^T du: what `weights` does, transposed.
  static void weight_gradient(const Vec du[6], Vec dg[3]) {
    const Vec sum_a = du[1] + du[2], difference_a = du[1] - du[2];
    const Vec sum_b = du[3] + du[4], difference_b = du[3] - du[4];
    dg[0] = add(zero0, du[0], add(a0, sum_a, b0 * sum_b));
    dg[1] = add(a1, difference_a, b1 * difference_b);
    dg[2] = add(a22, sum_a, add(b22, sum_b, du[5]));
  }

 private:
  // x y + z
  static Vec add(float x, Vec y, Vec z) { return Number::multiply_add(x, y, z); }
};

}  // namespace saddle::winograd
