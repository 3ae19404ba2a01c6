/* Where things may be: thinned pictures and their levels, summits of brightness, nearest points, the best place of a
   template, the darkest point between two balls. Twins of numpy code in blobs, maps and balls; they judge nothing. */
#include "kernels.h"

enum { TABLES = 4, AT_ONCE = 16 };

typedef uint8_t bytes __attribute__((vector_size(AT_ONCE)));

/* Every step-th pixel of a row; up to half a register of them at once, where the row goes on for as long. */
WIDE static void thinned_row(const uint8_t *restrict from, int64_t cols, int64_t step, uint8_t *restrict to) {
    int64_t wide = (cols + step - 1) / step, together = (AT_ONCE - 1) / step + 1, c = 0;
    bytes which = {0};
    if (together > 8) together = 8;
    for (int64_t k = 0; k < together; k++) which[k] = (uint8_t)(k * step);
    for (; together > 1 && c * step + AT_ONCE <= cols && c + 8 <= wide; c += together) {
        bytes at;
        memcpy(&at, from + c * step, sizeof at);
        at = __builtin_shuffle(at, which);
        memcpy(to + c, &at, 8); /* what is too much is written over by the next ones */
    }
    for (; c < wide; c++) to[c] = from[c * step];
}

/* Every step-th pixel of a picture into `small`, and how often each level is at every `sparse`-th place of that. */
void thinned_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, int64_t step, int64_t sparse,
                    uint8_t *small, int64_t *counts) {
    int64_t wide = (cols + step - 1) / step;
    uint32_t own[TABLES][256] = {{0}}; /* neighbours are often alike, and a count waits for the one before it */
    for (int64_t r = 0; r * step < rows; r++) {
        const uint8_t *from = pixels + r * step * stride;
        uint8_t *to = small + r * wide;
        if ((r + 1) * step < rows) /* a new picture lies in memory, and its next row is not where this one ends */
            for (int64_t c = 0; c < cols; c += 64) __builtin_prefetch(from + step * stride + c);
        thinned_row(from, cols, step, to);
        if (r % sparse) continue;
        int64_t c = 0;
        for (; c + TABLES * sparse <= wide; c += TABLES * sparse)
            for (int k = 0; k < TABLES; k++) own[k][to[c + k * sparse]]++;
        for (; c < wide; c += sparse) own[0][to[c]]++;
    }
    for (int level = 0; level < 256; level++) counts[level] = (int64_t)own[0][level] + own[1][level] + own[2][level] + own[3][level];
}

/* Beyond a border the picture goes on as its mirror image; the border itself is not repeated. */
static inline int64_t mirrored(int64_t at, int64_t size) {
    while (size > 1 && (at < 0 || at >= size)) at = at < 0 ? -at : 2 * size - 2 - at;
    return size > 1 ? at : 0;
}

/* Brightness above `ground`, summed over a square of side 2 half + 1. `down` has room for cols + 2 half. */
WIDE static void box_sums(const uint8_t *restrict lit, int64_t rows, int64_t cols, int64_t half,
                          uint16_t *restrict down, uint16_t *restrict box) {
    memset(down, 0, (size_t)(cols + 2 * half) * sizeof *down);
    for (int64_t d = -half; d <= half; d++) {
        const uint8_t *row = lit + mirrored(d, rows) * cols;
        for (int64_t c = 0; c < cols; c++) down[half + c] += row[c];
    }
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < half; c++) {
            down[c] = down[half + mirrored(c - half, cols)];
            down[half + cols + c] = down[half + mirrored(cols + c, cols)];
        }
        uint16_t *to = box + r * cols;
        memcpy(to, down, (size_t)cols * sizeof *to);
        for (int64_t k = 1; k <= 2 * half; k++)
            for (int64_t c = 0; c < cols; c++) to[c] = (uint16_t)(to[c] + down[c + k]);
        const uint8_t *gone = lit + mirrored(r - half, rows) * cols, *next = lit + mirrored(r + half + 1, rows) * cols;
        for (int64_t c = 0; c < cols; c++) down[half + c] = (uint16_t)(down[half + c] + next[c] - gone[c]);
    }
}

/* Mean over 3 x 3, rounded; `three` has room for cols. */
WIDE static void smoothed(const uint16_t *restrict box, int64_t rows, int64_t cols, float *restrict three,
                          uint16_t *restrict mean) {
    for (int64_t r = 0; r < rows; r++) {
        const uint16_t *above = box + mirrored(r - 1, rows) * cols, *here = box + r * cols;
        const uint16_t *below = box + mirrored(r + 1, rows) * cols;
        for (int64_t c = 0; c < cols; c++) three[c + 1] = (float)(above[c] + here[c] + below[c]);
        three[0] = three[1 + mirrored(-1, cols)];
        three[cols + 1] = three[1 + mirrored(cols, cols)];
        uint16_t *to = mean + r * cols;
        for (int64_t c = 0; c < cols; c++)
            to[c] = (uint16_t)(int32_t)((three[c] + three[c + 1] + three[c + 2] + 4.5f) * (1.0f / 9.0f));
    }
}

/* Which places of a row are lit and not lower than their four neighbours. */
WIDE static void local_tops(const uint16_t *restrict here, int64_t cols, uint8_t *restrict is_top) {
    for (int64_t c = 1; c < cols - 1; c++) {
        uint16_t at = here[c], beside = here[c - 1] > here[c + 1] ? here[c - 1] : here[c + 1];
        uint16_t over = here[c - cols] > here[c + cols] ? here[c - cols] : here[c + cols];
        is_top[c] = (at > 0) & (at >= beside) & (at >= over);
    }
}

static int is_highest(const uint16_t *mean, int64_t rows, int64_t cols, int64_t r, int64_t c, int64_t reach) {
    uint16_t top = mean[r * cols + c];
    for (int64_t y = between(0, r - reach, rows); y <= between(0, r + reach, rows - 1); y++)
        for (int64_t x = between(0, c - reach, cols); x <= between(0, c + reach, cols - 1); x++)
            if (mean[y * cols + x] > top) return 0;
    return 1;
}

/* Top of the parabola through three neighbours, from the middle one. */
static double vertex(double before, double at, double after) {
    double bend = fmax(2.0 * at - before - after, 1e-6), off = 0.5 * (after - before) / bend;
    return fmax(-0.5, fmin(off, 0.5));
}

/* Summits of the smoothed light over `ground`, highest within `reach` each way. Column, row and height of the first
   `most` go to `found` (most, 3); returns how many there are, -1 without memory. */
int64_t summits(const uint8_t *small, int64_t rows, int64_t cols, int64_t ground, int64_t half, int64_t reach,
                double *found, int64_t most) {
    size_t area = (size_t)(rows * cols);
    uint16_t *box = malloc(2 * area * sizeof *box + area + (size_t)(4 * cols + 4 * half + 4) * sizeof(float));
    if (!box) return -1;
    uint16_t *mean = box + area;
    float *line = (float *)(mean + area);
    uint16_t *down = (uint16_t *)(line + cols + 2);
    uint8_t *lit = (uint8_t *)(down + cols + 2 * half);
    uint8_t floor_level = (uint8_t)between(0, ground, 255);
    for (size_t i = 0; i < area; i++) lit[i] = (uint8_t)(small[i] > floor_level ? small[i] - floor_level : 0);
    box_sums(lit, rows, cols, half, down, box);
    smoothed(box, rows, cols, line, mean);
    int64_t count = 0;
    memset(lit, 0, area); /* from here on the tops of one row */
    for (int64_t r = 1; r < rows - 1; r++) {
        local_tops(mean + r * cols, cols, lit);
        for (int64_t c = 1; c < cols - 1; c++) {
            uint64_t eight;
            if (c + 8 < cols && !(memcpy(&eight, lit + c, 8), eight)) {
                c += 7;
                continue;
            }
            if (!lit[c] || !is_highest(mean, rows, cols, r, c, reach)) continue;
            const uint16_t *at = mean + r * cols + c;
            if (count < most) {
                found[3 * count] = (double)c + vertex(at[-1], *at, at[1]);
                found[3 * count + 1] = (double)r + vertex(at[-cols], *at, at[cols]);
                found[3 * count + 2] = *at;
            }
            count++;
        }
    }
    free(box);
    return count;
}

/* Index of the nearest target of every point, -1 where none lies within the radius; targets are sorted into cells. */
int64_t nearest_within(const double *points, int64_t count, const double *targets, int64_t target_count, double radius,
                       int64_t *nearest) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t i = 0; i < 2 * target_count; i++) {
        low[i & 1] = fmin(low[i & 1], targets[i]);
        high[i & 1] = fmax(high[i & 1], targets[i]);
    }
    double extent = fmax(high[0] - low[0], high[1] - low[1]);
    double cell = fmax(radius, extent / (2.0 * sqrt((double)target_count)));
    if (!(cell > 0.0 && cell < 1e12)) cell = 1.0;
    int64_t wide = (int64_t)((high[0] - low[0]) / cell) + 3, tall = (int64_t)((high[1] - low[1]) / cell) + 3;
    int64_t *first = calloc((size_t)(wide * tall + 1 + 2 * target_count), sizeof *first);
    if (!first) return -1;
    int64_t *sorted = first + wide * tall + 1, *cell_of = sorted + target_count;
    for (int64_t j = 0; j < target_count; j++) {
        int64_t x = 1 + (int64_t)((targets[2 * j] - low[0]) / cell), y = 1 + (int64_t)((targets[2 * j + 1] - low[1]) / cell);
        cell_of[j] = y * wide + x;
        first[cell_of[j]]++;
    }
    for (int64_t k = 1; k <= wide * tall; k++) first[k] += first[k - 1];
    for (int64_t j = target_count - 1; j >= 0; j--) sorted[--first[cell_of[j]]] = j; /* in their order within a cell */
    for (int64_t i = 0; i < count; i++) {
        double px = points[2 * i], py = points[2 * i + 1], least = radius * radius;
        nearest[i] = -1;
        double fx = 1.0 + floor((px - low[0]) / cell), fy = 1.0 + floor((py - low[1]) / cell);
        if (!(fx >= 0.0 && fy >= 0.0 && fx < (double)wide && fy < (double)tall)) continue;
        int64_t x = (int64_t)fx, y = (int64_t)fy;
        for (int64_t v = between(0, y - 1, tall); v <= between(0, y + 1, tall - 1); v++)
            for (int64_t u = between(0, x - 1, wide); u <= between(0, x + 1, wide - 1); u++)
                for (int64_t k = first[v * wide + u]; k < first[v * wide + u + 1]; k++) {
                    double dx = px - targets[2 * sorted[k]], dy = py - targets[2 * sorted[k] + 1], off = dx * dx + dy * dy;
                    if (off < least || (off == least && (nearest[i] < 0 || sorted[k] < nearest[i]))) {
                        least = off;
                        nearest[i] = sorted[k];
                    }
                }
    }
    free(first);
    return 0;
}

/* Template times picture at every place: `level` has rows of `wide`, so has `product`, whose rows are a multiple of
   four and whose columns of LANES; four rows at a time keep the processor's adders busy. */
WIDE static void products(const float *restrict level, int64_t wide, const float *restrict template, int64_t side,
                          int64_t rows, int64_t cols, float *restrict product) {
    for (int64_t r = 0; r < rows; r += 4)
        for (int64_t c = 0; c < cols; c += LANES) {
            lanes sum[4] = {{0}, {0}, {0}, {0}};
            for (int64_t y = 0; y < side; y++)
                for (int64_t x = 0; x < side; x++) {
                    float weight = template[y * side + x];
                    for (int k = 0; k < 4; k++) {
                        lanes at;
                        memcpy(&at, level + (r + k + y) * wide + c + x, sizeof at);
                        sum[k] += weight * at;
                    }
                }
            for (int k = 0; k < 4; k++) memcpy(product + (r + k) * wide + c, &sum[k], sizeof sum[k]);
        }
}

/* Sum of levels and of their squares over the square of every place, from sums over whole columns. */
static void windows(const float *level, int64_t wide, int64_t side, int64_t rows, int64_t cols, double *column,
                    double *spread) {
    for (int64_t r = 0; r < rows; r++) {
        memset(column, 0, (size_t)(2 * wide) * sizeof *column);
        for (int64_t y = r; y < r + side; y++)
            for (int64_t x = 0; x < cols + side - 1; x++) {
                double at = level[y * wide + x];
                column[2 * x] += at;
                column[2 * x + 1] += at * at;
            }
        double sum = 0.0, square = 0.0;
        for (int64_t x = 0; x < cols + side - 1; x++) {
            sum += column[2 * x], square += column[2 * x + 1];
            if (x < side - 1) continue;
            int64_t c = x - side + 1;
            spread[r * wide + c] = square - sum * sum / (double)(side * side);
            sum -= column[2 * c], square -= column[2 * c + 1];
        }
    }
}

/* Best place of a square template (zero mean, unit length) within `reach` pixels of each start: column, row and the
   normalised correlation into `found` (count, 3), correlation -1 where the picture has no room for the template. */
int64_t best_places(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *starts,
                    int64_t count, const float *template, int64_t side, int64_t reach, double *found) {
    int64_t half = side / 2, places = 2 * reach + 1, tall = (places + 3) / 4 * 4 + side;
    int64_t wide = (places + LANES - 1) / LANES * LANES + side + LANES;
    size_t area = (size_t)(tall * wide);
    double *spread = calloc(area + 2 * (size_t)wide + area, sizeof *spread);
    if (!spread) return -1;
    double *column = spread + area;
    float *level = (float *)(column + 2 * wide), *product = level + area;
    for (int64_t i = 0; i < count; i++) {
        double *best = found + 3 * i;
        best[0] = starts[2 * i], best[1] = starts[2 * i + 1], best[2] = -1.0;
        if (!(fabs(best[0]) < 1e9 && fabs(best[1]) < 1e9)) continue;
        int64_t col = (int64_t)lrint(best[0]), row = (int64_t)lrint(best[1]);
        int64_t left = between(0, col - reach - half, cols), right = between(-1, col + reach + half, cols - 1);
        int64_t top = between(0, row - reach - half, rows), bottom = between(-1, row + reach + half, rows - 1);
        int64_t across = right - left + 2 - side, down = bottom - top + 2 - side;
        if (across < 1 || down < 1) continue;
        for (int64_t y = top; y <= bottom; y++)
            for (int64_t x = left; x <= right; x++) level[(y - top) * wide + x - left] = pixels[y * stride + x];
        products(level, wide, template, side, down, across, product);
        windows(level, wide, side, down, across, column, spread);
        for (int64_t y = 0; y < down; y++)
            for (int64_t x = 0; x < across; x++) {
                double power = spread[y * wide + x], match = power > 1e-3 ? product[y * wide + x] / sqrt(power) : 0.0;
                if (match > best[2]) best[0] = (double)(left + half + x), best[1] = (double)(top + half + y), best[2] = match;
            }
    }
    free(spread);
    return 0;
}

/* Mean level, over the points, at every offset from them; all places lie inside the picture. */
void mean_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *points, int64_t count,
                 const double *offsets, int64_t places, double *mean) {
    memset(mean, 0, (size_t)places * sizeof *mean);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < places; k++) {
            int64_t col = between(0, (int64_t)lrint(points[2 * i] + offsets[2 * k]), cols - 1);
            int64_t row = between(0, (int64_t)lrint(points[2 * i + 1] + offsets[2 * k + 1]), rows - 1);
            mean[k] += (double)pixels[row * stride + col];
        }
    for (int64_t k = 0; k < places; k++) mean[k] /= (double)count;
}

/* Darkest level on the straight way between the rims of every pair of balls, mean of three beside each other. */
void gap_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *centres,
                const int64_t *pairs, int64_t count, double rim, int64_t steps, double *levels) {
    for (int64_t i = 0; i < count; i++) {
        const double *from = centres + 2 * pairs[2 * i], *to = centres + 2 * pairs[2 * i + 1];
        double dx = to[0] - from[0], dy = to[1] - from[1], span = sqrt(dx * dx + dy * dy);
        double ux = dx / (span > 1e-6 ? span : 1e-6), uy = dy / (span > 1e-6 ? span : 1e-6);
        double low = rim < 0.42 * span ? rim : 0.42 * span;
        int is_inside = 1; /* with room for the one beside: then no place needs a look whether it is */
        for (int end = 0; end < 4; end++) {
            double at = end < 2 ? from[end] : to[end - 2];
            is_inside &= at > 3.0 && at < (double)(end & 1 ? rows : cols) - 4.0;
        }
        int64_t darkest = 3 * 255;
        for (int64_t s = 0; s < steps && span < 1e9; s++) {
            double way = low + (span - 2.0 * low) * ((double)s / (double)(steps - 1));
            int64_t sum = 0;
            for (int beside = -1; beside <= 1; beside++) {
                double x = from[0] + way * ux - 1.5 * beside * uy, y = from[1] + way * uy + 1.5 * beside * ux;
                int64_t col = (int64_t)lrint(x), row = (int64_t)lrint(y);
                if (!is_inside) col = between(0, col, cols - 1), row = between(0, row, rows - 1);
                sum += pixels[row * stride + col];
            }
            if (sum < darkest) darkest = sum;
        }
        levels[i] = (double)darkest / 3.0;
    }
}
