// The table of legal one-instruction kernels, variants.txt: a line stands for every form that its alternatives give.
//
//   add.<s|u>16 %h, %h, %h       two forms; registers get numbers: %h0, %h1, %h2
//   - multimem.st... reason: why  a form that is legal, and refused; the test holds us to saying so
//   [sm_90]                      the first target that has what follows (what legal.py asks ptxas about)
#pragma once
#include <string>
#include <vector>

namespace test {

struct Line {
  std::string text, target, refusal;  // refusal: the reason, empty: supported
  uint32_t number = 0;
};

std::vector<Line> read_variants(const std::string& path);
std::vector<std::string> forms_of(const Line& line);  // statements, each ended by ';' or in braces
// A module with one kernel k of these statements.
std::string kernel_of(const std::vector<std::string>& statements);
// "cvt" of "{ .reg ...; cvt.rn... }" and of "@%p0 cvt...".
std::string instruction_of(const std::string& statement);

}  // namespace test
