/* The kernels as a Python module: arrays in, their types and order checked, nothing copied, the interpreter's lock set
   free while one runs. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "kernels.h"

enum { MOST = 20 };

typedef struct {
    void *at;
    int64_t rows, cols, depth; /* of the first three axes, 1 where there is no such axis */
    int64_t stride;            /* bytes from row to row */
    int64_t whole;
    double real;
} slot;

/* One letter an argument: B a picture, whose rows may lie apart; arrays in C's order b uint8, f float32, d float64,
   i int32, q int64, o bool, capital with + before it where it is written to; n a whole number, x a real one. */
static int fits(const Py_buffer *view, char letter) {
    const char *format = view->format ? view->format : "B";
    Py_ssize_t size = view->itemsize;
    switch (letter) {
        case 'B': return *format == 'B' && view->ndim == 2 && view->strides[1] == 1;
        case 'b': return *format == 'B';
        case 'f': return *format == 'f';
        case 'd': return *format == 'd';
        case 'o': return *format == '?';
        case 'i': return size == 4 && strchr("il", *format) != NULL;
        case 'q': return size == 8 && strchr("lq", *format) != NULL;
        default: return 0;
    }
}

static void let_go(Py_buffer *views, int held) {
    while (held--) PyBuffer_Release(&views[held]);
}

/* Arguments as the letters say; the number of buffers held, or -1 with an exception set. */
static int taken(const char *name, const char *letters, PyObject *const *given, Py_ssize_t count, slot *to,
                 Py_buffer *views) {
    int held = 0, number = 0;
    for (; *letters; letters++, number++) {
        int written = *letters == '+';
        letters += written;
        if (number >= count) break;
        PyObject *one = given[number];
        slot *into = &to[number];
        if (*letters == 'n') {
            into->whole = PyLong_AsLongLong(one);
        } else if (*letters == 'x') {
            into->real = PyFloat_AsDouble(one);
        } else {
            int wanted = PyBUF_FORMAT | (*letters == 'B' ? PyBUF_STRIDES : PyBUF_C_CONTIGUOUS) | (written ? PyBUF_WRITABLE : 0);
            Py_buffer *view = &views[held];
            if (PyObject_GetBuffer(one, view, wanted) == 0) {
                held++;
                if (!fits(view, *letters))
                    PyErr_Format(PyExc_TypeError, "%s: argument %d is no array of kind %c", name, number + 1, *letters);
                into->at = view->buf;
                into->rows = view->ndim > 0 ? view->shape[0] : 1;
                into->cols = view->ndim > 1 ? view->shape[1] : 1;
                into->depth = view->ndim > 2 ? view->shape[2] : 1;
                into->stride = view->ndim > 0 ? view->strides[0] : 0;
            }
        }
        if (PyErr_Occurred()) {
            let_go(views, held);
            return -1;
        }
    }
    if (*letters || number != count) {
        let_go(views, held);
        PyErr_Format(PyExc_TypeError, "%s: %d arguments given", name, (int)count);
        return -1;
    }
    return held;
}

#define KERNEL(name, letters, ...)                                                             \
    static PyObject *name##_(PyObject *self, PyObject *const *given, Py_ssize_t count) {        \
        slot a[MOST];                                                                           \
        Py_buffer views[MOST];                                                                  \
        int64_t answer = 0;                                                                     \
        (void)self;                                                                             \
        int held = taken(#name, letters, given, count, a, views);                               \
        if (held < 0) return NULL;                                                              \
        Py_BEGIN_ALLOW_THREADS                                                                  \
        __VA_ARGS__;                                                                            \
        Py_END_ALLOW_THREADS                                                                    \
        let_go(views, held);                                                                    \
        return answer < 0 ? PyErr_NoMemory() : PyLong_FromLongLong(answer);                     \
    }

#define PICTURE(k) a[k].at, a[k].rows, a[k].cols, a[k].stride

KERNEL(thinned_levels, "Bnn+b+q",
       thinned_levels(PICTURE(0), a[1].whole, a[2].whole, a[3].at, a[4].at))
KERNEL(summits, "bnnn+d",
       answer = summits(a[0].at, a[0].rows, a[0].cols, a[1].whole, a[2].whole, a[3].whole, a[4].at, a[4].rows))
KERNEL(nearest_within, "ddx+q",
       answer = nearest_within(a[0].at, a[0].rows, a[1].at, a[1].rows, a[2].real, a[3].at))
KERNEL(best_places, "Bdfn+d",
       answer = best_places(PICTURE(0), a[1].at, a[1].rows, a[2].at, a[2].rows, a[3].whole, a[4].at))
KERNEL(mean_levels, "Bdd+d", mean_levels(PICTURE(0), a[1].at, a[1].rows, a[2].at, a[2].rows, a[3].at))
KERNEL(gap_levels, "Bdqxn+d",
       gap_levels(PICTURE(0), a[1].at, a[2].at, a[2].rows, a[3].real, a[4].whole, a[5].at))
KERNEL(learned_profile, "Bqqonnifndd+d",
       answer = learned_profile(PICTURE(0), a[1].at, a[1].rows, a[2].at, a[3].at, a[4].whole, a[5].whole, a[6].at,
                                a[6].rows, a[6].cols, a[7].at, a[7].cols, a[8].whole, a[9].at, a[10].at, a[11].at))
KERNEL(operators, "fffiqfffxnfnxx+f+d+f+d",
       answer = operators(a[0].at, a[1].at, a[2].at, a[3].at, a[3].cols, a[4].at, a[4].rows, a[5].at, a[6].at, a[7].at,
                          a[8].real, a[9].whole,
                          &(ground_layout){.share = a[10].rows ? a[10].at : NULL, .slopes = a[11].whole,
                                           .reach = a[12].real, .weight = a[13].real},
                          a[14].at, a[16].cols, a[16].depth, a[15].at, a[16].at, a[17].at, a[17].rows))
KERNEL(window_answers, "Bqqnnf+d+d",
       answer = window_answers(PICTURE(0), a[1].at, a[1].rows, a[2].at, a[3].whole, a[4].whole, a[5].at, a[5].rows,
                               a[5].cols, a[5].depth, a[6].at, a[7].at))
KERNEL(window_scatter, "Bqqonnffdn+d",
       answer = window_scatter(PICTURE(0), a[1].at, a[1].rows, a[2].at, a[3].at, a[4].whole, a[5].whole, a[6].at,
                               a[7].at, a[7].rows, a[7].cols, a[7].depth, a[8].at, a[9].whole, a[10].at))
KERNEL(lattice_places, "dxnx+q+o",
       answer = lattice_places(a[0].at, a[0].rows, a[1].real, a[2].whole, a[3].real, a[4].at, a[5].at))
KERNEL(best_shift, "qq+q", answer = best_shift(a[0].at, a[0].rows, a[1].at, a[1].rows, a[1].cols, a[2].at))
KERNEL(cut_at, "ddn+q+q+d+q+q",
       answer = cut_at(a[0].at, a[0].rows, a[1].at, a[1].rows, a[2].whole, a[3].at, a[4].at, a[5].at, a[6].at, a[7].at))
KERNEL(searched, "Bddiffffffnddnnxdd+d+o",
       answer = searched(PICTURE(0), a[1].at, a[1].rows,
                         &(window_layout){
                             .phase_px = a[2].at, .phases = a[2].rows, .index = a[3].at, .size = a[3].cols,
                             .cos = a[4].at, .sin = a[5].at, .inside = a[6].at, .table = a[7].at, .steps = a[7].rows,
                             .knots = a[7].cols, .levels = a[8].at, .slopes = a[9].at, .known = a[10].whole,
                             .gram = a[11].at, .stiffness = a[12].at, .side = a[13].whole, .step = a[14].whole,
                             .per_px = a[15].real},
                         a[16].at, a[16].rows, a[17].at, a[18].at, a[19].at))
KERNEL(lit_levels, "fxdxndd+f+d",
       lit_levels(a[0].at, a[0].rows, a[1].real, a[2].at, a[2].rows, a[3].real, a[4].whole, a[5].at, a[6].at, a[7].at,
                  a[8].at))
KERNEL(light_change, "ddo+d",
       answer = light_change(a[0].at, a[0].rows, a[1].at, a[1].cols, a[2].at, a[3].at))
KERNEL(ended_discs, "dddoddxn+d+d",
       answer = ended_discs(a[0].at, a[0].rows, a[0].cols, a[1].at, a[2].at, a[3].at, a[4].at, a[5].at, a[6].real,
                            a[7].whole, a[8].at, a[9].at))
KERNEL(rigid_fit, "ddddxnn+o+d+d+d",
       answer = rigid_fit(a[0].at, a[1].at, a[0].rows, a[2].at, a[3].at, a[3].rows, a[4].real, a[5].whole, a[6].whole,
                          a[7].at, a[8].at, a[9].at, a[10].at))
KERNEL(similar_fit, "ddxxnn+d",
       answer = similar_fit(a[0].at, a[1].at, a[0].rows, a[2].real, a[3].real, a[4].whole, a[5].whole, a[6].at))
KERNEL(least_squares, "ddd+d",
       least_squares(a[0].at, a[0].rows, a[0].cols, a[1].at, a[1].cols, a[2].at, a[3].at))
KERNEL(cell_means, "Bnnqqqd+d",
       cell_means(a[0].at, a[0].stride, a[1].whole, a[2].whole, a[3].at, a[4].at, a[5].at, a[5].rows, a[6].at,
                  a[6].rows * a[6].cols, a[7].at))
KERNEL(fitted_sectors, "dddddddddd+d+d+d+d",
       answer = fitted_sectors(a[0].at, a[1].at, a[2].at, a[3].at, a[4].at, a[5].at, a[0].rows, a[0].cols, a[6].at,
                               a[7].at, a[8].at, a[9].at, a[10].at, a[11].at, a[12].at, a[13].at))
KERNEL(trusted_sectors, "dddxxx+o",
       answer = trusted_sectors(a[0].at, a[0].rows, a[0].cols, a[1].at, a[2].at, a[3].real, a[4].real, a[5].real,
                                a[6].at))
KERNEL(moved_outline, "ddddx+d+d",
       moved_outline(a[0].at, a[0].rows, a[0].cols, a[1].at, a[2].at, a[3].at, a[3].cols, a[4].real, a[5].at, a[6].at))

#define LISTED(name) {#name, (PyCFunction)(void (*)(void))name##_, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    LISTED(thinned_levels), LISTED(summits), LISTED(nearest_within), LISTED(best_places),
    LISTED(mean_levels), LISTED(gap_levels),
    LISTED(learned_profile), LISTED(operators), LISTED(window_answers), LISTED(window_scatter), LISTED(cut_at), LISTED(searched),
    LISTED(lit_levels), LISTED(light_change), LISTED(ended_discs),
    LISTED(lattice_places), LISTED(best_shift),
    LISTED(rigid_fit), LISTED(similar_fit), LISTED(least_squares), LISTED(cell_means), LISTED(fitted_sectors), LISTED(trusted_sectors), LISTED(moved_outline),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernels", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&module); }
