/* Functions of matrices: BLAS and LAPACK, by the pointers that a call is given, under names and in a memory order of
   ours; and convolutions. C's order is the transpose of Fortran's: what is lower here is upper there. */

//: dgemm_type, also float
/* c = alpha a b + beta c in Fortran's memory order, from a library of linear algebra (BLAS). */
typedef void dgemm_type(const char *, const char *, const int *, const int *, const int *, const double *,
                        const double *, const int *, const double *, const int *, const double *, double *, const int *);

//: apply <- madd, also float
/* y = a x for a matrix of m rows and k columns: four at a time of those rows or columns that lie in one piece. */
INLINE void dot_rows(int64_t m, int64_t k, const double *a, int64_t a_row, int64_t a_column, const double *x,
                     int64_t x_step, double *y)
{
    int64_t i = 0;
    for (; i + 4 <= m; i += 4, a += 4 * a_row) {
        double y0 = 0.0, y1 = 0.0, y2 = 0.0, y3 = 0.0;
        #pragma omp simd reduction(+:y0, y1, y2, y3)
        for (int64_t l = 0; l < k; ++l) {
            const double here = x[l * x_step];
            y0 = madd(a[l * a_column], here, y0);
            y1 = madd(a[a_row + l * a_column], here, y1);
            y2 = madd(a[2 * a_row + l * a_column], here, y2);
            y3 = madd(a[3 * a_row + l * a_column], here, y3);
        }
        y[i] = y0, y[i + 1] = y1, y[i + 2] = y2, y[i + 3] = y3;
    }
    for (; i < m; ++i, a += a_row) {
        double sum = 0.0;
        #pragma omp simd reduction(+:sum)
        for (int64_t l = 0; l < k; ++l) sum = madd(a[l * a_column], x[l * x_step], sum);
        y[i] = sum;
    }
}
static void apply(int64_t m, int64_t k, const double *a, int64_t a_row, int64_t a_column, const double *x, int64_t x_step,
                  double *y)
{
    if (a_column == 1 && x_step == 1) {
        dot_rows(m, k, a, a_row, 1, x, 1, y);
    } else if (a_row == 1) {
        int64_t l = 0;
        for (int64_t i = 0; i < m; ++i) y[i] = 0.0;
        for (; l + 4 <= k; l += 4, a += 4 * a_column) {
            const double *const a1 = a + a_column, *const a2 = a1 + a_column, *const a3 = a2 + a_column;
            const double x0 = x[l * x_step], x1 = x[(l + 1) * x_step], x2 = x[(l + 2) * x_step], x3 = x[(l + 3) * x_step];
            #pragma omp simd
            for (int64_t i = 0; i < m; ++i)
                y[i] = madd(a[i], x0, madd(a1[i], x1, madd(a2[i], x2, madd(a3[i], x3, y[i]))));
        }
        for (; l < k; ++l, a += a_column) {
            const double here = x[l * x_step];
            #pragma omp simd
            for (int64_t i = 0; i < m; ++i) y[i] = madd(a[i], here, y[i]);
        }
    } else {
        dot_rows(m, k, a, a_row, a_column, x, x_step, y);
    }
}

//: multiply <- dgemm_type madd apply, also float
/* c = a b for each matrix of a batch; a has m rows, b has n columns, k is summed over, c is in C order. What is
   small, or lies in no memory order that BLAS knows, is summed here, and so is a matrix times a row or column, for which
   BLAS would take as long as for several. C's c = a b is Fortran's c' = b' a'. */
static int is_stacked(int64_t row, int64_t column, int64_t columns) { return column == 1 && row >= columns; }
static void multiply(dgemm_type *dgemm, int64_t batch, int64_t m, int64_t n, int64_t k,
                     const double *a, int64_t a_next, int64_t a_row, int64_t a_column,
                     const double *b, int64_t b_next, int64_t b_row, int64_t b_column, double *c)
{
    const double one = 1.0, zero = 0.0;
    const int64_t longest = m > n ? (m > k ? m : k) : (n > k ? n : k);
    const int a_rows = is_stacked(a_row, a_column, k), b_rows = is_stacked(b_row, b_column, n);
    const int large = dgemm && m > 1 && n > 1 && k > 1 && m * n * k > 512 && longest < 1 << 30
        && (a_rows || is_stacked(a_column, a_row, m)) && (b_rows || is_stacked(b_column, b_row, k));
    const int rows = (int)n, columns = (int)m, inner = (int)k;
    const int a_step = (int)(a_rows ? a_row : a_column), b_step = (int)(b_rows ? b_row : b_column);
    for (int64_t each = 0; each < batch; ++each, a += a_next, b += b_next, c += m * n) {
        if (large) {
            dgemm(b_rows ? "N" : "T", a_rows ? "N" : "T", &rows, &columns, &inner, &one, b, &b_step, a, &a_step,
                  &zero, c, &rows);
        } else if (n == 1) {
            apply(m, k, a, a_row, a_column, b, b_row, c);
        } else if (m == 1) {
            apply(n, k, b, b_column, b_row, a, a_column, c);
        } else if (k == 1 && b_column == 1) {
            for (int64_t i = 0; i < m; ++i) {
                const double factor = a[i * a_row];
                #pragma omp simd
                for (int64_t j = 0; j < n; ++j) c[i * n + j] = factor * b[j];
            }
        } else {
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
        if (!full && width < narrow) { /* few results of long sums: four of them side by side */
            for (int64_t row = 0; row < height; ++row)
                for (int64_t k = 0; k < width; k += 4) {
                    const int64_t k1 = k + 1 < width ? 1 : 0, k2 = k + 2 < width ? 2 : 0, k3 = k + 3 < width ? 3 : 0;
                    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
                    for (int64_t i = 0; i < few; ++i) {
                        const double *const factors = small + i * narrow;
                        const double *const from = large + (row + few - 1 - i) * columns + k + narrow - 1;
                        #pragma omp simd reduction(+:s0, s1, s2, s3)
                        for (int64_t j = 0; j < narrow; ++j) {
                            s0 = madd(factors[j], from[-j], s0);
                            s1 = madd(factors[j], from[k1 - j], s1);
                            s2 = madd(factors[j], from[k2 - j], s2);
                            s3 = madd(factors[j], from[k3 - j], s3);
                        }
                    }
                    double *const to = c + row * width + k;
                    to[k3] = s3; /* where there are fewer, k1, k2 and k3 are 0, and the first sum is stored last */
                    to[k2] = s2;
                    to[k1] = s1;
                    to[0] = s0;
                }
            continue;
        }
        memset(c, 0, height * width * sizeof *c);
        for (int64_t i = 0; i < few; ++i)
            for (int64_t j = 0; j < narrow; ++j) {
                const double factor = small[i * narrow + j];
                const int64_t down = full ? i : 0, right = full ? j : 0;
                const double *const from = full ? large : large + (few - 1 - i) * columns + narrow - 1 - j;
                for (int64_t row = 0; row < (full ? rows : height); ++row) {
                    double *const to = c + (row + down) * width + right;
                    #pragma omp simd
                    for (int64_t k = 0; k < (full ? columns : width); ++k)
                        to[k] = madd(factor, from[row * columns + k], to[k]);
                }
            }
    }
}
