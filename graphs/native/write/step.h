/* The C that is the same in every file that graphs.native writes.

   Each section begins with a line "//: names <- what it needs"; write/file.py puts those into a file whose
   names its own code calls. The functions of one real variable are those that the C compiler shall vectorise.
   C libraries offer them one number at a time, which costs more than the whole sweep over the data. These have no
   branches, so a compiler turns a loop of calls into vector instructions; infinities and NaN come out as IEEE
   754 and NumPy have them. Derivations:

   exp
       x = n ln 2 + r with integer n and |r| <= 1/2 ln 2; e^x = 2^n e^r, and the Taylor series of e^r to degree
       13 errs by less than (1/2 ln 2)^14 / 14! < 5e-18. ln 2 is held in two parts, the first short enough for
       n ln 2 to be exact. 2^n is multiplied in two halves so that results down to the smallest subnormal are
       rounded once.
   log
       x = 2^k m with m in [sqrt(1/2), sqrt 2]; with f = m - 1 and s = f / (2 + f),
       log m = 2 artanh s = f - s (f - 2 (s^2/3 + s^4/5 + ...)); s^2 < 0.0295, so eleven terms leave < 1e-18.
   log1p
       with u = fl(1 + x): log(1 + x) = log u + (x - (u - 1)) / u, the second term being what rounding lost.
   sigmoid, softplus
       through e = exp(-|x|), which cannot overflow: 1/(1+e) or e/(1+e); max(x, 0) + log1p(e).

   Errors against 50 digits over the whole range: tests/native/test_write_step.py, none above 4 ULP. */

//: head
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#define THREAD omp_get_thread_num()
#else
#define THREAD 0
#endif
#define ALIGNED __attribute__((aligned(64)))

/* The head of a NumPy array, as CPython lays it out; strides are in bytes. */
typedef struct {
    intptr_t references;
    void *type;
    char *data;
    int axes;
    int64_t *shape, *strides;
    void *base, *dtype;
    int flags;
} Array;

enum { OTHER_SHAPE = -1, UNALIGNED = -2, OTHER_RANK = -3, NO_MEMORY = -4, OTHER_LAYOUT = -5, FAILED = -6 };

/* Whether an array is aligned; whether an output has the shape that is wanted. */
static int aligned(const Array *a) { return (a->flags & 0x100) != 0; }
static int fits(const Array *a, const int64_t *want, int axes)
{
    for (int k = 0; k < axes; ++k)
        if (a->shape[k] != want[k]) return 0;
    return a->axes == axes;
}

//: parts_of share
/* How many parts the rows are cut into, each worth a thread, and where a part begins. Neither asks how many threads
   there are, so that the bits of what is summed over the rows do not depend on it. */
static inline int parts_of(int64_t rows, int64_t work)
{
    int parts = 1;
    while (parts < 64 && work / parts >= 262144 && rows / parts >= 128) parts *= 2;
    return parts;
}
static inline int64_t share(int64_t rows, int64_t part, int64_t parts)
{
    return part == parts ? rows : rows * part / parts & ~(int64_t)7;
}

//: share_triangle
/* The same where row i is i numbers long: the rows before a part hold its share of the triangle. */
static inline int64_t share_triangle(int64_t rows, int64_t part, int64_t parts)
{
    return part == parts ? rows : (int64_t)(rows * sqrt((double)part / parts)) & ~(int64_t)7;
}

//: team_of
/* How many threads so many turns are worth, if each stands alone. */
static inline int team_of(int threads, int64_t work)
{
    return work < 2 * 131072 ? 1 : work / 131072 < threads ? (int)(work / 131072) : threads;
}

//: INLINE
#define INLINE static inline __attribute__((always_inline)) /* a loop with a call in it would not vectorise */

//: largest
/* How vectors of largest numbers become one: NaN wins, as in NumPy. */
#pragma omp declare reduction(largest : double, float : \
    omp_out = omp_in > omp_out || omp_in != omp_in ? omp_in : omp_out) initializer(omp_priv = -INFINITY)

//: smallest
/* The same of smallest numbers. */
#pragma omp declare reduction(smallest : double, float : \
    omp_out = omp_in < omp_out || omp_in != omp_in ? omp_in : omp_out) initializer(omp_priv = INFINITY)

//: bits_of from_bits
/* A double's 64 bits as an integer, and back. */
INLINE int64_t bits_of(double x) { int64_t b; memcpy(&b, &x, 8); return b; }
INLINE double from_bits(int64_t b) { double x; memcpy(&x, &b, 8); return x; }

//: madd
/* a*b + c, in one rounding where the processor has an instruction for it. */
INLINE double madd(double a, double b, double c)
{
#ifdef __FMA__
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

//: maddf
INLINE float maddf(float a, float b, float c)
{
#ifdef __FMA__
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

//: exp_ <- bits_of madd
/* e^x = 2^n e^r, r = x - n ln 2; Taylor series for e^r. No branches, so that loops of it vectorise. */
INLINE double exp_(double x)
{
    const double whole = 0x1.8p52;                      /* adding it rounds to an integer in the low bits */
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    const double n = (x * 0x1.71547652b82fep0 + whole) - whole;
    double r = madd(n, -0x1.62e42fee00000p-1, x);
    r = madd(n, -0x1.a39ef35793c76p-33, r);
    const double q = r * r;
    double p = madd(r, 1.0 / 6227020800.0, 1.0 / 479001600.0);  /* two terms of the series at a time */
    p = madd(p, q, madd(r, 1.0 / 39916800.0, 1.0 / 3628800.0));
    p = madd(p, q, madd(r, 1.0 / 362880.0, 1.0 / 40320.0));
    p = madd(p, q, madd(r, 1.0 / 5040.0, 1.0 / 720.0));
    p = madd(p, q, madd(r, 1.0 / 120.0, 1.0 / 24.0));
    p = madd(p, q, madd(r, 1.0 / 6.0, 0.5));
    p = madd(p, q, r) + 1.0;
    const double half = (n * 0.5 + whole) - whole;      /* 2^n in two halves: it may not fit in one double */
    const double a = from_bits((int64_t)((uint64_t)bits_of(half + 1023.0 + whole) << 52));
    const double b = from_bits((int64_t)((uint64_t)bits_of(n - half + 1023.0 + whole) << 52));
    return p * a * b;
}

//: log_ <- bits_of madd
/* log x = k ln 2 + log m, m in [sqrt(1/2), sqrt 2]; log m = 2 artanh s, s = (m-1)/(m+1). */
INLINE double log_(double x)
{
    const double scale = x < 0x1p-1022 ? 0x1p54 : 1.0;  /* lift subnormal numbers */
    const int64_t b = bits_of(x * scale) - 0x3fe6a09e667f3bcdLL;
    const double biased = from_bits((int64_t)(((uint64_t)b >> 52) ^ 0x800) + 0x4330000000000000LL);
    const double k = biased - (0x1p52 + 2048.0) - (scale > 1.0 ? 54.0 : 0.0);
    const double m = from_bits((b & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double p = 2.0 / 23.0;
    p = madd(p, z, 2.0 / 21.0);
    p = madd(p, z, 2.0 / 19.0);
    p = madd(p, z, 2.0 / 17.0);
    p = madd(p, z, 2.0 / 15.0);
    p = madd(p, z, 2.0 / 13.0);
    p = madd(p, z, 2.0 / 11.0);
    p = madd(p, z, 2.0 / 9.0);
    p = madd(p, z, 2.0 / 7.0);
    p = madd(p, z, 2.0 / 5.0);
    p = madd(p, z, 2.0 / 3.0);
    p = p * z;
    const double tail = madd(k, 0x1.a39ef35793c76p-33, -(s * (f - p)));
    double y = madd(k, 0x1.62e42fee00000p-1, f + tail);
    y = x == 0.0 ? -INFINITY : y;
    y = x < 0.0 ? NAN : y;
    return x < INFINITY ? y : x;                         /* infinity, and NaN, which compares false */
}

//: log1p_ <- log_
/* log(1 + x): what rounding 1 + x lost is added back. */
INLINE double log1p_(double x)
{
    const double u = 1.0 + x;
    const double lost = (x - (u - 1.0)) / u;
    const double y = log_(u) + lost;
    return (u > 0.0 && u < INFINITY) ? (x == 0.0 ? x : y) : log_(u);
}

//: sigmoid <- exp_
/* 1 / (1 + e^-x), through e^-|x|, which cannot overflow. */
INLINE double sigmoid(double x)
{
    const double e = exp_(-fabs(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

//: log1p_unit <- madd
/* log(1 + f) for f in [0, 1]: 2 artanh s, s = f/(2 + f). */
INLINE double log1p_unit(double f)
{
    const double s = f / (2.0 + f);
    const double z = s * s, y = z * z;
    double p = madd(z, 2.0 / 35.0, 2.0 / 33.0);         /* two terms of the series at a time */
    p = madd(p, y, madd(z, 2.0 / 31.0, 2.0 / 29.0));
    p = madd(p, y, madd(z, 2.0 / 27.0, 2.0 / 25.0));
    p = madd(p, y, madd(z, 2.0 / 23.0, 2.0 / 21.0));
    p = madd(p, y, madd(z, 2.0 / 19.0, 2.0 / 17.0));
    p = madd(p, y, madd(z, 2.0 / 15.0, 2.0 / 13.0));
    p = madd(p, y, madd(z, 2.0 / 11.0, 2.0 / 9.0));
    p = madd(p, y, madd(z, 2.0 / 7.0, 2.0 / 5.0));
    p = madd(p, z, 2.0 / 3.0);
    return f - s * (f - p * z);
}

//: softplus <- exp_ log1p_unit
/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
INLINE double softplus(double x)
{
    return (x < 0.0 ? 0.0 : x) + log1p_unit(exp_(-fabs(x)));
}

//: log1mexp
/* log(1 - e^x), x < 0. */
INLINE double log1mexp(double x)
{
    return x > -0.6931471805599453 ? log(-expm1(x)) : log1p(-exp(x));
}

//: floor_div
/* Division that rounds down, as Python's // does; NumPy gives 0 for a whole number over 0. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
    if (b == 0) return 0;
    if (b == -1) return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

//: floor_mod
/* What floor division leaves; it has the divisor's sign. */
static inline int64_t floor_mod(int64_t a, int64_t b)
{
    if (b == 0 || b == -1) return 0;
    const int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

//: floor_modf
INLINE double floor_modf(double a, double b)
{
    double r = fmod(a, b);
    if (b == 0.0 || r != r) return r;
    if (r != 0.0) return (r < 0.0) != (b < 0.0) ? r + b : r;
    return copysign(0.0, b);
}

//: floor_divf <- floor_modf
INLINE double floor_divf(double a, double b)
{
    if (b == 0.0) return a / b;
    const double r = floor_modf(a, b);
    const double q = (a - r) / b;
    if (q == 0.0) return copysign(0.0, a / b);
    const double down = floor(q);
    return q - down > 0.5 ? down + 1.0 : down;
}

//: power
/* Whole powers of whole numbers, wrapping around as NumPy's do. */
static inline int64_t power(int64_t a, int64_t n)
{
    uint64_t r = 1, base = (uint64_t)a;
    for (; n > 0; n >>= 1, base *= base)
        if (n & 1) r *= base;
    return (int64_t)r;
}

//: slice_start slice_length
/* Python's slices: where one starts and how long it is, given the axis's length n. */
static inline int64_t slice_start(int64_t n, int64_t start, int64_t step)
{
    if (start < 0) start += n;
    if (step > 0) return start < 0 ? 0 : start > n ? n : start;
    return start < 0 ? -1 : start >= n ? n - 1 : start;
}
static inline int64_t slice_length(int64_t start, int64_t stop, int64_t step)
{
    if (step > 0) return stop > start ? (stop - start - 1) / step + 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

//: perform_type
/* Python's part: the Apply node of this number, given where each input is (and how long its axes are); tells where
   each output is, and how long its axes are. */
typedef int perform_type(int node, const int64_t *inputs, int64_t *outputs);

//: dgemm_type, also float
/* c = alpha a b + beta c in Fortran's memory order, from a library of linear algebra (BLAS). */
typedef void dgemm_type(const char *, const char *, const int *, const int *, const int *, const double *,
                        const double *, const int *, const double *, const int *, const double *, double *, const int *);

//: multiply <- dgemm_type madd, also float
/* c = a b for each matrix of a batch; a has m rows, b has n columns, k is summed over, c is in C order. What is
   small, or lies in no memory order that BLAS knows, is summed here. C's c = a b is Fortran's c' = b' a'. */
static int is_stacked(int64_t row, int64_t column, int64_t columns) { return column == 1 && row >= columns; }
static void multiply(dgemm_type *dgemm, int64_t batch, int64_t m, int64_t n, int64_t k,
                     const double *a, int64_t a_next, int64_t a_row, int64_t a_column,
                     const double *b, int64_t b_next, int64_t b_row, int64_t b_column, double *c)
{
    const double one = 1.0, zero = 0.0;
    const int64_t longest = m > n ? (m > k ? m : k) : (n > k ? n : k);
    const int a_rows = is_stacked(a_row, a_column, k), b_rows = is_stacked(b_row, b_column, n);
    const int large = dgemm && k > 0 && m * n * k > 512 && longest < 1 << 30
        && (a_rows || is_stacked(a_column, a_row, m)) && (b_rows || is_stacked(b_column, b_row, k));
    const int rows = (int)n, columns = (int)m, inner = (int)k;
    const int a_step = (int)(a_rows ? a_row : a_column), b_step = (int)(b_rows ? b_row : b_column);
    for (int64_t each = 0; each < batch; ++each, a += a_next, b += b_next, c += m * n) {
        if (large) {
            dgemm(b_rows ? "N" : "T", a_rows ? "N" : "T", &rows, &columns, &inner, &one, b, &b_step, a, &a_step,
                  &zero, c, &rows);
            continue;
        }
        for (int64_t i = 0; i < m; ++i) {
            double *const to = c + i * n;
            for (int64_t j = 0; j < n; ++j) to[j] = 0.0;
            for (int64_t l = 0; l < k; ++l) {
                const double factor = a[i * a_row + l * a_column];
                for (int64_t j = 0; j < n; ++j) to[j] = madd(factor, b[l * b_row + j * b_column], to[j]);
            }
        }
    }
}

//: count_set
/* How many of n truth values are set. */
static int64_t count_set(const uint8_t *set, int64_t n)
{
    int64_t count = 0;
    for (int64_t k = 0; k < n; ++k) count += set[k] != 0;
    return count;
}

//: find_set
/* Where truth values are set, in C order: their place along each axis. */
static void find_set(const uint8_t *set, int64_t axes, const int64_t *shape, int64_t *const *places)
{
    int64_t n = 1, found = 0;
    for (int64_t axis = 0; axis < axes; ++axis) n *= shape[axis];
    for (int64_t k = 0; k < n; ++k) {
        if (!set[k]) continue;
        int64_t rest = k;
        for (int64_t axis = axes; axis-- > 0; rest /= shape[axis]) places[axis][found] = rest % shape[axis];
        ++found;
    }
}

//: oldest_first
/* Rows that were written in a circle, `taken` in all: turned so that the oldest comes first; zeros after the last one
   where there are more rows than that. */
static void exchange_rows(char *data, int64_t first, int64_t last, int64_t bytes)
{
    for (--last; first < last; ++first, --last)
        for (int64_t k = 0; k < bytes; ++k) {
            const char kept = data[first * bytes + k];
            data[first * bytes + k] = data[last * bytes + k];
            data[last * bytes + k] = kept;
        }
}
static void oldest_first(void *data, int64_t rows, int64_t size, int64_t width, int64_t taken)
{
    const int64_t bytes = size * width;
    if (taken < rows) memset((char *)data + taken * bytes, 0, (rows - taken) * bytes);
    if (taken <= rows || taken % rows == 0) return;
    exchange_rows(data, 0, taken % rows, bytes);
    exchange_rows(data, taken % rows, rows, bytes);
    exchange_rows(data, 0, rows, bytes);
}

//: dpotrf_type, also float
/* LAPACK's Cholesky factorization. */
typedef void dpotrf_type(char *, int *, double *, int *, int *);

//: dtrsm_type, also float
/* BLAS's solution of triangular systems. */
typedef void dtrsm_type(char *, char *, char *, char *, int *, int *, double *, double *, int *, double *, int *);

//: dgetrf_type, also float
/* LAPACK's LU factorization with pivots, */
typedef void dgetrf_type(int *, int *, double *, int *, int *, int *);

//: dgetrs_type, also float
/* what it solves, */
typedef void dgetrs_type(char *, int *, int *, double *, int *, int *, double *, int *, int *);

//: dgetri_type, also float
/* and the inverse from it. */
typedef void dgetri_type(int *, double *, int *, int *, double *, int *, int *);

//: dsyevr_type, also float
/* LAPACK's eigenvalues and eigenvectors of symmetric matrices. */
typedef void dsyevr_type(char *, char *, char *, int *, double *, int *, double *, double *, int *, int *, double *,
                         int *, double *, double *, int *, int *, double *, int *, int *, int *, int *);

//: cholesky <- dpotrf_type, also float
/* Each matrix becomes its Cholesky factor, or NaN where it has none. Lower here is upper in Fortran's order. */
static void cholesky(dpotrf_type *dpotrf, int64_t count, int64_t n, int64_t lower, double *a)
{
    int size = (int)n, failed = 0;
    for (; n && count-- > 0; a += n * n) {
        dpotrf(lower ? "U" : "L", &size, a, &size, &failed);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j)
                a[i * n + j] = failed ? NAN : (lower ? j > i : j < i) ? 0.0 : a[i * n + j];
    }
}

//: solve_triangle <- dtrsm_type, also float
/* a x = b for triangles a, x in the place of b: x' a' = b' in Fortran's order. NaN where there is a zero on the
   diagonal. */
static void solve_triangle(dtrsm_type *dtrsm, int64_t count, int64_t n, int64_t columns, int64_t lower, int64_t unit,
                           double *a, double *b)
{
    int size = (int)n, wide = (int)columns;
    double one = 1.0;
    for (; n && columns && count-- > 0; a += n * n, b += n * columns) {
        int zero = 0;
        for (int64_t i = 0; i < n; ++i) zero |= !unit && a[i * n + i] == 0.0;
        dtrsm("R", lower ? "U" : "L", "N", unit ? "U" : "N", &wide, &size, &one, a, &size, b, &wide);
        for (int64_t k = 0; zero && k < n * columns; ++k) b[k] = NAN;
    }
}

//: solve_factored <- dtrsm_type, also float
/* (a a') x = b, or (a' a) x = b where a is upper, for a Cholesky factor a; x in the place of b. */
static void solve_factored(dtrsm_type *dtrsm, int64_t count, int64_t n, int64_t columns, int64_t lower, double *a,
                           double *b)
{
    int size = (int)n, wide = (int)columns;
    double one = 1.0;
    for (; n && columns && count-- > 0; a += n * n, b += n * columns)
        for (int turned = 0; turned < 2; ++turned)
            dtrsm("R", lower ? "U" : "L", turned == (lower != 0) ? "T" : "N", "N", &wide, &size, &one, a, &size, b,
                  &wide);
}

//: solve_positive <- cholesky solve_factored, also float
/* a x = b for a that is symmetric and positive definite; x in the place of b. */
static void solve_positive(dpotrf_type *dpotrf, dtrsm_type *dtrsm, int64_t count, int64_t n, int64_t columns,
                           int64_t lower, double *a, double *b)
{
    cholesky(dpotrf, count, n, lower, a);
    solve_factored(dtrsm, count, n, columns, lower, a, b);
}

//: solve <- dgetrf_type dgetrs_type, also float
/* a x = b; x in the place of b, by way of `room`, where it lies in Fortran's order. NaN where a is singular. */
static void solve(dgetrf_type *dgetrf, dgetrs_type *dgetrs, int64_t count, int64_t n, int64_t columns, int *pivots,
                  double *room, double *a, double *b)
{
    int size = (int)n, wide = (int)columns, failed = 0, ignored = 0;
    for (; n && columns && count-- > 0; a += n * n, b += n * columns) {
        dgetrf(&size, &size, a, &size, pivots, &failed);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < columns; ++j) room[j * n + i] = b[i * columns + j];
        if (!failed) dgetrs("T", &size, &wide, a, &size, pivots, room, &size, &ignored);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < columns; ++j) b[i * columns + j] = failed ? NAN : room[j * n + i];
    }
}

//: invert <- dgetrf_type dgetri_type, also float
/* Each matrix becomes its inverse; whether one of them is singular. */
static int64_t invert(dgetrf_type *dgetrf, dgetri_type *dgetri, int64_t count, int64_t n, int *pivots, double *room,
                      double *a)
{
    int size = (int)n, work = (int)(64 * n), failed = 0;
    for (; n && !failed && count-- > 0; a += n * n) {
        dgetrf(&size, &size, a, &size, pivots, &failed);
        if (!failed) dgetri(&size, a, &size, pivots, room, &work, &failed);
    }
    return failed != 0;
}

//: determinant <- dgetrf_type, also float
/* Sign and logarithm of the size of each matrix's determinant, whose memory is used up. */
static void determinant(dgetrf_type *dgetrf, int64_t count, int64_t n, int *pivots, double *a, double *sign,
                        double *log_size)
{
    int size = (int)n, failed = 0;
    for (; count-- > 0; a += n * n, ++sign, ++log_size) {
        if (n) dgetrf(&size, &size, a, &size, pivots, &failed);
        *sign = failed > 0 ? 0.0 : 1.0;
        *log_size = failed > 0 ? -INFINITY : 0.0;
        for (int64_t i = 0; failed <= 0 && i < n; ++i) {
            const double along = a[i * n + i];
            *sign *= ((pivots[i] != i + 1) != (along < 0.0)) ? -1.0 : 1.0;
            *log_size += log(fabs(along));
        }
        if (*log_size != *log_size) *sign = NAN;
    }
}

//: eigen <- dsyevr_type, also float
/* Eigenvalues, and eigenvectors as rows, of symmetric matrices in Fortran's order; whether some could not be found. */
static int64_t eigen(dsyevr_type *dsyevr, int64_t count, int64_t n, int64_t lower, double *room, int *whole, double *a,
                     double *vectors, double *values)
{
    int size = (int)n, found = 0, work = (int)(32 * n), whole_work = (int)(12 * n), none = 0, failed = 0;
    double no_limit = 0.0, exact = 0.0;
    for (; n && !failed && count-- > 0; a += n * n, vectors += n * n, values += n)
        dsyevr("V", "A", lower ? "L" : "U", &size, a, &size, &no_limit, &no_limit, &none, &none, &exact, &found, values,
               vectors, &size, whole, room, &work, whole + 2 * n, &whole_work, &failed);
    return failed != 0;
}

//: convolve <- madd, also float
/* Convolutions of a batch of matrices (or of vectors: matrices of one row): in full, or where the smaller of the two lies
   in the larger. Each number of the one adds a shifted copy of the other, row by row. */
static void convolve(int64_t full, int64_t batch, int64_t a_rows, int64_t a_columns, int64_t b_rows, int64_t b_columns,
                     const double *a, const double *b, double *c)
{
    const int turned = a_rows * a_columns < b_rows * b_columns; /* the one that is shifted is the larger one */
    const double *large = turned ? b : a, *small = turned ? a : b;
    const int64_t rows = turned ? b_rows : a_rows, columns = turned ? b_columns : a_columns;
    const int64_t few = turned ? a_rows : b_rows, narrow = turned ? a_columns : b_columns;
    const int64_t height = full ? rows + few - 1 : rows - few + 1, width = full ? columns + narrow - 1 : columns - narrow + 1;
    for (; batch-- > 0; large += rows * columns, small += few * narrow, c += height * width) {
        memset(c, 0, height * width * sizeof *c);
        for (int64_t i = 0; i < few; ++i)
            for (int64_t j = 0; j < narrow; ++j) {
                const double factor = small[i * narrow + j];
                const int64_t down = full ? i : 0, right = full ? j : 0;
                const double *const from = full ? large : large + (few - 1 - i) * columns + narrow - 1 - j;
                for (int64_t row = 0; row < (full ? rows : height); ++row) {
                    double *const to = c + (row + down) * width + right;
                    for (int64_t k = 0; k < (full ? columns : width); ++k)
                        to[k] = madd(factor, from[row * columns + k], to[k]);
                }
            }
    }
}

//: many_steps
/* The same step `steps` times. Input `pairs[2k]` takes the value of output `pairs[2k + 1]` after each step, the
   two exchanging their memory; every output moves on by `advance` bytes, so that a history fills up. */
int many_steps(Array **in, Array **out, const double *constants, int64_t *want, int threads,
               void *const *functions, int64_t steps, int64_t pairs, const int64_t *pair, int64_t outputs, const int64_t *advance)
{
    for (int64_t t = 0; t < steps; ++t) {
        const int code = one_step(in, out, constants, want, threads, functions);
        if (code) return code;
        for (int64_t k = 0; k < outputs; ++k) out[k]->data += advance[k];
        for (int64_t k = 0; k < pairs; ++k) {
            char *const data = in[pair[2 * k]]->data;
            in[pair[2 * k]]->data = out[pair[2 * k + 1]]->data;
            out[pair[2 * k + 1]]->data = data;
        }
    }
    return 0;
}
