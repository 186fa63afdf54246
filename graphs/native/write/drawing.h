/* Random numbers, by functions of NumPy's, whose pointers a call is given: those that a Generator's methods draw with. */

//: bitgen_t
/* NumPy's bit generator (numpy/random/bitgen.h): what it knows, and how it moves on. */
typedef struct {
    void *state;
    uint64_t (*next_uint64)(void *state);
    uint32_t (*next_uint32)(void *state);
    double (*next_double)(void *state);
    uint64_t (*next_raw)(void *state);
} bitgen_t;

//: random_exponential_type random_weibull_type <- bitgen_t
/* NumPy's random numbers of one parameter, */
typedef double random_exponential_type(bitgen_t *, double), random_weibull_type(bitgen_t *, double);

//: random_uniform_type random_normal_type random_lognormal_type random_gamma_type <- bitgen_t
/* of two parameters, */
typedef double random_uniform_type(bitgen_t *, double, double), random_normal_type(bitgen_t *, double, double),
    random_lognormal_type(bitgen_t *, double, double), random_gamma_type(bitgen_t *, double, double);

//: random_beta_type random_laplace_type random_logistic_type random_vonmises_type random_wald_type <- bitgen_t
/* of two parameters, */
typedef double random_beta_type(bitgen_t *, double, double), random_laplace_type(bitgen_t *, double, double),
    random_logistic_type(bitgen_t *, double, double), random_vonmises_type(bitgen_t *, double, double),
    random_wald_type(bitgen_t *, double, double);

//: random_poisson_type random_geometric_type <- bitgen_t
/* whole numbers of one, */
typedef int64_t random_poisson_type(bitgen_t *, double), random_geometric_type(bitgen_t *, double);

//: random_binomial_type <- bitgen_t
/* how many of n trials succeed, and room for what it remembers from one draw to the next, */
typedef int64_t random_binomial_type(bitgen_t *, double chance, int64_t n, void *room);

//: random_bounded_uint64_type <- bitgen_t
/* and whole numbers from `first` on, up to so many further. */
typedef uint64_t random_bounded_uint64_type(bitgen_t *, uint64_t first, uint64_t further, uint64_t mask, _Bool masked);

//: refused
/* Whether a parameter is out of bounds: NaN is not where it need only not be negative. 2: a range without end. */
enum { ANY, NOT_NEGATIVE, POSITIVE, RANGE, CHANCE, CHANCE_NOT_0, RATE };
static int refused(double x, int kind)
{
    switch (kind) {
    case NOT_NEGATIVE: return x == x && signbit(x);
    case POSITIVE: return x <= 0.0;
    case RANGE: return !isfinite(x) ? 2 : signbit(x) != 0;
    case CHANCE: return !(x >= 0.0 && x <= 1.0);
    case CHANCE_NOT_0: return !(x > 0.0 && x <= 1.0);
    case RATE: return !(x >= 0.0 && x <= 9.223372006484771e18);
    default: return 0;
    }
}

//: draw_by_one <- bitgen_t refused
/* n numbers, each of its own parameter, or all of the first (step 0); whether that is refused: then nothing is drawn. */
static int64_t draw_by_one(double (*draw)(bitgen_t *, double), bitgen_t *bits, int64_t n,
                           const double *a, int64_t a_step, int a_kind, double *drawn)
{
    for (int64_t k = 0; k < (a_step ? n : 1); ++k)
        if (refused(a[k], a_kind)) return 1;
    for (int64_t k = 0; k < n; ++k) drawn[k] = draw(bits, a[k * a_step]);
    return 0;
}

//: draw_by_two <- bitgen_t refused
/* The same of two parameters; which of them is refused, 3: for it is without end. */
static int64_t draw_by_two(double (*draw)(bitgen_t *, double, double), bitgen_t *bits, int64_t n,
                           const double *a, int64_t a_step, int a_kind,
                           const double *b, int64_t b_step, int b_kind, double *drawn)
{
    for (int64_t k = 0; k < (a_step ? n : 1); ++k)
        if (refused(a[k], a_kind)) return 1;
    for (int64_t k = 0; k < (b_step ? n : 1); ++k)
        if (refused(b[k], b_kind)) return 1 + refused(b[k], b_kind);
    for (int64_t k = 0; k < n; ++k) drawn[k] = draw(bits, a[k * a_step], b[k * b_step]);
    return 0;
}

//: count_by_one <- bitgen_t refused
/* Whole numbers of one parameter. */
static int64_t count_by_one(int64_t (*draw)(bitgen_t *, double), bitgen_t *bits, int64_t n,
                            const double *a, int64_t a_step, int a_kind, int64_t *drawn)
{
    for (int64_t k = 0; k < (a_step ? n : 1); ++k)
        if (refused(a[k], a_kind)) return 1;
    for (int64_t k = 0; k < n; ++k) drawn[k] = draw(bits, a[k * a_step]);
    return 0;
}

//: count_successes <- random_binomial_type refused
/* How many of so many trials succeed, each by its chance. */
static int64_t count_successes(random_binomial_type *draw, bitgen_t *bits, int64_t n,
                               const int64_t *trials, int64_t trials_step,
                               const double *chance, int64_t chance_step, int64_t *drawn)
{
    int64_t room[64] = {0};
    for (int64_t k = 0; k < (trials_step ? n : 1); ++k)
        if (trials[k] < 0) return 1;
    for (int64_t k = 0; k < (chance_step ? n : 1); ++k)
        if (refused(chance[k], CHANCE)) return 2;
    for (int64_t k = 0; k < n; ++k) drawn[k] = draw(bits, chance[k * chance_step], trials[k * trials_step], room);
    return 0;
}

//: draw_between <- random_bounded_uint64_type
/* Whole numbers from `low` on, below `high`. */
static int64_t draw_between(random_bounded_uint64_type *draw, bitgen_t *bits, int64_t n, const int64_t *low,
                            int64_t low_step, const int64_t *high, int64_t high_step, int64_t *drawn)
{
    for (int64_t k = 0; k < (low_step || high_step ? n : 1); ++k)
        if (low[k * low_step] >= high[k * high_step]) return 1;
    for (int64_t k = 0; k < n; ++k) {
        const uint64_t first = (uint64_t)low[k * low_step], further = (uint64_t)high[k * high_step] - 1 - first;
        drawn[k] = (int64_t)draw(bits, first, further, 0, 0);
    }
    return 0;
}
