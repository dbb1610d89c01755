// A library that no host has.
#include <stdio.h>

__attribute__((visibility("default"))) int answer(void) { return 42; }
