/* The windows about round things: their levels by radius, the least-squares operators laid out for every sub-pixel
   place, and their answers. Twins of the numpy code in windows and operators. */
#include "kernels.h"

enum { COLUMNS_MOST = 12 };

typedef struct {
    const uint8_t *pixels;
    int64_t rows, cols, stride;
    const int64_t *corner; /* column, row of the first pixel of every window */
    int64_t side, step;    /* columns of a window; every step-th row is in it */
} cut;

/* The pixels of a window as numbers, zeros after them up to `padded`; 0 where it leaves the picture. */
WIDE static int copied(const cut *from, int64_t disc, int64_t padded, float *restrict to) {
    int64_t col = from->corner[2 * disc], row = from->corner[2 * disc + 1], i = 0;
    if (col < 0 || row < 0 || col + from->side > from->cols || row + from->side > from->rows) return 0;
    for (int64_t y = 0; y < from->side; y += from->step) {
        const uint8_t *line = from->pixels + (row + y) * from->stride + col;
        for (int64_t x = 0; x < from->side; x++) to[i + x] = (float)line[x];
        i += from->side;
    }
    for (; i < padded; i++) to[i] = 0.0f;
    return 1;
}

/* Sum of products of two rows whose length is a multiple of LANES, in two times LANES running sums. */
static inline __attribute__((always_inline)) double dot(const float *one, const float *two, int64_t padded) {
    lanes sum[2] = {{0}, {0}};
    int64_t i = 0;
    for (; i + 2 * LANES <= padded; i += 2 * LANES)
        for (int k = 0; k < 2; k++) {
            lanes a, b;
            memcpy(&a, one + i + k * LANES, sizeof a);
            memcpy(&b, two + i + k * LANES, sizeof b);
            sum[k] += a * b;
        }
    if (i < padded) {
        lanes a, b;
        memcpy(&a, one + i, sizeof a);
        memcpy(&b, two + i, sizeof b);
        sum[0] += a * b;
    }
    sum[0] += sum[1];
    double total = 0.0;
    for (int k = 0; k < LANES; k++) total += (double)sum[0][k];
    return total;
}

/* Levels of the chosen windows summed by radius, `index` (phases, pixels) saying which of `sums`; windows by phase. */
int64_t window_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                      int64_t count, const int64_t *phase, const uint8_t *chosen, int64_t side, int64_t step,
                      const int32_t *index, int64_t phases, int64_t size, double *sums, int64_t steps, double *number) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    float *line = calloc((size_t)(size * (phases + 1)), sizeof *line);
    if (!line) return -1;
    float *level = line + size;
    memset(sums, 0, (size_t)steps * sizeof *sums);
    memset(number, 0, (size_t)phases * sizeof *number);
    for (int64_t disc = 0; disc < count; disc++) {
        if (!chosen[disc] || !copied(&from, disc, size, line)) continue;
        float *to = level + phase[disc] * size;
        for (int64_t i = 0; i < size; i++) to[i] += line[i];
        number[phase[disc]] += 1.0;
    }
    for (int64_t p = 0; p < phases; p++)
        for (int64_t i = 0; number[p] > 0.0 && i < size; i++) sums[index[p * size + i]] += (double)level[p * size + i];
    free(line);
    return 0;
}

/* Inverse of a symmetric positive matrix of `n` columns, in place, by its Cholesky factor. */
static void inverted(double *matrix, int n) {
    double factor[COLUMNS_MOST][COLUMNS_MOST] = {{0}}, back[COLUMNS_MOST][COLUMNS_MOST] = {{0}};
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double sum = matrix[i * n + j];
            for (int k = 0; k < j; k++) sum -= factor[i][k] * factor[j][k];
            factor[i][j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / factor[j][j];
        }
    for (int j = 0; j < n; j++) /* the inverse of the factor, lower as well */
        for (int i = j; i < n; i++) {
            double sum = i == j ? 1.0 : 0.0;
            for (int k = j; k < i; k++) sum -= factor[i][k] * back[k][j];
            back[i][j] = sum / factor[i][i];
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int k = i > j ? i : j; k < n; k++) sum += back[k][i] * back[k][j];
            matrix[i * n + j] = sum;
        }
}

/* One phase: columns of the model from tables over the radius, and the rows that answer with their coefficients. */
WIDE static void laid_out(const float *restrict cos, const float *restrict sin, const float *restrict inside,
                          const int32_t *restrict index, int64_t size, int64_t padded, const float *level,
                          const float *slope, const float *lit, float per_step, int is_final, float leak_reach,
                          int width, float *restrict design, float *restrict weighted, float *restrict rows,
                          double *spread) {
    float *column[COLUMNS_MOST];
    for (int k = 0; k < width; k++) column[k] = design + k * padded;
    float *share = rows + (width + 1) * padded, *centred = rows + width * padded;
    double total = 0.0, mean = 0.0, square = 0.0;
    for (int64_t i = 0; i < size; i++) {
        float c = cos[i], s = sin[i], steep = slope[index[i]], shine = lit[index[i]];
        column[0][i] = -steep * c, column[1][i] = -steep * s;
        column[2][i] = shine * c, column[3][i] = shine * s;
        column[4][i] = level[index[i]], column[5][i] = 1.0f;
        total += (double)inside[i];
    }
    int next = 6;
    if (is_final) {
        for (int64_t i = 0; i < size; i++) {
            float c = cos[i], s = sin[i], stretch = -slope[index[i]] * ((float)index[i] * per_step);
            column[6][i] = stretch, column[7][i] = stretch * (c * c - s * s), column[8][i] = stretch * (2.0f * c * s);
        }
        next = 9;
    }
    if (leak_reach > 0.0f)
        for (int64_t i = 0; i < size; i++) {
            float out = (float)index[i] * per_step / leak_reach, near = out < 1.0f ? out : 1.0f, cube = near * near * near;
            column[next][i] = cube * cube;
            column[next + 1][i] = cube * cube * cos[i], column[next + 2][i] = cube * cube * sin[i];
        }
    for (int64_t i = 0; i < size; i++) {
        share[i] = (float)((double)inside[i] / total);
        mean += (double)(share[i] * column[4][i]);
    }
    for (int64_t i = 0; i < size; i++) {
        centred[i] = share[i] * (column[4][i] - (float)mean);
        square += (double)(centred[i] * column[4][i]);
    }
    *spread = sqrt(fmax(square, 1e-9));
    float *weight = weighted + COLUMNS_MOST * padded;
    for (int64_t i = 0; i < size; i++) {
        float bright = column[4][i] > 0.0f ? column[4][i] : 0.0f;
        weight[i] = inside[i] / (1.0f + bright / 40.0f);
    }
    for (int k = 0; k < width; k++)
        for (int64_t i = 0; i < size; i++) weighted[k * padded + i] = column[k][i] * weight[i];
    double normal[COLUMNS_MOST * COLUMNS_MOST];
    for (int a = 0; a < width; a++)
        for (int b = 0; b <= a; b++)
            normal[a * width + b] = normal[b * width + a] = dot(weighted + a * padded, column[b], padded);
    for (int a = 0; a < width; a++) normal[a * width + a] = normal[a * width + a] * (1.0 + 1e-6) + 1e-9;
    inverted(normal, width);
    for (int a = 0; a < width; a++) {
        float *to = rows + a * padded;
        for (int b = 0; b < width; b++) {
            float by = (float)normal[a * width + b];
            const float *from = weighted + b * padded;
            for (int64_t i = 0; i < padded; i++) to[i] += by * from[i];
        }
    }
}

/* Weighted least squares for every phase listed. Tables over the radius in steps of 1 / per_px; `rows` (listed,
   columns + 2, padded) as windows answer with them, `design` (listed, columns, padded); both zero before. `along` is what
   a shift in x is read from, summed by radius. */
int64_t operators(const float *cos, const float *sin, const float *inside, const int32_t *index, int64_t size,
                  const int64_t *phases, int64_t listed, const float *level, const float *slope, const float *lit,
                  double per_px, int64_t is_final, double leak_reach, float *rows, int64_t width, int64_t padded,
                  double *spread, float *design, double *along, int64_t steps) {
    float *weighted = calloc((size_t)((COLUMNS_MOST + 1) * padded), sizeof *weighted);
    if (!weighted) return -1;
    memset(along, 0, (size_t)steps * sizeof *along);
    for (int64_t n = 0; n < listed; n++) {
        int64_t at = phases[n] * size;
        float *answer = rows + n * (width + 2) * padded;
        laid_out(cos + at, sin + at, inside + at, index + at, size, padded, level, slope, lit, (float)(1.0 / per_px),
                 (int)is_final, (float)leak_reach, (int)width, design + n * width * padded, weighted, answer, spread + n);
        for (int64_t i = 0; i < size; i++)
            along[index[at + i]] += (double)(answer[i] * cos[at + i]) / (double)listed;
    }
    free(weighted);
    return 0;
}

/* What every window answers: coefficients, projection on the template and mean into `answers` (count, columns + 2), and
   the mean of its squares; NaN where it leaves the picture. */
WIDE static void answered(const float *restrict line, const float *restrict rows, int64_t height, int64_t padded,
                          float *restrict work, double *answers, double *squares) {
    for (int64_t k = 0; k < height; k++) answers[k] = dot(rows + k * padded, line, padded);
    for (int64_t i = 0; i < padded; i++) work[i] = line[i] * line[i];
    *squares = dot(rows + (height - 1) * padded, work, padded);
}

int64_t window_answers(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, int64_t side, int64_t step, const float *operators,
                       int64_t height, int64_t padded, double *answers, double *squares) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    float *line = malloc((size_t)(2 * padded) * sizeof *line);
    if (!line) return -1;
    for (int64_t disc = 0; disc < count; disc++) {
        double *to = answers + disc * height;
        if (copied(&from, disc, padded, line)) {
            answered(line, operators + slot[disc] * height * padded, height, padded, line + padded, to, squares + disc);
        } else {
            for (int64_t k = 0; k < height; k++) to[k] = NAN;
            squares[disc] = NAN;
        }
    }
    free(line);
    return 0;
}

/* Variance of the shift per axis as the pixels of a window are off the model that its coefficients make. */
WIDE static double scattered(float *restrict line, float *restrict power, const double *coefficient, const float *restrict design,
                             const float *restrict rows, int64_t width, int64_t padded) {
    for (int64_t k = 0; k < width; k++) {
        float by = (float)coefficient[k];
        for (int64_t i = 0; i < padded; i++) line[i] -= by * design[k * padded + i];
    }
    for (int64_t i = 0; i < padded; i++) {
        float x = rows[i], y = rows[padded + i];
        line[i] *= line[i];
        power[i] = x * x + y * y;
    }
    const float *share = rows + (width + 1) * padded;
    double pixels = 1.0 / dot(share, share, padded); /* as many as count in full */
    return 0.5 * dot(line, power, padded) * pixels / fmax(pixels - (double)width, 1.0);
}

/* The same for up to `most` of the chosen windows of every slot, the first in order; returns how many `variances`. */
int64_t window_scatter(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, const uint8_t *chosen, int64_t side, int64_t step,
                       const float *operators, const float *design, int64_t slots, int64_t width, int64_t padded,
                       const double *answers, int64_t most, double *variances) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    float *line = malloc((size_t)(2 * padded) * sizeof *line + (size_t)slots * sizeof(int64_t));
    if (!line) return -1;
    int64_t *taken = (int64_t *)(line + 2 * padded), number = 0;
    memset(taken, 0, (size_t)slots * sizeof *taken);
    for (int64_t disc = 0; disc < count; disc++) {
        int64_t at = slot[disc];
        if (!chosen[disc] || taken[at] >= most || !copied(&from, disc, padded, line)) continue;
        taken[at]++;
        variances[number++] = scattered(line, line + padded, answers + disc * width, design + at * width * padded,
                                        operators + at * (width + 2) * padded, width, padded);
    }
    free(line);
    return number;
}
