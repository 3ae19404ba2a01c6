/* The windows about round things: their levels by radius, the least-squares operators laid out for every sub-pixel
   place, and their answers. Twins of the numpy code in windows and operators. */
#include "kernels.h"

enum { TOGETHER = 4 };

typedef struct {
    const uint8_t *pixels;
    int64_t rows, cols, stride;
    const int64_t *corner; /* column, row of the first pixel of every window */
    int64_t side, step;    /* columns of a window; every step-th row is in it */
} cut;

static int is_inside(const cut *from, int64_t disc) {
    int64_t col = from->corner[2 * disc], row = from->corner[2 * disc + 1];
    return col >= 0 && row >= 0 && col + from->side <= from->cols && row + from->side <= from->rows;
}

/* Tells the processor which rows are wanted next: they lie apart, and a picture is larger than its near caches. */
static inline void fetched(const cut *from, int64_t disc, int64_t count) {
    if (disc >= count || !is_inside(from, disc)) return;
    const uint8_t *line = from->pixels + from->corner[2 * disc + 1] * from->stride + from->corner[2 * disc];
    for (int64_t y = 0; y < from->side; y += from->step) {
        __builtin_prefetch(line + y * from->stride);
        __builtin_prefetch(line + y * from->stride + from->side - 1);
    }
}

/* The pixels of a window as numbers, zeros after them up to `padded`; 0 where it leaves the picture. There is room for
   LANES more: where the picture has pixels beside the window, whole lanes are copied and the next row writes over them. */
WIDE static int copied(const cut *from, int64_t disc, int64_t padded, float *restrict to) {
    if (!is_inside(from, disc)) return 0;
    const uint8_t *line = from->pixels + from->corner[2 * disc + 1] * from->stride + from->corner[2 * disc];
    int64_t whole = (from->side + LANES - 1) / LANES * LANES, i = 0;
    int64_t wide = from->corner[2 * disc] + whole <= from->cols ? whole : from->side;
    for (int64_t y = 0; y < from->side; y += from->step, line += from->step * from->stride, i += from->side) {
        if (wide == whole)
            for (int64_t x = 0; x < whole; x += LANES)
                for (int k = 0; k < LANES; k++) to[i + x + k] = (float)line[x + k];
        else
            for (int64_t x = 0; x < wide; x++) to[i + x] = (float)line[x];
    }
    for (; i < padded + LANES; i++) to[i] = 0.0f;
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

WIDE static void added(const float *restrict line, int64_t size, float *restrict to) {
    for (int64_t i = 0; i < size; i++) to[i] += line[i];
}

/* Least-squares radial profile of the chosen windows, values at its knots. `index` (phases, pixels) is the radius of a
   pixel in steps of `table` (steps, knots), which are used up to `known`; `gram` (phases, knots, knots) are the normal
   equations of one window, `stiffness` what is added for each. */
int64_t learned_profile(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                        int64_t count, const int64_t *phase, const uint8_t *chosen, int64_t side, int64_t step,
                        const int32_t *index, int64_t phases, int64_t size, const float *table, int64_t knots,
                        int64_t known, const double *gram, const double *stiffness, double *profile) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    double *sums = calloc((size_t)(known + knots * (knots + 1) + phases + size * (phases + 1) + LANES), sizeof *sums);
    if (!sums) return -1;
    double *number = sums + known, *right = number + phases, *normal = right + knots, all = 0.0;
    float *line = (float *)(normal + knots * knots), *level = line + size + LANES;
    for (int64_t disc = 0; disc < count; disc++) {
        fetched(&from, disc + 1, count);
        if (!chosen[disc] || !copied(&from, disc, size, line)) continue;
        added(line, size, level + phase[disc] * size);
        number[phase[disc]] += 1.0, all += 1.0;
    }
    for (int64_t p = 0; p < phases; p++) {
        if (number[p] == 0.0) continue;
        for (int64_t i = 0; i < size; i++)
            if (index[p * size + i] < known) sums[index[p * size + i]] += (double)level[p * size + i];
        for (int64_t k = 0; k < knots * knots; k++) normal[k] += number[p] * gram[p * knots * knots + k];
    }
    for (int64_t k = 0; k < knots * knots; k++) normal[k] += fmax(all, 1.0) * stiffness[k];
    for (int64_t r = 0; r < known; r++)
        for (int64_t k = 0; k < knots; k++) right[k] += sums[r] * (double)table[r * knots + k];
    solved_equations(normal, right, knots, profile);
    free(sums);
    return 0;
}

/* Rows as sums of other rows; with `width` known beforehand they stay in registers. */
static inline __attribute__((always_inline)) void mixed(const float *by, const float *from, int width, int64_t padded,
                                                        float *to) {
    for (int64_t i = 0; i < padded; i += LANES) {
        lanes part[UNKNOWNS_MOST];
        for (int b = 0; b < width; b++) memcpy(&part[b], from + b * padded + i, sizeof part[b]);
        for (int a = 0; a < width; a++) {
            lanes sum = by[a * width] * part[0];
            for (int b = 1; b < width; b++) sum += by[a * width + b] * part[b];
            memcpy(to + a * padded + i, &sum, sizeof sum);
        }
    }
}

/* One phase: columns of the model from tables over the radius, and the rows that answer with their coefficients. */
WIDE static void laid_out(const float *restrict cos, const float *restrict sin, const float *restrict inside,
                          const int32_t *restrict index, int64_t size, int64_t padded, const float *level,
                          const float *slope, const float *lit, float per_step, int is_final,
                          const ground_layout *ground, int width, float *restrict design, float *restrict weighted, float *restrict rows,
                          double *spread) {
    float *column[UNKNOWNS_MOST];
    for (int k = 0; k < width; k++) column[k] = design + k * padded;
    for (int64_t k = 0; k < width; k++) memset(design + k * padded + size, 0, (size_t)(padded - size) * sizeof *design);
    for (int64_t k = width; k < width + 2; k++) memset(rows + k * padded + size, 0, (size_t)(padded - size) * sizeof *rows);
    float *centred = rows + width * padded, *share = rows + (width + 1) * padded;
    float *restrict weight = weighted + UNKNOWNS_MOST * padded, *restrict steep = weight + padded;
    float *restrict shine = steep + padded, *restrict out = shine + padded, *restrict template = column[4];
    for (int64_t i = 0; i < size; i++) {
        steep[i] = slope[index[i]], shine[i] = lit[index[i]], template[i] = level[index[i]];
        out[i] = (float)index[i] * per_step;
    }
    for (int k = 0; k < 4; k++) {
        const float *restrict of = k < 2 ? steep : shine, *restrict along = k % 2 ? sin : cos;
        float *restrict to = column[k], sign = k < 2 ? -1.0f : 1.0f;
        for (int64_t i = 0; i < size; i++) to[i] = sign * of[i] * along[i];
    }
    for (int64_t i = 0; i < size; i++) column[5][i] = 1.0f;
    int next = 6;
    if (is_final) {
        float *restrict grown = column[6], *restrict one = column[7], *restrict two = column[8];
        for (int64_t i = 0; i < size; i++) {
            float c = cos[i], s = sin[i];
            grown[i] = -steep[i] * out[i], one[i] = grown[i] * (c * c - s * s), two[i] = grown[i] * (2.0f * c * s);
        }
        next = 9;
    }
    const float *beside = ground->share ? column[next] : NULL;
    if (beside) {
        for (int64_t i = 0; i < size; i++) column[next][i] = ground->share[index[i]];
        for (int64_t power = 0; power < ground->slopes; power++) {
            float *restrict one = column[next + 1 + 2 * power], *restrict two = column[next + 2 + 2 * power];
            for (int64_t i = 0; i < size; i++) {
                float near = beside[i];
                for (int64_t k = 0; k < power; k++) near *= out[i] / (float)ground->reach;
                one[i] = near * cos[i], two[i] = near * sin[i];
            }
        }
    }
    memcpy(weight, inside, (size_t)size * sizeof *weight);
    float total = (float)dot(weight, column[5], padded);
    for (int64_t i = 0; i < size; i++) share[i] = weight[i] / total;
    float mean = (float)dot(share, template, padded);
    for (int64_t i = 0; i < size; i++) {
        centred[i] = share[i] * (template[i] - mean);
        float noise = 1.0f + (template[i] > 0.0f ? template[i] : 0.0f) / 40.0f;
        weight[i] /= beside ? noise + (float)ground->weight * beside[i] * beside[i] : noise;
    }
    *spread = sqrt(fmax(dot(centred, template, padded), 1e-9));
    for (int k = 0; k < width; k++) {
        const float *restrict from = column[k];
        float *restrict to = weighted + k * padded;
        for (int64_t i = 0; i < size; i++) to[i] = from[i] * weight[i];
    }
    double normal[UNKNOWNS_MOST * UNKNOWNS_MOST];
    for (int a = 0; a < width; a++)
        for (int b = 0; b <= a; b++)
            normal[a * width + b] = normal[b * width + a] = dot(weighted + a * padded, column[b], padded);
    for (int a = 0; a < width; a++) normal[a * width + a] = normal[a * width + a] * (1.0 + 1e-6) + 1e-9;
    inverted(normal, width);
    float by[UNKNOWNS_MOST * UNKNOWNS_MOST];
    for (int k = 0; k < width * width; k++) by[k] = (float)normal[k];
    if (width == 6)
        mixed(by, weighted, 6, padded, rows);
    else if (width == 9)
        mixed(by, weighted, 9, padded, rows);
    else
        mixed(by, weighted, width, padded, rows);
}

/* Weighted least squares for every phase listed. Tables over the radius in steps of 1 / per_px; `rows` (listed,
   columns + 2, padded) as windows answer with them, `design` (listed, columns, padded), zero beyond the pixels. `along` is what
   a shift in x is read from, summed by radius. */
int64_t operators(const float *cos, const float *sin, const float *inside, const int32_t *index, int64_t size,
                  const int64_t *phases, int64_t listed, const float *level, const float *slope, const float *lit,
                  double per_px, int64_t is_final, const ground_layout *ground, float *rows, int64_t width,
                  int64_t padded, double *spread, float *design, double *along, int64_t steps) {
    float *weighted = calloc((size_t)((UNKNOWNS_MOST + 4) * padded), sizeof *weighted);
    if (!weighted) return -1;
    memset(along, 0, (size_t)steps * sizeof *along);
    for (int64_t n = 0; n < listed; n++) {
        int64_t at = phases[n] * size;
        float *answer = rows + n * (width + 2) * padded;
        laid_out(cos + at, sin + at, inside + at, index + at, size, padded, level, slope, lit, (float)(1.0 / per_px),
                 (int)is_final, ground, (int)width, design + n * width * padded, weighted, answer, spread + n);
        for (int64_t i = 0; i < size; i++)
            along[index[at + i]] += (double)(answer[i] * cos[at + i]) / (double)listed;
    }
    free(weighted);
    return 0;
}

static inline __attribute__((always_inline)) double summed(const lanes *sum) {
    double total = 0.0;
    for (int lane = 0; lane < LANES; lane++) total += (double)(*sum)[lane];
    return total;
}

/* Answers of TOGETHER windows to two rows at a time, so that each row and each pixel is fetched for several products:
   `lines` (TOGETHER, padded). With the last row, the mean, goes the mean of the squares. */
WIDE static void answered(const float *lines, const float *rows, int64_t height, int64_t padded, double *answers,
                          double *squares) {
    lanes sum[2][TOGETHER], by[2], at;
    for (int64_t k = 0; k + 1 < height; k += 2) {
        memset(sum, 0, sizeof sum);
        for (int64_t i = 0; i < padded; i += LANES) {
            for (int r = 0; r < 2; r++) memcpy(&by[r], rows + (k + r) * padded + i, sizeof by[r]);
            for (int n = 0; n < TOGETHER; n++) {
                memcpy(&at, lines + n * padded + i, sizeof at);
                for (int r = 0; r < 2; r++) sum[r][n] += by[r] * at;
            }
        }
        for (int n = 0; n < TOGETHER; n++)
            for (int r = 0; r < 2; r++) answers[n * height + k + r] = summed(&sum[r][n]);
    }
    memset(sum, 0, sizeof sum);
    for (int64_t i = 0; i < padded; i += LANES) {
        memcpy(&by[0], rows + (height - 1) * padded + i, sizeof by[0]);
        for (int n = 0; n < TOGETHER; n++) {
            memcpy(&at, lines + n * padded + i, sizeof at);
            sum[0][n] += by[0] * at;
            sum[1][n] += by[0] * (at * at);
        }
    }
    for (int n = 0; n < TOGETHER; n++) answers[n * height + height - 1] = summed(&sum[0][n]), squares[n] = summed(&sum[1][n]);
}

/* What every window answers: coefficients, projection on the template and mean into `answers` (count, columns + 2), and
   the mean of its squares; NaN where it leaves the picture. */
int64_t window_answers(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, int64_t side, int64_t step, const float *operators,
                       int64_t slots, int64_t height, int64_t padded, double *answers, double *squares) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    size_t singles = (size_t)(TOGETHER * padded + LANES);
    double *own = malloc((size_t)(TOGETHER * (height + 1) + slots + 1 + count) * sizeof *own + singles * sizeof(float));
    if (!own) return -1;
    int64_t *first = (int64_t *)(own + TOGETHER * (height + 1)), *order = first + slots + 1;
    float *lines = (float *)(order + count);
    memset(lines, 0, singles * sizeof *lines);
    memset(first, 0, (size_t)(slots + 1) * sizeof *first);
    for (int64_t disc = 0; disc < count; disc++) first[slot[disc] + 1]++;
    for (int64_t at = 1; at <= slots; at++) first[at] += first[at - 1];
    for (int64_t disc = 0; disc < count; disc++) order[first[slot[disc]]++] = disc; /* now the end of every slot */
    for (int64_t at = 0, next = 0; at < slots; at++) {
        int64_t held[TOGETHER], number = 0;
        for (; next < first[at]; next++) {
            int64_t disc = order[next];
            if (next + 1 < count) fetched(&from, order[next + 1], count);
            if (copied(&from, disc, padded, lines + number * padded)) {
                held[number++] = disc;
            } else {
                for (int64_t k = 0; k < height; k++) answers[disc * height + k] = NAN;
                squares[disc] = NAN;
            }
            if (!number || (number < TOGETHER && next + 1 < first[at])) continue;
            answered(lines, operators + at * height * padded, height, padded, own, own + TOGETHER * height);
            for (int64_t n = 0; n < number; n++) {
                memcpy(answers + held[n] * height, own + n * height, (size_t)height * sizeof *own);
                squares[held[n]] = own[TOGETHER * height + n];
            }
            number = 0;
        }
    }
    free(own);
    return 0;
}

/* Variance of the shift per axis as the pixels of a window are off the model that its coefficients make. */
WIDE static double scattered(const float *line, const double *coefficient, const float *design, const float *rows,
                             int64_t width, int64_t padded) {
    lanes sum = {0}, power = {0};
    float by[UNKNOWNS_MOST];
    for (int64_t k = 0; k < width; k++) by[k] = (float)coefficient[k];
    for (int64_t i = 0; i < padded; i += LANES) {
        lanes off, at, x, y, share;
        memcpy(&off, line + i, sizeof off);
        for (int64_t k = 0; k < width; k++) {
            memcpy(&at, design + k * padded + i, sizeof at);
            off -= by[k] * at;
        }
        memcpy(&x, rows + i, sizeof x);
        memcpy(&y, rows + padded + i, sizeof y);
        memcpy(&share, rows + (width + 1) * padded + i, sizeof share);
        sum += off * off * (x * x + y * y);
        power += share * share;
    }
    double variance = 0.0, weight = 0.0;
    for (int k = 0; k < LANES; k++) variance += (double)sum[k], weight += (double)power[k];
    double pixels = 1.0 / weight; /* as many as count in full */
    return 0.5 * variance * pixels / fmax(pixels - (double)width, 1.0);
}

/* The same for up to `most` of the chosen windows of every slot, the first in order; returns how many `variances`. */
int64_t window_scatter(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, const uint8_t *chosen, int64_t side, int64_t step,
                       const float *operators, const float *design, int64_t slots, int64_t width, int64_t padded,
                       const double *answers, int64_t most, double *variances) {
    cut from = {pixels, rows, cols, stride, corner, side, step};
    float *line = malloc((size_t)(padded + LANES) * sizeof *line + (size_t)slots * sizeof(int64_t));
    if (!line) return -1;
    int64_t *taken = (int64_t *)(line + padded + LANES), number = 0;
    memset(taken, 0, (size_t)slots * sizeof *taken);
    for (int64_t disc = 0; disc < count; disc++) {
        int64_t at = slot[disc];
        if (!chosen[disc] || taken[at] >= most || !copied(&from, disc, padded, line)) continue;
        taken[at]++;
        variances[number++] = scattered(line, answers + disc * width, design + at * width * padded,
                                        operators + at * (width + 2) * padded, width, padded);
    }
    free(line);
    return number;
}
