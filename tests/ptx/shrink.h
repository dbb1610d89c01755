// The smallest failing version of a program that removing one piece after another leads to.
#pragma once
#include <algorithm>

#include "tests/ptx/random.h"

namespace test {

// Calls `visit` for every list of pieces, outer ones first.
template <class Visit>
bool each_list(std::vector<Piece>& pieces, const Visit& visit) {
  if (visit(pieces)) return true;
  for (Piece& piece : pieces)
    if (each_list(piece.inside, visit)) return true;
  return false;
}

template <class Fails>
Program shrunk(Program program, const Fails& fails, int attempts) {
  for (size_t chunk = program.pieces.size(); chunk > 0; chunk /= 2)
    for (bool smaller = true; smaller;) {
      smaller = each_list(program.pieces, [&](std::vector<Piece>& list) {
        for (size_t at = 0; at < list.size(); at += chunk) {
          if (--attempts < 0) return false;
          std::vector<Piece> before = list;
          list.erase(list.begin() + static_cast<long>(at),
                     list.begin() + static_cast<long>(std::min(at + chunk, list.size())));
          if (fails(program)) return true;
          list = std::move(before);
        }
        return false;
      });
    }
  return program;
}

}  // namespace test
