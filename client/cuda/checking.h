// The program's side of `outboard run --check`: what the device cannot see by itself, and how the checks end. Nothing
// is sent unless OUTBOARD_CHECK asks for checks.
#pragma once
#include <cstdint>
#include <string>

namespace client {

struct Range;

// As OUTBOARD_CHECK says; empty: none.
std::string wanted_checks();
// Once, when the device is there: its findings are asked for when the program ends.
void start_checking();

void check_remembered(const Range& range);
void check_forgotten(const Range& range);
// The program called `function` to free what it may not.
void check_bad_free(const char* function, uint64_t address);

}  // namespace client
