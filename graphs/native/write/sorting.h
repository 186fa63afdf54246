/* Sorting, by functions of NumPy's, whose pointers a call is given; and looking up in what is sorted. */

//: sort_type
/* NumPy's sort of n numbers, in place, NaN last; other than 0: there was no memory. */
typedef int sort_type(void *numbers, intptr_t n, void *unused);

//: argsort_type
/* NumPy's sort of n places by the numbers there. */
typedef int argsort_type(void *numbers, intptr_t *places, intptr_t n, void *unused);

//: sort_rows <- sort_type
/* Each row of n numbers, of so many bytes each, from the smallest to the largest; whether there was no memory. */
static int64_t sort_rows(sort_type *sort, int64_t rows, int64_t n, int64_t bytes, void *a)
{
    int failed = 0;
    for (int64_t row = 0; row < rows && n > 1 && !failed; ++row) failed = sort((char *)a + row * n * bytes, n, NULL);
    return failed != 0;
}

//: argsort_rows <- argsort_type
/* The places in each row of n numbers, from that of the smallest to that of the largest; whether there was no memory. */
static int64_t argsort_rows(argsort_type *argsort, int64_t rows, int64_t n, int64_t bytes, void *a, int64_t *places)
{
    int failed = 0;
    for (int64_t row = 0; row < rows && !failed; ++row, places += n) {
        for (int64_t k = 0; k < n; ++k) places[k] = k;
        if (n > 1) failed = argsort((char *)a + row * n * bytes, (intptr_t *)places, n, NULL);
    }
    return failed != 0;
}

//: search_sorted_double, also int64_t uint64_t
/* Before which of n sorted numbers each of the m values belongs; `after`: behind those that are equal. NaN is last. */
static void search_sorted_double(int64_t after, int64_t n, int64_t m, const double *sorted, const double *values,
                                 int64_t *places)
{
    for (int64_t k = 0; k < m; ++k) {
        const double x = values[k];
        int64_t first = 0, last = n;
        while (first < last) {
            const int64_t middle = first + (last - first) / 2;
            const double y = sorted[middle];
            const int less = y < x || (x != x && y == y), greater = x < y || (y != y && x == x);
            if (after ? !greater : less) first = middle + 1;
            else last = middle;
        }
        places[k] = first;
    }
}
