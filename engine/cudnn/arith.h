/* arith.h -- the arithmetic of everything between the convolutions, written once: CUDA kernels, the
 * `ref` backend and host tests call these functions, so that they differ by rounding only.
 *
 * Valid C11 and CUDA C++. A file that defines ARITH_DOUBLE first gets all of it in double (`ref`),
 * any other in float. Formulas: the specification's sections 1.2 to 1.7 and 1.10. */
#ifndef ENGINE_CUDNN_ARITH_H
#define ENGINE_CUDNN_ARITH_H

#include <math.h>
#include <stdint.h>

/* A function for both sides of the bus. nvcc inlines only what a header holds. */
#ifdef __CUDACC__
#define LENTIGO_HD static __host__ __device__ __forceinline__
#else
#define LENTIGO_HD static inline
#endif

/* Arrays stay in a GPU's registers only when the loops over them are unrolled. */
#ifdef __CUDA_ARCH__
#define LENTIGO_UNROLL _Pragma("unroll")
#else
#define LENTIGO_UNROLL
#endif

#ifdef ARITH_DOUBLE
typedef double real;
#define REAL_EXP(x) exp(x)
#else
typedef float real;
#ifdef __CUDA_ARCH__
#define REAL_EXP(x) __expf(x) /* within 2 + 1.2|x| units in the last place */
#else
#define REAL_EXP(x) expf(x)
#endif
#endif

/* A picture's byte as the network sees it: (x/255 - 0.5)/0.5. */
LENTIGO_HD real arith_normalise(uint8_t x)
{
    return ((real)x - (real)127.5) * (real)(1 / 127.5);
}

LENTIGO_HD real arith_relu(real x)
{
    return x > 0 ? x : 0;
}

/* Samples [begin, end) of an axis. */
struct arith_window {
    int begin, end;
};

/* Of output `i` of the 3-wide pool of stride 2 over `n` samples: the padding is left out. */
LENTIGO_HD struct arith_window arith_pool_window(int n, int i)
{
    struct arith_window w;

    w.begin = 2 * i - 1 > 0 ? 2 * i - 1 : 0;
    w.end = 2 * i + 2 < n ? 2 * i + 2 : n;
    return w;
}

/* Of output `i` of the adaptive pool of `n` samples to `bins`; windows may overlap. */
LENTIGO_HD struct arith_window arith_bin_window(int n, int bins, int i)
{
    struct arith_window w;

    w.begin = i * n / bins;
    w.end = ((i + 1) * n + bins - 1) / bins;
    return w;
}

/* What a mean over the window y by x has to be multiplied with. */
LENTIGO_HD real arith_share(struct arith_window y, struct arith_window x)
{
    return 1 / (real)((y.end - y.begin) * (x.end - x.begin));
}

/* One output of a resize along one axis: v[lo]*(1 - f) + v[hi]*f. */
struct arith_tap {
    int lo, hi;
    real f;
};

/* Output `k` of `to` from `from` samples, half-pixel, clamped at the edges: the source position is
 * (from/to)*(k + 0.5) - 0.5, here as a fraction of whole numbers and so exact. Sides up to 16384. */
LENTIGO_HD struct arith_tap arith_tap(int from, int to, int k)
{
    int whole = from * (2 * k + 1) - to;
    struct arith_tap t;

    whole = whole > 0 ? whole : 0;
    t.lo = whole / (2 * to);
    t.hi = t.lo + 1 < from ? t.lo + 1 : from - 1;
    t.f = (real)(whole - t.lo * 2 * to) / (real)(2 * to);
    return t;
}

/* Shares of the four corners of a bilinear value: upper left, upper right, lower left, lower
 * right. */
struct arith_corners {
    real share[4];
};

LENTIGO_HD struct arith_corners arith_corners(struct arith_tap y, struct arith_tap x)
{
    struct arith_corners c;

    c.share[0] = (1 - y.f) * (1 - x.f);
    c.share[1] = (1 - y.f) * x.f;
    c.share[2] = y.f * (1 - x.f);
    c.share[3] = y.f * x.f;
    return c;
}

/* Added up in the order of Paddle's kernel: column by column. */
LENTIGO_HD real arith_bilinear(struct arith_corners c, real ul, real ur, real ll, real lr)
{
    return ul * c.share[0] + ll * c.share[2] + ur * c.share[1] + lr * c.share[3];
}

/* Sum and largest of some values; joined in any fixed order. */
struct arith_reduced {
    real sum, max;
};

LENTIGO_HD struct arith_reduced arith_join(struct arith_reduced a, struct arith_reduced b)
{
    a.sum += b.sum;
    a.max = b.max > a.max ? b.max : a.max;
    return a;
}

LENTIGO_HD struct arith_reduced arith_reduced_add(struct arith_reduced r, real x)
{
    struct arith_reduced one;

    one.sum = one.max = x;
    return arith_join(r, one);
}

LENTIGO_HD real arith_sigmoid(real x)
{
    return 1 / (1 + REAL_EXP(-x));
}

/* The fusion of low branch `x` and high branch `y` by attention `a`. */
LENTIGO_HD real arith_blend(real x, real y, real a, real scale)
{
    return x * a + y * (scale - a);
}

enum { ARITH_CLASSES = 8 };

/* Sums over pixels, all of them of one type so that they can be added up alike: softmax values of
 * all pixels and of lesion pixels (class not 0), the highest lesion class's values of lesion pixels, and
 * how many lesion pixels there were (whole; a float counts to 2^24). */
enum {
    ARITH_ALL,
    ARITH_LESION = ARITH_CLASSES,
    ARITH_TOP = 2 * ARITH_CLASSES,
    ARITH_LESION_PX,
    ARITH_SUMS
};

/* The softmax's powers, of logits less the highest, into p; their sum is returned. */
LENTIGO_HD real arith_powers(const real logits[ARITH_CLASSES], real p[ARITH_CLASSES])
{
    real top = logits[0], total = 0;

    LENTIGO_UNROLL
    for (int c = 1; c < ARITH_CLASSES; c++)
        top = logits[c] > top ? logits[c] : top;
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        total += p[c] = REAL_EXP(logits[c] - top);
    return total;
}

/* Background when at least half of the probability is its own, else the likeliest of the lesion's
 * classes, the lowest in a tie (engine.h says why). */
LENTIGO_HD int arith_label(const real p[ARITH_CLASSES], real total)
{
    real top = p[1];
    int best = 1;

    LENTIGO_UNROLL
    for (int c = 2; c < ARITH_CLASSES; c++) {
        best = p[c] > top ? c : best;
        top = p[c] > top ? p[c] : top;
    }
    return 2 * p[0] < total ? best : 0;
}

/* Add one pixel of that label. */
LENTIGO_HD void arith_score(real sums[ARITH_SUMS], const real p[ARITH_CLASSES], real total,
                            int label)
{
    real share = 1 / total, lesion = label ? share : 0, top = p[1];

    LENTIGO_UNROLL
    for (int c = 2; c < ARITH_CLASSES; c++)
        top = p[c] > top ? p[c] : top;
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        sums[ARITH_ALL + c] += p[c] * share;
        sums[ARITH_LESION + c] += p[c] * lesion;
    }
    sums[ARITH_TOP] += top * lesion;
    sums[ARITH_LESION_PX] += (real)(label != 0);
}

#endif
