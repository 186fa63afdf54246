/* Functions of one real variable, which the C compiler shall vectorise. C libraries offer them one number at a
   time, which costs more than the whole sweep over the data. These have no branches, so a compiler turns a loop of
   calls into vector instructions; infinities and NaN come out as IEEE 754 and NumPy have them. Derivations:

   exp, expm1
       x = n ln 2 + r with integer n and |r| <= 1/2 ln 2; e^x = 2^n e^r, and the Taylor series of e^r to degree
       13 errs by less than (1/2 ln 2)^14 / 14! < 5e-18. ln 2 is held in two parts, the first short enough for
       n ln 2 to be exact. 2^n is multiplied in two halves so that results down to the smallest subnormal are
       rounded once. e^x - 1 = 2^n (e^r - 1) + (2^n - 1).
   tanh, sinh, cosh
       with e = e^(2|x|) - 1: tanh |x| = e / (e + 2). With h = e^|x| / 2: h -+ 1/(4h); sinh below 1 by its Taylor
       series, whose next term is x^21 / 21! < 2e-20.
   log
       x = 2^k m with m in [sqrt(1/2), sqrt 2]; with f = m - 1 and s = f / (2 + f),
       log m = 2 artanh s = f - s (f - 2 (s^2/3 + s^4/5 + ...)); s^2 < 0.0295, so eleven terms leave < 1e-18.
   log1p, log1mexp
       with u = fl(1 + x): log(1 + x) = log u + (x - (u - 1)) / u, the second term being what rounding lost;
       log(1 - e^x) likewise, or, for x near 0, log(-expm1(x)).
   sigmoid, softplus
       through e = exp(-|x|), which cannot overflow: 1/(1+e) or e/(1+e); max(x, 0) + log1p(e).
   pow
       x^y = e^(y log x): an error of 2^-53 in an exponent of 700 would cost ten bits. So log x and its product with
       y are sums of two doubles; the second one's part goes into r.
   sin, cos, tan
       x = n pi/2 + r, |r| <= pi/4, pi/2 in four parts (Cody and Waite); Taylor series to degrees 17 and 16, of which
       the next terms are < 2e-18. Beyond 2^20 the C library's.
   atan
       atan |x| = b + atan t with b = 0, pi/4 or pi/2, so that |t| <= tan(pi/8); there a polynomial in t^2.
   erf, erfc, erfcx
       erf below 1/2 by its Taylor series. From there erfcx(x) = e^(x^2) erfc(x) as p(t) / (1 + 2x), t = (x - 3)/(x + 3),
       which takes [0, infinity) to [-1, 1) (Shepherd and Laframboise 1981); x^2 as a sum of two doubles.
   erfinv, erfcinv
       up to 1/2 x times a polynomial in x^2; beyond, Halley's method on erfc(t) = q.
   lgamma, tgamma, digamma, trigamma
       from 8 on Stirling's series and its derivatives, in Bernoulli numbers, whose next term is < 2e-17 of the value.
       Below, gamma(x + 1) = x gamma(x) and its derivatives bring x to where log gamma(1 + u) = u (u - 1) p(u - 1/2)
       and psi(1 + u) = (u + 1 - x0) p(u - 3/4): the zeros are factors, so the relative error stays small around
       them. Below 0 by reflection, or the C library's (lgamma, tgamma); around the zeros that lie there, the error is
       small beside 1 only: below 12 2^-53, while tgamma's is below 8 ULP.

   The polynomials p that are not Taylor's have their coefficients in hexadecimal: they meet the function, computed to
   60 digits, in the zeros of a Chebyshev polynomial of the interval, which is within a small factor of the best
   polynomial of that degree; tests/native/polynomials.py computes them.

   Errors against 50 digits over the whole range: tests/native/test_write_step.py, none above 4 ULP but for
   lgamma, tgamma and digamma below 0. */

//: lost <- madd
/* What rounding p = a*b lost: a*b - p, exactly. Without a fused instruction, by halves of 26 bits. */
INLINE double lost(double a, double b, double p)
{
#ifdef __FMA__
    return __builtin_fma(a, b, -p);
#else
    const double c = 134217729.0 * a, d = 134217729.0 * b;
    const double a1 = c - (c - a), b1 = d - (d - b), a2 = a - a1, b2 = b - b1;
    return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
#endif
}

//: RARE
/* A function for arguments that seldom come: not inline, so that it may branch and call the C library, and made by
   the compiler for a whole vector of arguments too, so that a loop that calls it vectorises. The library's lgamma
   writes a sign somewhere, which nobody reads: const all the same. */
#define RARE _Pragma("omp declare simd notinbranch") static __attribute__((noinline, const))

//: exp_series power_of_2 <- bits_of madd
/* e^r - 1 for |r| <= 1/2 ln 2; 2^n. */
INLINE double exp_series(double r)
{
    const double q = r * r;
    double p = madd(r, 1.0 / 6227020800.0, 1.0 / 479001600.0);  /* two terms of the series at a time */
    p = madd(p, q, madd(r, 1.0 / 39916800.0, 1.0 / 3628800.0));
    p = madd(p, q, madd(r, 1.0 / 362880.0, 1.0 / 40320.0));
    p = madd(p, q, madd(r, 1.0 / 5040.0, 1.0 / 720.0));
    p = madd(p, q, madd(r, 1.0 / 120.0, 1.0 / 24.0));
    p = madd(p, q, madd(r, 1.0 / 6.0, 0.5));
    return madd(p, q, r);
}
INLINE double power_of_2(double n)
{
    return from_bits((int64_t)((uint64_t)bits_of(n + 1023.0 + 0x1.8p52) << 52));
}

//: exp_times <- exp_series
/* scale * e^(x - less), for a `less` that is small beside x: what x lost when it was rounded. */
INLINE double exp_times(double scale, double x, double less)
{
    const double whole = 0x1.8p52;                      /* adding it rounds to an integer in the low bits */
    x = x < -746.0 ? -746.0 : x;
    x = x > 712.0 ? 712.0 : x;
    const double n = (x * 0x1.71547652b82fep0 + whole) - whole;
    double r = madd(n, -0x1.62e42fee00000p-1, x);
    r = madd(n, -0x1.a39ef35793c76p-33, r - less);
    const double p = exp_series(r) + 1.0;
    const double half = (n * 0.5 + whole) - whole;      /* 2^n in two halves: it may not fit in one double */
    return p * (scale * power_of_2(half)) * power_of_2(n - half);
}

//: exp_ <- exp_times
/* e^x = 2^n e^r, r = x - n ln 2. */
INLINE double exp_(double x)
{
    return exp_times(1.0, x, 0.0);
}

//: expm1_ <- exp_series
/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1). */
INLINE double expm1_(double x)
{
    const double whole = 0x1.8p52;
    double y = x < -50.0 ? -50.0 : x;
    y = y > 712.0 ? 712.0 : y;
    const double n = (y * 0x1.71547652b82fep0 + whole) - whole;
    double r = madd(n, -0x1.62e42fee00000p-1, y);
    r = madd(n, -0x1.a39ef35793c76p-33, r);
    const double half = (n * 0.5 + whole) - whole;
    const double a = power_of_2(half), b = power_of_2(n - half);
    y = madd(exp_series(r), a, a - power_of_2(half - n)) * b;
    return x == 0.0 ? x : y;
}

//: tanh_ <- expm1_
/* tanh |x| = e / (e + 2), e = e^(2|x|) - 1; 1 from 20 on. */
INLINE double tanh_(double x)
{
    const double a = fabs(x);
    const double e = expm1_(2.0 * (a > 20.0 ? 20.0 : a));
    return copysign(e / (e + 2.0), x);
}

//: cosh_ <- exp_times
/* h + 1/(4h), h = e^|x| / 2. */
INLINE double cosh_(double x)
{
    const double h = exp_times(0.5, fabs(x), 0.0);
    return h + 0.25 / h;
}

//: sinh_ <- exp_times
/* h - 1/(4h), h = e^|x| / 2; below 1 the Taylor series. */
INLINE double sinh_(double x)
{
    const double a = fabs(x), q = x * x, h = exp_times(0.5, a, 0.0);
    double p = madd(q, 1.0 / 121645100408832000.0, 1.0 / 355687428096000.0);
    p = madd(p, q, 1.0 / 1307674368000.0);
    p = madd(p, q, 1.0 / 6227020800.0);
    p = madd(p, q, 1.0 / 39916800.0);
    p = madd(p, q, 1.0 / 362880.0);
    p = madd(p, q, 1.0 / 5040.0);
    p = madd(p, q, 1.0 / 120.0);
    p = madd(p, q, 1.0 / 6.0);
    return a < 1.0 ? madd(p * q, x, x) : copysign(h - 0.25 / h, x);
}

//: split <- bits_of madd
/* x = 2^k m, m in [sqrt(1/2), sqrt 2]. */
INLINE double split(double x, double *k)
{
    const double scale = x < 0x1p-1022 ? 0x1p54 : 1.0;  /* lift subnormal numbers */
    const int64_t b = bits_of(x * scale) - 0x3fe6a09e667f3bcdLL;
    const double biased = from_bits((int64_t)(((uint64_t)b >> 52) ^ 0x800) + 0x4330000000000000LL);
    *k = biased - (0x1p52 + 2048.0) - (scale > 1.0 ? 54.0 : 0.0);
    return from_bits((b & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
}

//: log_ <- split
/* log x = k ln 2 + log m, m in [sqrt(1/2), sqrt 2]; log m = 2 artanh s, s = (m-1)/(m+1). */
INLINE double log_(double x)
{
    double k;
    const double f = split(x, &k) - 1.0;
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

//: log_twice <- split lost
/* log x for a finite x > 0 as a sum of two doubles, with an error below 2^-63 of it: as log_, but the first two
   terms of the series are held with what was lost in rounding them. */
INLINE double log_twice(double x, double *low)
{
    double k;
    const double f = split(x, &k) - 1.0;
    const double d = 2.0 + f, s = f / d, sd = s * d;
    const double s2 = ((f - sd) - lost(s, d, sd) - s * (f - (d - 2.0))) / d;
    const double z = s * s, z2 = madd(2.0 * s, s2, lost(s, s, z));
    const double c = z * s, c2 = lost(z, s, c) + madd(z, s2, z2 * s);
    const double t = c * 0x1.5555555555555p-1;          /* 2/3 s^3 */
    const double t2 = lost(c, 0x1.5555555555555p-1, t) + madd(c, 0x1.5555555555555p-55, c2 * (2.0 / 3.0));
    double p = 2.0 / 25.0;
    p = madd(p, z, 2.0 / 23.0);
    p = madd(p, z, 2.0 / 21.0);
    p = madd(p, z, 2.0 / 19.0);
    p = madd(p, z, 2.0 / 17.0);
    p = madd(p, z, 2.0 / 15.0);
    p = madd(p, z, 2.0 / 13.0);
    p = madd(p, z, 2.0 / 11.0);
    p = madd(p, z, 2.0 / 9.0);
    p = madd(p, z, 2.0 / 7.0);
    p = madd(p, z, 2.0 / 5.0);
    const double first = 2.0 * s + t, first2 = t - (first - 2.0 * s);
    const double kl = k * 0x1.62e42fee00000p-1, sum = kl + first, sum2 = first - (sum - kl);
    const double rest = sum2 + (first2 + madd(2.0, s2, t2) + madd(c * z, p, k * 0x1.a39ef35793c76p-33));
    const double high = sum + rest;
    *low = rest - (high - sum);
    return high;
}

//: pow_ <- log_twice exp_times
/* |x|^y = e^(y log |x|), the exponent held in two doubles; the sign is odd y's; then zero, infinity, 1 and NaN. */
INLINE double pow_(double x, double y)
{
    const double a = fabs(x);
    double low;
    const double high = log_twice(a, &low);
    const double p = y * high;
    const double less = fabs(p) < 800.0 ? -(lost(y, high, p) + y * low) : 0.0;
    double r = exp_times(1.0, p, less);
    r = a == 0.0 ? (y < 0.0 ? INFINITY : 0.0) : r;
    r = a == INFINITY ? (y < 0.0 ? 0.0 : INFINITY) : r;
    const int whole = floor(y) == y, odd = whole & (floor(0.5 * y) != 0.5 * y);
    r = (bits_of(x) < 0) & odd ? -r : r;
    r = (x < 0.0) & !whole & (a < INFINITY) ? NAN : r;
    r = (a == 1.0) & (fabs(y) == INFINITY) ? 1.0 : r;
    r = (x != x) | (y != y) ? x + y : r;
    return (x == 1.0) | (y == 0.0) ? 1.0 : r;
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

//: log1mexp <- exp_ expm1_ log_
/* log(1 - e^x), x < 0: near 0 the log of -(e^x - 1); below, as log1p_, with what rounding 1 - e^x lost. */
INLINE double log1mexp(double x)
{
    const int near = x > -0.6931471805599453;
    const double e = exp_(x), w = near ? -expm1_(x) : 1.0 - e;
    return log_(w) - (near ? 0.0 : (e - (1.0 - w)) / w);
}

//: sin_part cos_part quarter_turns turned <- bits_of madd
/* x - n pi/2 for the nearest whole n (its last two bits are given), for |x| <= 2^20: pi/2 is held in three parts of
   33 bits, whose products with n are exact, and a rest. The Taylor series of sin and cos up to pi/4. */
INLINE double quarter_turns(double x, int64_t *n)
{
    const double whole = 0x1.8p52, w = x * 0x1.45f306dc9c883p-1 + whole, k = w - whole;
    *n = bits_of(w) & 3;
    const double a = madd(k, -0x1.921fb54400000p+0, x);
    const double b = madd(k, -0x1.0b4611a600000p-34, a), b2 = madd(k, -0x1.0b4611a600000p-34, a - b);
    const double c = madd(k, -0x1.3198a2e000000p-69, b), c2 = madd(k, -0x1.3198a2e000000p-69, b - c);
    return c + (b2 + madd(k, -0x1.b839a252049c1p-104, c2));
}
INLINE double sin_part(double r)
{
    const double q = r * r, y = q * q;
    double p = madd(q, 1.0 / 355687428096000.0, -1.0 / 1307674368000.0);
    p = madd(p, y, madd(q, 1.0 / 6227020800.0, -1.0 / 39916800.0));
    p = madd(p, y, madd(q, 1.0 / 362880.0, -1.0 / 5040.0));
    p = madd(p, y, madd(q, 1.0 / 120.0, -1.0 / 6.0));
    return madd(p * q, r, r);
}
INLINE double cos_part(double r)
{
    const double q = r * r, y = q * q;
    double p = madd(q, 1.0 / 20922789888000.0, -1.0 / 87178291200.0);
    p = madd(p, y, madd(q, 1.0 / 479001600.0, -1.0 / 3628800.0));
    p = madd(p, y, madd(q, 1.0 / 40320.0, -1.0 / 720.0));
    p = madd(p, y, madd(q, 1.0 / 24.0, -0.5));
    return madd(p, q, 1.0);
}
/* sin or cos of what is left after n quarter turns: one function for both, for of two that differ compilers make branches
   where sin and cos of one x meet, and no vectors of those. */
INLINE double turned(double r, int64_t n)
{
    const double y = n & 1 ? cos_part(r) : sin_part(r);
    return n & 2 ? -y : y;
}

//: sin_ <- RARE quarter_turns
RARE double sin_far(double x, double y) { return fabs(x) <= 0x1p20 ? y : sin(x); }
INLINE double sin_(double x)
{
    int64_t n;
    const double r = quarter_turns(x, &n);
    return sin_far(x, x == 0.0 ? x : turned(r, n));
}

//: cos_ <- RARE quarter_turns
/* As sin_, a quarter turn further. */
RARE double cos_far(double x, double y) { return fabs(x) <= 0x1p20 ? y : cos(x); }
INLINE double cos_(double x)
{
    int64_t n;
    const double r = quarter_turns(x, &n);
    return cos_far(x, turned(r, n + 1));
}

//: tan_ <- RARE quarter_turns
/* sin/cos of what is left, or -cos/sin after an odd number of quarter turns. */
RARE double tan_far(double x, double y) { return fabs(x) <= 0x1p20 ? y : tan(x); }
INLINE double tan_(double x)
{
    int64_t n;
    const double r = quarter_turns(x, &n);
    const double s = sin_part(r), c = cos_part(r);
    const double y = (n & 1 ? -c : s) / (n & 1 ? s : c);
    return tan_far(x, x == 0.0 ? x : y);
}

//: atan_ <- madd
/* atan |x| = b + atan t: t = x about 0, (x - 1)/(x + 1) about b = pi/4, -1/x about b = pi/2; |t| <= tan(pi/8). */
INLINE double atan_(double x)
{
    const double a = fabs(x);
    const int above = a > 0x1.3504f333f9de6p+1, below = a <= 0x1.a827999fcef32p-2;
    const double t = (below ? a : above ? -1.0 : a - 1.0) / (below ? 1.0 : above ? a : a + 1.0);
    const double b = below ? 0.0 : above ? 0x1.921fb54442d18p+0 : 0x1.921fb54442d18p-1;
    const double z = t * t, y = z * z;
    double p = madd(z, -0x1.23b93fac21dacp-6, 0x1.3702ea64c11f2p-5);
    p = madd(p, y, madd(z, -0x1.9c79c07a989c6p-5, 0x1.def9ecd6a20f2p-5));
    p = madd(p, y, madd(z, -0x1.10ea1d157f6ffp-4, 0x1.3b10f0f5b1224p-4));
    p = madd(p, y, madd(z, -0x1.745cf64dcc6bdp-4, 0x1.c71c70cb775cep-4));
    p = madd(p, y, madd(z, -0x1.2492492259b3ep-3, 0x1.999999999466ap-3));
    p = madd(p, y, madd(z, -0x1.555555555552fp-2, 1.0));
    return copysign(b + madd(b, 0x1.1a62633145c07p-54 / 0x1.921fb54442d18p+0, p * t), x);
}

//: erfcx_half <- madd
/* e^(x^2) erfc(x) for x >= 0: (1 + 2x) times it is a polynomial in t = (x - 3)/(x + 3). */
INLINE double erfcx_half(double x)
{
    const double a = x > 0x1p60 ? 0x1p60 : x, t = 2.0 * a / (a + 3.0) - 1.0, y = t * t;
    double p = madd(t, -0x1.bb7a8d4dea67ep-36, 0x1.cc52dfb8af559p-31);
    p = madd(p, y, madd(t, 0x1.3a555a247e121p-30, -0x1.19ee783a4b3bdp-27));
    p = madd(p, y, madd(t, -0x1.d8431ba5bb8ddp-27, 0x1.60759b5fc132ap-25));
    p = madd(p, y, madd(t, 0x1.b853b0903e576p-24, -0x1.2d90f5a1e329cp-23));
    p = madd(p, y, madd(t, -0x1.4b68ad1b45d14p-21, 0x1.7df1f4db22675p-22));
    p = madd(p, y, madd(t, 0x1.d21dfa3539366p-19, -0x1.885831a7de850p-21));
    p = madd(p, y, madd(t, -0x1.513c1a4a08a45p-16, 0x1.4c225639c5885p-18));
    p = madd(p, y, madd(t, 0x1.065a3be611552p-13, -0x1.b91262a99168ap-14));
    p = madd(p, y, madd(t, -0x1.98db513818f4ap-11, 0x1.ef1bdd0bb2a66p-10));
    p = madd(p, y, madd(t, 0x1.4b884e44cd0e1p-9, -0x1.8574c40b65516p-6));
    p = madd(p, y, madd(t, 0x1.17ca2877f0d2cp-4, -0x1.e88b803a4a976p-4));
    p = madd(p, y, madd(t, 0x1.098366a5b46c8p-3, -0x1.85a15c58aa4eap-5));
    p = madd(p, y, madd(t, -0x1.15c084bb9e8f3p-3, 0x1.40c522d7e4987p+0));
    return 0.5 * p / (0.5 + x);
}

//: erfc_half <- erfcx_half exp_times lost
/* erfc(x) for x >= 0 = e^(-x^2) erfcx(x), with what the square lost. */
INLINE double erfc_half(double x)
{
    const double a = x > 30.0 ? 30.0 : x, s = a * a;
    return exp_times(1.0, -s, lost(a, a, s)) * erfcx_half(a);
}

//: erf_middle <- madd
/* erf(x) for |x| < 1/2: its Taylor series; 2 / sqrt(pi) held in two doubles. */
INLINE double erf_middle(double x)
{
    const double z = x * x, y = z * z;
    double p = madd(z, -1.0 / 168129561600.0, 1.0 / 11975040000.0);
    p = madd(p, y, madd(z, -1.0 / 918086400.0, 1.0 / 76204800.0));
    p = madd(p, y, madd(z, -1.0 / 6894720.0, 1.0 / 685440.0));
    p = madd(p, y, madd(z, -1.0 / 75600.0, 1.0 / 9360.0));
    p = madd(p, y, madd(z, -1.0 / 1320.0, 1.0 / 216.0));
    p = madd(p, y, madd(z, -1.0 / 42.0, 1.0 / 10.0));
    p = madd(p, y, madd(z, -1.0 / 3.0, 1.0));
    return madd(p * x, 0x1.20dd750429b6dp+0, x * 0x1.1ae3a914fed80p-56);
}

//: erf_ <- erf_middle erfc_half
/* From 1/2 on 1 - erfc. */
INLINE double erf_(double x)
{
    const double a = fabs(x);
    return a < 0.5 ? erf_middle(x) : copysign(1.0 - erfc_half(a), x);
}

//: erfc_ <- erf_middle erfc_half
/* erfc(-x) = 2 - erfc(x); below 1/2 1 - erf. */
INLINE double erfc_(double x)
{
    const double a = fabs(x), y = erfc_half(a);
    return a < 0.5 ? 1.0 - erf_middle(x) : x < 0.0 ? 2.0 - y : y;
}

//: erfcx <- erf_middle erfcx_half exp_times lost
/* erfcx(-x) = 2 e^(x^2) - erfcx(x); below 1/2 e^(x^2) (1 - erf). */
INLINE double erfcx(double x)
{
    const double a = fabs(x), y = erfcx_half(a), b = a > 30.0 ? 30.0 : a, s = b * b;
    const double e = exp_times(1.0, s, -lost(b, b, s));
    return a < 0.5 ? e * (1.0 - erf_middle(x)) : x < 0.0 ? 2.0 * e - y : y;
}

//: erfinv_middle <- madd
/* The x of erf(x) = y for |y| <= 1/2: y times a polynomial in y^2. */
INLINE double erfinv_middle(double x)
{
    const double z = x * x, y = z * z;
    double p = madd(z, 0x1.cf6da366a6ea3p-4, -0x1.3798f596e9a6ep-4);
    p = madd(p, y, madd(z, 0x1.2cda1f60e8ff3p-4, 0x1.14c247c497d2ap-7));
    p = madd(p, y, madd(z, 0x1.02cffec11edfbp-5, 0x1.fe489d940b004p-6));
    p = madd(p, y, madd(z, 0x1.2b3241ebd123ep-5, 0x1.5ee26d79186fep-5));
    p = madd(p, y, madd(z, 0x1.a7c8c9862a980p-5, 0x1.0a1316e360adep-4));
    p = madd(p, y, madd(z, 0x1.62847c5030b10p-4, 0x1.053c2c0aaea5bp-3));
    p = madd(p, y, madd(z, 0x1.db29fb2fee689p-3, 0x1.c5bf891b4ef6bp-1));
    return p * x;
}

//: erfcinv_tail <- erfcx_half log_ exp_
/* The t of erfc(t) = q for 0 < q <= 1/2: t/w is nearly a polynomial in 1/w, w^2 = -log q, and two of Halley's
   steps, t + u / (1 - t u) with u = sqrt(pi)/2 (erfcx(t) - q e^(t^2)), do the rest. */
INLINE double erfcinv_tail(double q)
{
    const double l = -log_(q), w = sqrt(l), d = 1.0 / w - 0.6195, y = d * d;
    double p = madd(d, 0x1.410a5d268908bp-2, -0x1.ee871691dc803p-3);
    p = madd(p, y, madd(d, -0x1.3631b4cd3d6eap-4, 0x1.04430acc8a4fbp-5));
    p = madd(p, y, madd(d, 0x1.e059832cc22e6p-4, -0x1.51752b6d339f0p-3));
    p = madd(p, y, madd(d, 0x1.fc68601384c0bp-4, 0x1.145a592058537p-4));
    p = madd(p, y, madd(d, -0x1.af883e1a1e1c3p-2, 0x1.90e82e7730963p-1));
    double t = p * w;
    double u = 0x1.c5bf891b4ef6bp-1 * (erfcx_half(t) - exp_(madd(t, t, -l)));
    t += u / (1.0 - t * u);
    u = 0x1.c5bf891b4ef6bp-1 * (erfcx_half(t) - exp_(madd(t, t, -l)));
    t += u / (1.0 - t * u);
    return q > 0.0 ? t : q == 0.0 ? INFINITY : NAN;
}

//: erfinv <- erfinv_middle erfcinv_tail
/* Through erfc from 1/2 on, where 1 - |x| is exact. */
INLINE double erfinv(double x)
{
    const double a = fabs(x), t = erfcinv_tail(1.0 - a);
    return a <= 0.5 ? erfinv_middle(x) : copysign(t, x);
}

//: erfcinv <- erfinv_middle erfcinv_tail
INLINE double erfcinv(double x)
{
    const double t = erfcinv_tail(x > 1.0 ? 2.0 - x : x);
    return (x >= 0.5) & (x <= 1.5) ? erfinv_middle(1.0 - x) : x > 1.0 ? -t : t;
}

//: lgamma_middle <- madd
/* log gamma(1 + u) for u from -1/4 to 5/4: u (u - 1), for its zeros, times a polynomial in u - 1/2. */
INLINE double lgamma_middle(double u)
{
    const double d = u - 0.5, y = d * d;
    double p = madd(d, -0x1.d888992a12917p-21, 0x1.6cbdf730449b2p-20);
    p = madd(p, y, madd(d, 0x1.b12f0a43d00d2p-20, -0x1.4d97045d1caf3p-19));
    p = madd(p, y, madd(d, -0x1.affbd24a0dcc6p-19, 0x1.4dcab1ba90949p-18));
    p = madd(p, y, madd(d, 0x1.181e4d04e28edp-22, -0x1.8994f7679f88bp-22));
    p = madd(p, y, madd(d, -0x1.6c82c762d5ef5p-18, 0x1.1cb98cfbb9eddp-17));
    p = madd(p, y, madd(d, -0x1.561249e5731a1p-17, 0x1.0d7e04ed437f3p-16));
    p = madd(p, y, madd(d, -0x1.bce884e1ce12fp-16, 0x1.5ffcf31701889p-15));
    p = madd(p, y, madd(d, -0x1.160a941c0aaccp-14, 0x1.badde6dedd3dcp-14));
    p = madd(p, y, madd(d, -0x1.62342d3d9b315p-13, 0x1.1c75b8f685f0cp-12));
    p = madd(p, y, madd(d, -0x1.cb4556bd0bb92p-12, 0x1.750ad69c01b27p-11));
    p = madd(p, y, madd(d, -0x1.313e88a8b1104p-10, 0x1.f814b83b69c9ep-10));
    p = madd(p, y, madd(d, -0x1.a5035238cfb30p-9, 0x1.64f066511f8edp-8));
    p = madd(p, y, madd(d, -0x1.34dbda1491130p-7, 0x1.133423527a64dp-6));
    p = madd(p, y, madd(d, -0x1.007aa83cee1d1p-5, 0x1.01af62a2929ddp-4));
    p = madd(p, y, madd(d, -0x1.2aed059bd608ap-3, 0x1.eeb95b094c191p-2));
    return u * (u - 1.0) * p;
}

//: stirling <- madd
/* The series of log gamma(x) - (x - 1/2) log x + x - 1/2 log 2pi: B_2k / (2k (2k - 1) x^(2k-1)), for x >= 8. */
INLINE double stirling(double x)
{
    const double v = 1.0 / x, z = v * v, y = z * z;
    double p = madd(z, -3617.0 / 122400.0, 1.0 / 156.0);
    p = madd(p, y, madd(z, -691.0 / 360360.0, 1.0 / 1188.0));
    p = madd(p, y, madd(z, -1.0 / 1680.0, 1.0 / 1260.0));
    p = madd(p, y, madd(z, -1.0 / 360.0, 1.0 / 12.0));
    return p * v;
}

//: lowered
/* x in [9/4, 8) less the whole number that brings it below 9/4; the product of the numbers passed, for
   gamma(x) = (x - 1) gamma(x - 1). Below 9/4: x and 1. */
INLINE double lowered(double x, double *product)
{
    double y = x, p = 1.0;
    p = y >= 5.25 ? (y - 1.0) * (y - 2.0) * (y - 3.0) : p;
    y = y >= 5.25 ? y - 3.0 : y;
    p = y >= 2.25 ? p * (y - 1.0) : p;
    y = y >= 2.25 ? y - 1.0 : y;
    p = y >= 2.25 ? p * (y - 1.0) : p;
    y = y >= 2.25 ? y - 1.0 : y;
    p = y >= 2.25 ? p * (y - 1.0) : p;
    y = y >= 2.25 ? y - 1.0 : y;
    *product = p;
    return y;
}

//: lgamma_ <- RARE lowered lgamma_middle stirling log_
/* log |gamma(x)|: Stirling's series from 8 on; below, brought to [3/4, 9/4) by gamma(x + 1) = x gamma(x). Below 0
   the C library's. */
RARE double lgamma_below(double x, double y) { return x < 0.0 ? lgamma(x) : y; }
INLINE double lgamma_(double x)
{
    double product;
    const double y = lowered(x, &product);
    const int small = x < 0.75, large = x >= 8.0;
    const double l = log_(small | large ? x : product);
    const double middle = lgamma_middle(small ? x : y - 1.0);
    const double far = madd(x - 0.5, l - 1.0, 0x1.d67f1c864beb5p-1 - 0.5 + stirling(x));
    return lgamma_below(x, large ? (x < INFINITY ? far : x) : small ? middle - l : middle + l);
}

//: tgamma_ <- RARE lowered lgamma_middle stirling log_twice exp_times
/* As lgamma_, but the logarithm is held in two doubles. Below 0 the C library's. */
RARE double gamma_below(double x, double y) { return x < 0.0 ? tgamma(x) : y; }
INLINE double tgamma_(double x)
{
    double product, low;
    const double y = lowered(x, &product), h = x - 0.5;
    const int small = x < 0.75, large = x >= 8.0;
    const double high = log_twice(x, &low), p = h * high, s = p - x;
    const double less = (x - (p - s)) - lost(h, high, p) - madd(h, low, stirling(x));
    const double middle = lgamma_middle(small ? x : y - 1.0);
    const double e = exp_times(large ? 2.5066282746310002 : 1.0, large ? s : middle, large ? less : 0.0);
    return gamma_below(x, large ? (x < 172.0 ? e : INFINITY) : small ? e / x : e * product);
}

//: digamma_middle <- madd
/* psi(1 + u), u from 0 to 3/2: (u + 1 - x0) times a polynomial in u - 3/4, where x0 is its zero. */
INLINE double digamma_middle(double u)
{
    const double d = u - 0.75, y = d * d;
    double p = madd(d, -0x1.3eb1397b24cf0p-20, 0x1.16db2882d91dep-19);
    p = madd(p, y, madd(d, 0x1.7a70e45a63586p-21, -0x1.4b221a2651909p-20));
    p = madd(p, y, madd(d, -0x1.4639ada1e9a76p-18, 0x1.1d733d1054ce0p-17));
    p = madd(p, y, madd(d, -0x1.15c2afb5e1c71p-17, 0x1.e61a6962bd765p-17));
    p = madd(p, y, madd(d, -0x1.ecb5c196c96ccp-16, 0x1.af29e0f844659p-15));
    p = madd(p, y, madd(d, -0x1.726d60311227ep-14, 0x1.44344c3dc2e03p-13));
    p = madd(p, y, madd(d, -0x1.1c465ef9d1457p-12, 0x1.f1c9b966ff2ffp-12));
    p = madd(p, y, madd(d, -0x1.b3f161da16546p-11, 0x1.7e0a5865a49ecp-10));
    p = madd(p, y, madd(d, -0x1.4f1c2b887a526p-9, 0x1.26602337e701dp-8));
    p = madd(p, y, madd(d, -0x1.0335d25277718p-7, 0x1.ca494713edcd7p-7));
    p = madd(p, y, madd(d, -0x1.97cc6e107b2b1p-6, 0x1.6effaf57fddf5p-5));
    p = madd(p, y, madd(d, -0x1.510ab0e548a38p-4, 0x1.41c830a3205edp-3));
    p = madd(p, y, madd(d, -0x1.4e15b17372db3p-2, 0x1.b763ca67112a0p-1));
    return ((u - 0x1.d8b618d5af8fep-2) + 0x1.1e563779a1f5bp-56) * p;
}

//: digamma_right <- digamma_middle log_
/* For x >= 0: log x - 1/2x - sum B_2k / (2k x^2k) from 8 on; below, brought to [1, 5/2) by
   psi(x + 1) = psi(x) + 1/x, where it is (x - x0) times a polynomial in x - 7/4, x0 = 1.4616… its zero. */
INLINE double digamma_right(double x)
{
    const int large = x >= 8.0, small = x < 1.0;
    double u = small ? x : x - 1.0;                     /* the point less 1, which is exact */
    double n = small ? -1.0 : 0.0, m = small ? x : 1.0; /* the sum of reciprocals passed, as a fraction */
    const double c = u - 1.0;
    n = u >= 4.5 ? madd(3.0 * c, c, -1.0) : n;          /* 1/(c - 1) + 1/c + 1/(c + 1) */
    m = u >= 4.5 ? c * madd(c, c, -1.0) : m;
    u = u >= 4.5 ? u - 3.0 : u;
    n = u >= 1.5 ? madd(n, u, m) : n;
    m = u >= 1.5 ? m * u : m;
    u = u >= 1.5 ? u - 1.0 : u;
    n = u >= 1.5 ? madd(n, u, m) : n;
    m = u >= 1.5 ? m * u : m;
    u = u >= 1.5 ? u - 1.0 : u;
    n = u >= 1.5 ? madd(n, u, m) : n;
    m = u >= 1.5 ? m * u : m;
    u = u >= 1.5 ? u - 1.0 : u;
    const double middle = digamma_middle(u) + n / m;
    const double v = 1.0 / x, z = v * v, y = z * z;
    double p = madd(z, -174611.0 / 6600.0, 43867.0 / 14364.0);
    p = madd(p, y, madd(z, -3617.0 / 8160.0, 1.0 / 12.0));
    p = madd(p, y, madd(z, -691.0 / 32760.0, 1.0 / 132.0));
    p = madd(p, y, madd(z, -1.0 / 240.0, 1.0 / 252.0));
    p = madd(p, y, madd(z, -1.0 / 120.0, 1.0 / 12.0));
    return large ? log_(x) - madd(p, z, 0.5 * v) : middle;
}

//: digamma <- RARE digamma_right
/* The derivative of log gamma; psi(x) = psi(1 - x) - pi / tan(pi x) below 0. */
RARE double digamma_below(double x, double y)
{
    if (!(x < 0.0)) return y;
    const double r = x - rint(x);
    return r == 0.0 ? NAN : digamma_right(1.0 - x) - 0x1.921fb54442d18p+1 / tan(0x1.921fb54442d18p+1 * r);
}
INLINE double digamma(double x)
{
    return digamma_below(x, digamma_right(x));
}

//: trigamma_right <- madd
/* For x >= 0: 1/x + 1/2x^2 + sum B_2k / x^(2k+1) from 8 on; below, at x + 8, and 1/(x + j)^2 for j = 0, ..., 7. */
INLINE double trigamma_right(double x)
{
    const int large = x >= 8.0;
    double n = 0.0, m = 1.0, f;                         /* the sum from j = 1 on, as a fraction */
    f = (x + 1.0) * (x + 1.0); n = madd(n, f, m); m *= f;
    f = (x + 2.0) * (x + 2.0); n = madd(n, f, m); m *= f;
    f = (x + 3.0) * (x + 3.0); n = madd(n, f, m); m *= f;
    f = (x + 4.0) * (x + 4.0); n = madd(n, f, m); m *= f;
    f = (x + 5.0) * (x + 5.0); n = madd(n, f, m); m *= f;
    f = (x + 6.0) * (x + 6.0); n = madd(n, f, m); m *= f;
    f = (x + 7.0) * (x + 7.0); n = madd(n, f, m); m *= f;
    const double v = 1.0 / (large ? x : x + 8.0), z = v * v, y = z * z;
    double p = madd(z, -236364091.0 / 2730.0, 854513.0 / 138.0);
    p = madd(p, y, madd(z, -174611.0 / 330.0, 43867.0 / 798.0));
    p = madd(p, y, madd(z, -3617.0 / 510.0, 7.0 / 6.0));
    p = madd(p, y, madd(z, -691.0 / 2730.0, 5.0 / 66.0));
    p = madd(p, y, madd(z, -1.0 / 30.0, 1.0 / 42.0));
    p = madd(p, y, madd(z, -1.0 / 30.0, 1.0 / 6.0));
    const double far = v + z * madd(p, v, 0.5);
    return large ? far : 1.0 / (x * x) + (n / m + far);
}

//: trigamma <- RARE trigamma_right
/* The second derivative of log gamma. Below 0, with r the distance to the nearest pole:
   psi'(x) + psi'(1 - x) = (pi / sin(pi x))^2 = 1/r^2 + psi'(1 + r) + psi'(1 - r). */
RARE double trigamma_below(double x, double y)
{
    if (!(x < 0.0)) return y;
    const double r = x == rint(x) ? 0.0 : fabs(x - rint(x)); /* 0 at minus infinity too, as SciPy has it */
    return 1.0 / (r * r) + (trigamma_right(1.0 + r) + trigamma_right(1.0 - r) - trigamma_right(1.0 - x));
}
INLINE double trigamma(double x)
{
    return trigamma_below(x, trigamma_right(x));
}
