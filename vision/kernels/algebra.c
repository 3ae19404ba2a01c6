/* Medians and least squares of a few unknowns: what the other kernels share, and what vision.arithmetic asks for. */
#include "kernels.h"

/* Middle of the values, which are put in another order: those up to the middle one before it. */
double middle(double *values, int64_t count) {
    int64_t low = 0, high = count - 1, upper = count / 2;
    while (low < high) { /* the part that holds the middle is divided by its own middle until it is one value */
        double by = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < by) i++;
            while (values[j] > by) j--;
            if (i > j) break;
            double other = values[i];
            values[i++] = values[j], values[j--] = other;
        }
        if (upper <= j)
            high = j;
        else if (upper >= i)
            low = i;
        else
            break;
    }
    double below = values[upper];
    if (count % 2 == 0) {
        below = -INFINITY;
        for (int64_t k = 0; k < upper; k++) below = fmax(below, values[k]);
    }
    return 0.5 * (below + values[upper]);
}

/* Cholesky factor of a symmetric positive matrix, in its lower half. */
static void factored(double *matrix, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = matrix[i * n + j];
            for (int64_t k = 0; k < j; k++) sum -= matrix[i * n + k] * matrix[j * n + k];
            matrix[i * n + j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / matrix[j * n + j];
        }
}

/* Solution of symmetric positive equations; the matrix makes room for its factor. */
void solved_equations(double *matrix, const double *right, int64_t n, double *answer) {
    factored(matrix, n);
    for (int64_t i = 0; i < n; i++) {
        answer[i] = right[i];
        for (int64_t k = 0; k < i; k++) answer[i] -= matrix[i * n + k] * answer[k];
        answer[i] /= matrix[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t k = i + 1; k < n; k++) answer[i] -= matrix[k * n + i] * answer[k];
        answer[i] /= matrix[i * n + i];
    }
}

/* Inverse of a symmetric positive matrix of up to UNKNOWNS_MOST columns, in place: that of its factor, squared. */
void inverted(double *matrix, int64_t n) {
    double back[UNKNOWNS_MOST * UNKNOWNS_MOST];
    factored(matrix, n);
    for (int64_t i = 0; i < n; i++) {
        double over = 1.0 / matrix[i * n + i];
        for (int64_t j = 0; j <= i; j++) {
            double sum = i == j ? 1.0 : 0.0;
            for (int64_t k = j; k < i; k++) sum -= matrix[i * n + k] * back[k * n + j];
            back[i * n + j] = sum * over;
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int64_t k = i; k < n; k++) sum += back[k * n + i] * back[k * n + j];
            matrix[i * n + j] = matrix[j * n + i] = sum;
        }
}

/* Normal equations of rows `design` (count, n), those of weight 0 left out, with a millionth of their number towards
   zero. */
void normal_equations(const double *design, int64_t count, int64_t n, const double *weight, double *normal) {
    memset(normal, 0, (size_t)(n * n) * sizeof *normal);
    for (int64_t r = 0; r < count; r++) {
        const double *row = design + r * n;
        if (weight[r] != 0.0)
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j <= i; j++) normal[i * n + j] += weight[r] * row[i] * row[j];
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) normal[j * n + i] = normal[i * n + j];
}

/* Weighted least squares of `columns` sets of values (count, columns): `answer` (n, columns). */
void least_squares(const double *design, int64_t count, int64_t n, const double *values, int64_t columns,
                   const double *weight, double *answer) {
    double normal[UNKNOWNS_MOST * UNKNOWNS_MOST], work[UNKNOWNS_MOST * UNKNOWNS_MOST];
    double right[UNKNOWNS_MOST], one[UNKNOWNS_MOST];
    int64_t used = 0;
    for (int64_t r = 0; r < count; r++) used += weight[r] != 0.0;
    normal_equations(design, count, n, weight, normal);
    for (int64_t i = 0; i < n; i++) normal[i * n + i] += 1e-6 * (double)used;
    for (int64_t k = 0; k < columns; k++) {
        memset(right, 0, sizeof right);
        for (int64_t r = 0; r < count; r++)
            for (int64_t i = 0; i < n && weight[r] != 0.0; i++) right[i] += weight[r] * design[r * n + i] * values[r * columns + k];
        memcpy(work, normal, sizeof work);
        solved_equations(work, right, n, one);
        for (int64_t i = 0; i < n; i++) answer[i * columns + k] = one[i];
    }
}
