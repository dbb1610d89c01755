// The _ptsz and _ptds exports: the plain function with the thread's own default stream.
#include "client/cuda/per_thread.h"

#include "client/cuda/functions.h"

#define PER_THREAD(name, suffix, params, arguments) \
  OUTBOARD_EXPORT CUresult name##suffix params {    \
    client::PerThreadScope scope;                   \
    return name arguments;                          \
  }
#include "api/cuda/per_thread.def"
