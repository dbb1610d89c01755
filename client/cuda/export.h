// How a function of the driver API leaves the library: C linkage, visible, nothing thrown.
#pragma once

#define OUTBOARD_EXPORT extern "C" __attribute__((visibility("default")))
