// The kinds of rows in api/cuda/*.def, and their empty defaults. An includer defines the kinds it
// wants (or ROW for every kind) and includes a .def; rows_end.h undefines them all again.
//
//   KIND(since, name, (C parameters), one role per parameter)
//
// `since` is the first CUDA version that has the name; 0: cuGetProcAddress never had it.
//
//   CALL       exported, forwarded, waits for the answer
//   POST       exported, forwarded one-way; its error comes with the next wait
//   HAND_CALL  exported by hand in client/cuda; travels as remote::name, waits
//   HAND_POST  the same, one-way
//   LOCAL      exported by hand in client/cuda; never on the wire by its own name
//   NONE       exported; answers CUDA_ERROR_NOT_SUPPORTED and logs its name once
//
// internal.def has CALL and POST rows of our own (`ob...`): not exported, remote::name on the client,
// a function in server/cuda on the other side.
//
// Deliberately without an include guard.
#ifdef ROW
#define CALL(since, name, params, ...) ROW(since, name, params)
#define POST(since, name, params, ...) ROW(since, name, params)
#define HAND_CALL(since, name, params, ...) ROW(since, name, params)
#define HAND_POST(since, name, params, ...) ROW(since, name, params)
#define LOCAL(since, name, params) ROW(since, name, params)
#define NONE(since, name, params) ROW(since, name, params)
#endif
#ifndef CALL
#define CALL(since, name, params, ...)
#endif
#ifndef POST
#define POST(since, name, params, ...)
#endif
#ifndef HAND_CALL
#define HAND_CALL(since, name, params, ...)
#endif
#ifndef HAND_POST
#define HAND_POST(since, name, params, ...)
#endif
#ifndef LOCAL
#define LOCAL(since, name, params)
#endif
#ifndef NONE
#define NONE(since, name, params)
#endif
