/* The C that is the same in every file that graphs.native writes: what it begins and ends with, whole numbers, and what
   works on whole arrays. Functions of one real variable are in mathematics.h, those of matrices in linear_algebra.h.

   Each section begins with a line "//: names <- what it needs"; write/file.py puts those into a file whose
   names its own code calls. ", also float" at the end: the same is there for floats, whose names end in f; of
   other types, whose names stand in those of the functions, in sorting.h. */

//: head
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-pre") /* it makes branches of ?:, and loops with branches have no vectors */
#define _GNU_SOURCE                 /* for RTLD_NEXT */
#endif
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

/* What is wrong with an input, if something is: it must have so many axes, be aligned, and its numbers must touch along
   one axis (none: -1). */
static int misfit(const Array *a, int axes, int along, int64_t bytes)
{
    if (a->axes != axes) return OTHER_RANK;
    if (!(a->flags & 0x100)) return UNALIGNED;
    return along >= 0 && a->shape[along] > 1 && a->strides[along] != bytes ? OTHER_LAYOUT : 0;
}

/* Whether an output has the shape that is wanted. */
static int fits(const Array *a, const int64_t *want, int axes)
{
    for (int k = 0; k < axes; ++k)
        if (a->shape[k] != want[k]) return 0;
    return a->axes == axes;
}

//: GOMP_parallel
#if defined(_OPENMP) && defined(_GNU_SOURCE) && defined(__linux__)
/* What gcc calls at every parallel loop. libgomp's own takes half a microsecond to gather a team of one; here one thread
   goes through the loop without a team. Within a parallel loop of somebody else's there must be one. */
#include <dlfcn.h>
typedef void run_in_parallel(void (*loop)(void *), void *data, unsigned threads, unsigned flags);
static run_in_parallel *in_a_team;
__attribute__((constructor)) static void find_libgomp(void)
{
    *(void **)&in_a_team = dlsym(RTLD_NEXT, "GOMP_parallel");
}
__attribute__((visibility("hidden"))) run_in_parallel GOMP_parallel;
void GOMP_parallel(void (*loop)(void *), void *data, unsigned threads, unsigned flags)
{
    if (threads == 1 && omp_get_level() == 0) loop(data);
    else in_a_team(loop, data, threads, flags);
}
#endif

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

/* One call whose arguments lie in one place: Python hands over one pointer, which takes it a third of the time. */
typedef struct {
    Array **in, **out;
    const double *constants;
    int64_t *want, threads;
    void *const *functions;
} Given;
int one_call(const Given *given)
{
    return one_step(given->in, given->out, given->constants, given->want, (int)given->threads, given->functions);
}
