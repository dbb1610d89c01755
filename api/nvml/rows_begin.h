// The kinds of rows in api/nvml/*.def, and their empty defaults, in the form of api/cuda/rows_begin.h.
//
//   LOCAL(name, (C parameters))  exported by hand in client/nvml
//   NONE(name)                   exported; answers NVML_ERROR_NOT_SUPPORTED and logs its name once. Its parameters are
//                                not looked at, so the row needs none
//
// Deliberately without an include guard.
#ifndef LOCAL
#define LOCAL(name, params)
#endif
#ifndef NONE
#define NONE(name)
#endif
