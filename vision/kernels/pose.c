/* The rigid fit of one set of points to another, those far off left out. Twin of the numpy code in pose. */
#include "kernels.h"

/* Turn, shift and size through the points in use: x, y, theta (rad), scale into `pose`. */
static void through(const double *model, const double *seen, const double *weight, const uint8_t *used, int64_t count,
                    double *pose) {
    double total = 0.0, m[2] = {0.0, 0.0}, s[2] = {0.0, 0.0}, dot = 0.0, cross = 0.0, square = 0.0;
    for (int64_t k = 0; k < count; k++)
        if (used[k]) {
            total += weight[k];
            for (int axis = 0; axis < 2; axis++)
                m[axis] += weight[k] * model[2 * k + axis], s[axis] += weight[k] * seen[2 * k + axis];
        }
    for (int axis = 0; axis < 2; axis++) m[axis] /= total, s[axis] /= total;
    for (int64_t k = 0; k < count; k++)
        if (used[k]) {
            double mx = model[2 * k] - m[0], my = model[2 * k + 1] - m[1];
            double sx = seen[2 * k] - s[0], sy = seen[2 * k + 1] - s[1];
            dot += weight[k] * (mx * sx + my * sy);
            cross += weight[k] * (mx * sy - my * sx);
            square += weight[k] * (mx * mx + my * my);
        }
    double theta = atan2(cross, dot), c = cos(theta), n = sin(theta);
    pose[0] = s[0] - (c * m[0] - n * m[1]);
    pose[1] = s[1] - (n * m[0] + c * m[1]);
    pose[2] = theta;
    pose[3] = sqrt(dot * dot + cross * cross) / fmax(square, 1e-12);
}

/* The covariance of x, y, theta (deg) from the sigma of every point, as the points were weighted. */
static void propagated(const double *model, const double *weight, const double *sigma, const uint8_t *used,
                       int64_t count, double theta, double *covariance) {
    double normal[9] = {0}, spread[9] = {0}, work[9] = {0}, per_deg = M_PI / 180.0, c = cos(theta), s = sin(theta);
    for (int64_t k = 0; k < count; k++) {
        if (!used[k] || !(weight[k] > 0.0)) continue;
        double x = c * model[2 * k] - s * model[2 * k + 1], y = s * model[2 * k] + c * model[2 * k + 1];
        double row[2][3] = {{1.0, 0.0, -y * per_deg}, {0.0, 1.0, x * per_deg}};
        double power = weight[k] * weight[k] * sigma[k] * sigma[k];
        for (int axis = 0; axis < 2; axis++)
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) {
                    normal[3 * i + j] += weight[k] * row[axis][i] * row[axis][j];
                    spread[3 * i + j] += power * row[axis][i] * row[axis][j];
                }
    }
    inverted(normal, 3);
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < 3; k++) work[i] += normal[i / 3 * 3 + k] * spread[3 * k + i % 3];
    for (int i = 0; i < 9; i++) {
        covariance[i] = 0.0;
        for (int k = 0; k < 3; k++) covariance[i] += work[i / 3 * 3 + k] * normal[3 * k + i % 3];
    }
}

/* Fits, leaves out points farther off than `ratio` median residuals, fits again until none changes. Without `sigmas`
   they are taken from the residuals. `figures`: x, y, theta (rad), scale, rms of the residuals. */
int64_t rigid_fit(const double *model, const double *seen, int64_t count, const double *weight, const double *sigma,
                  int64_t sigmas, double ratio, int64_t minimum, int64_t rounds, uint8_t *used, double *residual,
                  double *figures, double *covariance) {
    double *length = malloc((size_t)(3 * count) * sizeof *length), *work = length + count, *own = work + count;
    if (!length) return -1;
    int64_t number = count;
    double square = 0.0, weighted = 0.0;
    memset(used, 1, (size_t)count);
    for (int64_t round = 0; round < rounds; round++) {
        int64_t kept = 0, changed = 0, at = 0;
        through(model, seen, weight, used, count, figures);
        double c = cos(figures[2]), s = sin(figures[2]);
        for (int64_t k = 0; k < count; k++) {
            double x = seen[2 * k] - (c * model[2 * k] - s * model[2 * k + 1] + figures[0]);
            double y = seen[2 * k + 1] - (s * model[2 * k] + c * model[2 * k + 1] + figures[1]);
            residual[2 * k] = x, residual[2 * k + 1] = y, length[k] = sqrt(x * x + y * y);
            if (used[k]) work[at++] = length[k];
        }
        if (number <= minimum + 1) break;
        double most = fmax(ratio * middle(work, at), 1e-6);
        for (int64_t k = 0; k < count; k++) kept += length[k] <= most, changed += (length[k] <= most) != used[k];
        if (kept < minimum || !changed) break;
        for (int64_t k = 0; k < count; k++) used[k] = length[k] <= most;
        number = kept;
    }
    double freedom = (double)(2 * number - 3);
    for (int64_t k = 0; k < count; k++)
        if (used[k]) square += length[k] * length[k], weighted += weight[k] * length[k] * length[k];
    figures[4] = sqrt(square / fmax(freedom, 1.0));
    for (int64_t k = 0; k < count; k++)
        own[k] = sigmas ? sigma[k] : freedom > 0.0 ? sqrt(weighted / freedom / fmax(weight[k], 1e-300)) : NAN;
    propagated(model, weight, own, used, count, figures[2], covariance);
    free(length);
    return number;
}

/* Turn with size, and shift, through pairs of points, those left out that are farther off than `ratio` middle distances:
   `figures` x, y, and the turn times the size along x and y. Returns 0 where fewer than `minimum` pairs are left. */
int64_t similar_fit(const double *model, const double *seen, int64_t count, double ratio, double least,
                    int64_t minimum, int64_t rounds, double *figures) {
    double *off = malloc((size_t)(2 * count) * sizeof *off + (size_t)count), *work = off + count;
    uint8_t *used = (uint8_t *)(work + count);
    if (!off) return -1;
    memset(used, 1, (size_t)count);
    for (int64_t round = 0; round < rounds; round++) {
        double m[2] = {0.0, 0.0}, s[2] = {0.0, 0.0}, dot = 0.0, cross = 0.0, square = 0.0;
        int64_t number = 0, changed = 0, at = 0;
        for (int64_t k = 0; k < count; k++) {
            number += used[k];
            for (int axis = 0; axis < 2 && used[k]; axis++) m[axis] += model[2 * k + axis], s[axis] += seen[2 * k + axis];
        }
        if (number < minimum) {
            free(off);
            return 0;
        }
        for (int axis = 0; axis < 2; axis++) m[axis] /= (double)number, s[axis] /= (double)number;
        for (int64_t k = 0; k < count; k++) {
            if (!used[k]) continue;
            double mx = model[2 * k] - m[0], my = model[2 * k + 1] - m[1], sx = seen[2 * k] - s[0], sy = seen[2 * k + 1] - s[1];
            dot += mx * sx + my * sy, cross += mx * sy - my * sx, square += mx * mx + my * my;
        }
        double along = dot / square, across = cross / square;
        for (int64_t k = 0; k < count; k++) {
            double mx = model[2 * k] - m[0], my = model[2 * k + 1] - m[1];
            double x = seen[2 * k] - s[0] - (along * mx - across * my), y = seen[2 * k + 1] - s[1] - (across * mx + along * my);
            off[k] = sqrt(x * x + y * y);
            if (used[k]) work[at++] = off[k];
        }
        figures[0] = s[0] - (along * m[0] - across * m[1]), figures[1] = s[1] - (across * m[0] + along * m[1]);
        figures[2] = along, figures[3] = across;
        double most = fmax(ratio * middle(work, at), least);
        for (int64_t k = 0; k < count; k++) changed += (off[k] <= most) != used[k], used[k] = off[k] <= most;
        if (!changed) break;
    }
    free(off);
    return 1;
}
