// Spans: kernels that handle N neighbouring elements at once, so that a GPU reads and writes 16
// bytes an access, the widest there is, instead of 2 or 4.
//
// A flat or grid kernel becomes a span kernel by writing its body once, for any N:
//
//   struct Twice {
//     static constexpr int kSpan = 4;                            // elements a GPU thread handles
//     Array<const float> x;  Array<float> y;
//     template <int N>
//     SADDLE_DEVICE void span(int64_t i) const {                 // elements i .. i + N - 1
//       Floats<N> value = load<N>(x, i);
//       for (int k = 0; k < N; ++k) value[k] *= 2.f;
//       store<N>(y, i, value);
//     }
//     SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
//     bool aligned() const { return all_aligned(x, y); }         // whether span<kSpan> may run
//   };
//
// The CPU loops over operator() and lets the compiler vectorise. A GPU, and the emulator in its
// place, runs FlatSpans or GridSpans where aligned() holds and operator() where not. Both compute
// each element alike, so the bits are the same.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/math.h"
#include "kernels/portable.h"

namespace saddle {

template <int N>
struct Floats {
  float v[N];
  SADDLE_DEVICE float& operator[](int k) { return v[k]; }
  SADDLE_DEVICE float operator[](int k) const { return v[k]; }
};

inline constexpr int kAccessBytes = 16;

// Elements of T in one access.
template <class T>
inline constexpr int kAccessElements = kAccessBytes / static_cast<int>(sizeof(T));

namespace details {

#if defined(__CUDA_ARCH__)

// How N elements of T cross the bus: in words of 16 bytes, or of 8 where they are fewer.
template <int N, class T>
struct Words {
  static constexpr int kBytes = N * static_cast<int>(sizeof(T));
  static constexpr bool kWide = kBytes % 8 == 0;
  using Word = std::conditional_t<kBytes % 16 == 0, uint4, uint2>;
  static constexpr int kCount = kBytes / static_cast<int>(sizeof(Word));
};

#endif

}  // namespace details

// Elements i .. i + N - 1. For N > 1 on a GPU, the first must lie on a 16-byte boundary (8 where
// there are only 8 bytes).
template <int N, class T>
SADDLE_DEVICE Floats<N> load(const Array<T>& from, int64_t i) {
  Floats<N> values;
#if defined(__CUDA_ARCH__)
  using Words = details::Words<N, T>;
  if constexpr (Words::kWide) {
    alignas(16) std::remove_const_t<T> elements[N];
    for (int w = 0; w < Words::kCount; ++w) {
      reinterpret_cast<typename Words::Word*>(elements)[w] =
          reinterpret_cast<const typename Words::Word*>(from.data + i)[w];
    }
    for (int k = 0; k < N; ++k) values[k] = elements[k];
  } else
#endif
  {
    for (int k = 0; k < N; ++k) values[k] = from[i + k];
  }
  return values;
}

// Rounds each value to T once.
template <int N, class T>
SADDLE_DEVICE void store(const Array<T>& to, int64_t i, const Floats<N>& values) {
#if defined(__CUDA_ARCH__)
  using Words = details::Words<N, T>;
  if constexpr (Words::kWide) {
    alignas(16) T elements[N];
    for (int k = 0; k < N; ++k) elements[k] = values[k];
    for (int w = 0; w < Words::kCount; ++w) {
      reinterpret_cast<typename Words::Word*>(to.data + i)[w] =
          reinterpret_cast<const typename Words::Word*>(elements)[w];
    }
  } else
#endif
  {
    for (int k = 0; k < N; ++k) to[i + k] = values[k];
  }
}

// The first `count` of N elements, one by one; 0 for the others. Needs no alignment.
template <int N, class T>
SADDLE_DEVICE Floats<N> load_first(const Array<T>& from, int64_t i, int64_t count) {
  Floats<N> values;
  for (int k = 0; k < N; ++k) values[k] = k < count ? static_cast<float>(from[i + k]) : 0.f;
  return values;
}

// Calls add(fetch(i)) for i = first, first + stride, ... below `end`, in this order, and returns
// the next i. kAtOnce are fetched before the first of them is added, so that their loads are under
// way together.
template <int kAtOnce, class Fetch, class Add>
SADDLE_DEVICE int64_t for_strided(int64_t i, int64_t end, int64_t stride, Fetch fetch, Add add) {
  if constexpr (kAtOnce > 1) {
    for (; i + (kAtOnce - 1) * stride < end; i += kAtOnce * stride) {
      decltype(fetch(i)) fetched[kAtOnce];
      for (int k = 0; k < kAtOnce; ++k) fetched[k] = fetch(i + k * stride);
      for (int k = 0; k < kAtOnce; ++k) add(fetched[k]);
    }
  }
  for (; i < end; i += stride) add(fetch(i));
  return i;
}

// Whether every array starts on a 16-byte boundary; one that is empty does.
template <class... Elements>
SADDLE_DEVICE bool all_aligned(const Array<Elements>&... arrays) {
  return ((reinterpret_cast<uintptr_t>(arrays.data) % kAccessBytes == 0) && ...);
}

template <class Kernel>
concept FlatSpanKernel = requires(const Kernel& kernel) {
  Kernel::kSpan;
  kernel.aligned();
};
// aligned(columns): as aligned(), and every row starts on a boundary.
template <class Kernel>
concept GridSpanKernel = requires(const Kernel& kernel, int64_t columns) {
  Kernel::kSpan;
  kernel.aligned(columns);
};
template <class Kernel>
concept SpanKernel = FlatSpanKernel<Kernel> || GridSpanKernel<Kernel>;

// A flat span kernel over n elements as what each GPU thread does: the first n / kSpan threads a
// whole span, the rest an element of the tail. Itself a flat kernel.
template <class Kernel>
struct FlatSpans {
  Kernel kernel;
  int64_t n;
  int64_t threads() const { return n / Kernel::kSpan + n % Kernel::kSpan; }
  SADDLE_DEVICE void operator()(int64_t thread) const {
    const int64_t whole = n / Kernel::kSpan;
    if (thread < whole) {
      kernel.template span<Kernel::kSpan>(thread * Kernel::kSpan);
    } else {
      kernel.template span<1>(whole * Kernel::kSpan + (thread - whole));
    }
  }
};

// A grid span kernel all of whose rows need the same numbers of a column (a batch-norm's scale and
// shift) has three functions in place of span<N>, so that a GPU thread reads these once for several
// rows. (The compiler must read them anew at each: a store might have changed them.)
//
//   Columns<N> columns<N>(column)      the numbers of columns column .. column + N - 1
//   Row<N> fetch<N>(row, column)       what is read of a row there
//   finish<N>(row, column, const Row<N>&, const Columns<N>&)           computes and stores
//
// Its call operator is finish<1>(row, column, fetch<1>(row, column), columns<1>(column)).
template <class Kernel>
concept ColumnSpanKernel = GridSpanKernel<Kernel> && requires(const Kernel& kernel) {
  kernel.template columns<1>(0);
};

// Rows of such a kernel that a GPU thread takes; it fetches all of them before it finishes one.
inline constexpr int kRowsOfThread = 2;

// A grid span kernel over so many rows as what each GPU thread does: itself a grid kernel, over
// row_threads() x columns / kSpan, where kSpan is a divisor of `columns`.
template <class Kernel>
struct GridSpans {
  // Else the compiler saves registers, and fetches a second row after it has used the first.
  static constexpr int kResidentBlocks = ColumnSpanKernel<Kernel> ? 3 : 0;
  Kernel kernel;
  int64_t rows;
  SADDLE_DEVICE int64_t row_threads() const {
    return ColumnSpanKernel<Kernel> ? ceil_divide(rows, kRowsOfThread) : rows;
  }
  SADDLE_DEVICE void operator()(int64_t thread, int64_t span) const {
    constexpr int N = Kernel::kSpan;
    if constexpr (ColumnSpanKernel<Kernel>) {
      take_rows<N>(thread, span * N);
    } else {
      kernel.template span<N>(thread, span * N);
    }
  }

 private:
  // Rows far apart, so that in each access the threads of a warp read neighbouring ones.
  template <int N>
  SADDLE_DEVICE void take_rows(int64_t thread, int64_t column) const {
    struct Fetched {
      int64_t row;
      decltype(kernel.template fetch<N>(0, 0)) values;
    };
    const auto numbers = kernel.template columns<N>(column);
    for_strided<kRowsOfThread>(
        thread, rows, row_threads(),
        [&](int64_t row) {
          return Fetched{row, kernel.template fetch<N>(row, column)};
        },
        [&](const Fetched& of) { kernel.template finish<N>(of.row, column, of.values, numbers); });
  }
};

}  // namespace saddle
