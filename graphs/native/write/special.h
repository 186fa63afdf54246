/* Functions of SciPy's, whose pointers a call is given (scipy.special.cython_special); the last argument is Cython's own. */

//: i0_type i1_type j0_type j1_type
/* Bessel functions of one number, */
typedef double i0_type(double, int), i1_type(double, int), j0_type(double, int), j1_type(double, int);

//: jv_type ive_type kve_type
/* of order and number, */
typedef double jv_type(double, double, int), ive_type(double, double, int), kve_type(double, double, int);

//: gammainc_type gammaincc_type gammaincinv_type gammainccinv_type
/* the incomplete gamma function and what it is the inverse of, */
typedef double gammainc_type(double, double, int), gammaincc_type(double, double, int),
    gammaincinv_type(double, double, int), gammainccinv_type(double, double, int);

//: betainc_type betaincinv_type
/* and the incomplete beta function. */
typedef double betainc_type(double, double, double, int), betaincinv_type(double, double, double, int);
