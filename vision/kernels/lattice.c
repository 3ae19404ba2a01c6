/* Rows of a square lattice among points, and the shift under which a map covers most of them. Twins of the numpy code in
   lattice. */
#include "kernels.h"

enum { ANGLES = 90, PARTS = 20, BITS = 64 };

/* Fullest place of a closed row of counts, its neighbours taken with it. */
static int fullest(const int64_t *counts, int size) {
    int best = 0;
    int64_t most = -1;
    for (int k = 0; k < size; k++) {
        int64_t three = counts[(k + size - 1) % size] + counts[k] + counts[(k + 1) % size];
        if (three > most) most = three, best = k;
    }
    return best;
}

static double wrapped(double value, double period) {
    return value - period * floor(value / period);
}

/* Direction of the rows modulo 90 deg, in (-45, 45], and their pitch as seen, from neighbours one pitch apart of every
   every-th point; returns whether there are enough. */
static int rows_of(const double *points, int64_t count, double pitch, int64_t every, double *room, double *theta,
                   double *seen_pitch) {
    double *angle = room, *length = room + (count / every + 1) * count;
    int64_t counts[ANGLES] = {0}, pairs = 0, near = 0;
    double low = 0.88 * pitch, high = 1.12 * pitch;
    for (int64_t i = 0; i < count; i += every)
        for (int64_t j = 0; j < count; j++) {
            double dx = points[2 * j] - points[2 * i], dy = points[2 * j + 1] - points[2 * i + 1], square = dx * dx + dy * dy;
            if (!(square > low * low && square < high * high)) continue;
            angle[pairs] = wrapped(atan2(dy, dx) * (180.0 / M_PI), 90.0);
            length[pairs] = sqrt(square);
            counts[(int64_t)angle[pairs++] % ANGLES]++;
        }
    if (pairs < 12) return 0;
    double mode = fullest(counts, ANGLES) + 0.5;
    for (int turn = 0; turn < 3; turn++) { /* the last time the lengths are gathered */
        double sum = 0.0;
        near = 0;
        for (int64_t k = 0; k < pairs; k++) {
            double off = wrapped(angle[k] - mode + 45.0, 90.0) - 45.0;
            if (!(fabs(off) < 6.0)) continue;
            sum += off;
            if (turn == 2) length[near] = length[k];
            near++;
        }
        if (near < 12) return 0;
        if (turn < 2) mode += sum / (double)near;
    }
    *theta = wrapped(mode + 45.0, 90.0) - 45.0;
    *seen_pitch = middle(length, near);
    return 1;
}

/* Common fraction of lattice coordinates: circular mode, then mean of those near it. */
static double fraction_of(const double *steps, int64_t count) {
    int64_t counts[PARTS] = {0};
    for (int64_t i = 0; i < count; i++) counts[(int64_t)(wrapped(steps[2 * i], 1.0) * PARTS) % PARTS]++;
    double mode = (fullest(counts, PARTS) + 0.5) / PARTS;
    for (int turn = 0; turn < 3; turn++) {
        double sum = 0.0;
        int64_t near = 0;
        for (int64_t i = 0; i < count; i++) {
            double off = steps[2 * i] - mode;
            off -= rounded(off);
            if (fabs(off) < 0.25) sum += off, near++;
        }
        if (near) mode += sum / (double)near;
    }
    return mode;
}

/* Lattice place of every point, `index` (count, 2), and whether it stands on one; returns how many do, 0 where no rows
   are seen. */
int64_t lattice_places(const double *points, int64_t count, double pitch, int64_t every, double near, int64_t *index,
                       uint8_t *is_on) {
    size_t pairs = (size_t)((count / every + 1) * count);
    double *room = malloc((2 * pairs + 2 * (size_t)count) * sizeof *room), *steps = room + 2 * pairs;
    if (!room) return -1;
    double theta, seen_pitch;
    int64_t on = 0;
    if (rows_of(points, count, pitch, every, room, &theta, &seen_pitch)) {
        double cos_of = cos(theta * (M_PI / 180.0)) / seen_pitch, sin_of = sin(theta * (M_PI / 180.0)) / seen_pitch;
        for (int64_t i = 0; i < count; i++) {
            steps[2 * i] = points[2 * i] * cos_of + points[2 * i + 1] * sin_of;
            steps[2 * i + 1] = points[2 * i + 1] * cos_of - points[2 * i] * sin_of;
        }
        double phase[2] = {fraction_of(steps, count), fraction_of(steps + 1, count)};
        for (int64_t i = 0; i < count; i++) {
            double x = steps[2 * i] - phase[0], y = steps[2 * i + 1] - phase[1];
            index[2 * i] = (int64_t)lrint(x), index[2 * i + 1] = (int64_t)lrint(y);
            x -= rounded(x), y -= rounded(y);
            is_on[i] = x * x + y * y < near * near;
            on += is_on[i];
        }
    }
    free(room);
    return on;
}

/* Sites of a stencil that have a point under a shift, less points on its empty places. */
WIDE static int64_t votes(const uint64_t *seen, int64_t seen_rows, const uint64_t *sites, int64_t rows, uint64_t inside,
                          int64_t down, int64_t right) {
    int64_t sum = 0;
    for (int64_t r = between(0, -down, rows); r < rows && r + down < seen_rows; r++) {
        uint64_t here = (right >= 0 ? seen[r + down] >> right : seen[r + down] << -right) & inside;
        sum += 2 * __builtin_popcountll(here & sites[r]) - __builtin_popcountll(here);
    }
    return sum;
}

/* Shift of a stencil (site numbers, -1 where nothing belongs; at most 64 a side, as the lattice seen) with the most votes
   of the lattice places seen: into `shift`. Returns the votes. */
int64_t best_shift(const int64_t *index, int64_t count, const int64_t *stencil, int64_t rows, int64_t cols,
                   int64_t *shift) {
    uint64_t seen[BITS] = {0}, sites[BITS] = {0}, inside = cols < BITS ? ((uint64_t)1 << cols) - 1 : ~(uint64_t)0;
    int64_t total[BITS + 1][BITS + 1] = {{0}}, seen_rows = 0, seen_cols = 0, most = INT64_MIN;
    for (int64_t i = 0; i < count; i++) {
        int64_t r = between(0, index[2 * i], BITS - 1), c = between(0, index[2 * i + 1], BITS - 1);
        seen[r] |= (uint64_t)1 << c;
        seen_rows = r + 1 > seen_rows ? r + 1 : seen_rows, seen_cols = c + 1 > seen_cols ? c + 1 : seen_cols;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) sites[r] |= (uint64_t)(stencil[r * cols + c] >= 0) << c;
    for (int64_t r = 0; r < seen_rows; r++) /* points above and left of every corner */
        for (int64_t c = 0; c < seen_cols; c++)
            total[r + 1][c + 1] = (int64_t)(seen[r] >> c & 1) + total[r][c + 1] + total[r + 1][c] - total[r][c];
    for (int64_t d = 0; d < seen_rows + rows - 1; d++)
        for (int64_t e = 0; e < seen_cols + cols - 1; e++) {
            /* In the order of a transform, which decides ties: shifts back come last, the farthest first. */
            int64_t down = d < seen_rows ? d : d - seen_rows - rows + 1, right = e < seen_cols ? e : e - seen_cols - cols + 1;
            int64_t top = between(0, down, seen_rows), bottom = between(0, down + rows, seen_rows);
            int64_t left = between(0, right, seen_cols), end = between(0, right + cols, seen_cols);
            /* No more votes than points inside: most shifts are not worth a look. */
            if (total[bottom][end] - total[top][end] - total[bottom][left] + total[top][left] <= most) continue;
            int64_t sum = votes(seen, seen_rows, sites, rows, inside, down, right);
            if (sum > most) most = sum, shift[0] = down, shift[1] = right;
        }
    return most < 0 ? 0 : most;
}
