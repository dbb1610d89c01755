// Makes random kernels. Registers are a few of each kind, so that results meet again; every loop ends; whatever threads
// tell each other does not depend on who comes first.
#include "tests/ptx/random.h"

#include <random>

#include "tests/ptx/random_templates.h"

namespace test {
namespace {

constexpr unsigned kept = 5;  // registers of each kind

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  Program make() {
    Program program;
    program.blocks = 1 + below(3);
    bool partial = below(4) == 0;  // a last warp that is not full: no exchange between lanes then
    program.threads = partial ? 32 + 1 + below(60) : 32 * (1 + below(3));
    full_warps_ = !partial;
    program.head = head();
    program.tail = tail();
    while (budget_ > 0)
      for (Piece& piece : list(14, 0)) program.pieces.push_back(std::move(piece));
    return program;
  }

 private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  std::string reg(char kind) { return std::string("%") + kind + std::to_string(below(kept)); }
  std::string number() { return std::to_string(++serial_); }

  std::string operand(char kind) {
    if (kind == 'i') return std::to_string(below(64));
    if (kind == 'w') return below(2) ? reg('r') : std::to_string(static_cast<uint32_t>(random_()) >> below(32));
    return reg(kind);
  }

  Piece arithmetic() {
    const Template& chosen = templates[below(std::size(templates))];
    std::string text = below(6) ? "" : (below(2) ? "@" : "@!") + reg('p') + " ";
    text += std::string(chosen.opcode) + " ";
    for (const char* kind = chosen.operands; *kind; ++kind)
      text += (kind == chosen.operands ? "" : ", ") + operand(*kind);
    return {text + ";\n", "", {}};
  }
  Piece carry_chain() {
    return {"add.cc.u32 " + reg('r') + ", " + reg('r') + ", " + reg('r') + "; addc.u32 " + reg('r') + ", " + reg('r') +
                ", " + reg('r') + ";\n",
            "",
            {}};
  }
  Piece look_up() {
    return {"lop3.b32 " + reg('r') + ", " + reg('r') + ", " + reg('r') + ", " + reg('r') + ", " +
                std::to_string(below(256)) + ";\n",
            "",
            {}};
  }
  Piece split() {
    std::string d = reg('d');
    return {"mov.b64 {" + reg('r') + ", %u1}, " + d + "; mov.b64 " + reg('d') + ", {%u1, " + reg('r') + "};\n", "", {}};
  }
  // Each thread's own words in memory.
  Piece own_memory() {
    std::string offset = std::to_string(8 * below(4));
    switch (below(4)) {
      case 0: return {"st.shared.b32 [%own+" + offset + "], " + reg('r') + ";\n", "", {}};
      case 1: return {"ld.shared.b32 " + reg('r') + ", [%own+" + offset + "];\n", "", {}};
      case 2: return {"st.local.v2.b32 [stack+" + offset + "], {" + reg('r') + ", " + reg('r') + "};\n", "", {}};
      default: return {"ld.local.b64 " + reg('d') + ", [stack+" + offset + "];\n", "", {}};
    }
  }
  Piece local_by_index() {  // a private array at an index that lanes do not share
    return {"and.b32 %u1, " + reg('r') + ", 24; cvt.u64.u32 %u2, %u1; mov.u64 %u3, stack; add.u64 %u3, %u3, %u2; " +
                (below(2) ? "st.local.b16 [%u3], " + reg('h') : "ld.local.s16 " + reg('r') + ", [%u3]") + ";\n",
            "",
            {}};
  }
  Piece gather() {  // input words at an index that lanes do not share
    return {"and.b32 %u1, " + reg('r') + ", 15; mul.wide.u32 %u2, %u1, 8; add.u64 %u2, %u2, %row; ld.global.b64 " +
                reg('d') + ", [%u2];\n",
            "",
            {}};
  }
  Piece count() {  // commutes, and nobody sees the old value
    static constexpr const char* kinds[] = {"add.u32", "or.b32", "max.s32", "xor.b32", "min.u32"};
    auto kind = below(std::size(kinds));
    return {std::string("red.shared.") + kinds[kind] + " [total+" + std::to_string(4 * kind) + "], " + reg('r') + ";\n",
            "",
            {}};
  }
  Piece call() {
    return {"{ .param .b32 a; .param .b32 b; .param .b32 c; st.param.b32 [a], " + reg('r') + "; st.param.b32 [b], " +
                reg('r') + "; call (c), helper, (a, b); ld.param.b32 " + reg('r') + ", [c]; }\n",
            "",
            {}};
  }

  // Only where all threads of the block are together.
  Piece exchange() {
    std::string k = std::to_string(1 + below(31));
    switch (full_warps_ ? below(8) : 7) {
      case 0: return {"shfl.sync.bfly.b32 " + reg('r') + ", " + reg('r') + ", " + k + ", 31, -1;\n", "", {}};
      case 1:
        return {"shfl.sync.idx.b32 " + reg('r') + "|" + reg('p') + ", " + reg('r') + ", " + reg('r') + ", 31, -1;\n",
                "",
                {}};
      case 2:
        return {"shfl.sync.up.b32 " + reg('r') + "|" + reg('p') + ", " + reg('r') + ", " + k + ", 0, -1;\n", "", {}};
      case 3: return {"vote.sync.ballot.b32 " + reg('r') + ", " + reg('p') + ", -1;\n", "", {}};
      case 4: return {"vote.sync.any.pred " + reg('p') + ", " + reg('p') + ", -1;\n", "", {}};
      case 5: return {"match.any.sync.b32 " + reg('r') + ", " + reg('r') + ", -1;\n", "", {}};
      case 6: return {"redux.sync.add.u32 " + reg('r') + ", " + reg('r') + ", -1;\n", "", {}};
      default:
        return {"st.shared.b32 [%own+32], " + reg('r') + "; bar.sync 0; ld.shared.b32 " + reg('r') +
                    ", [%other+32]; bar.sync 0;\n",
                "",
                {}};
    }
  }
  Piece reduce_in_block() {
    switch (below(3)) {
      case 0: return {"bar.red.popc.u32 " + reg('r') + ", 1, " + reg('p') + ";\n", "", {}};
      case 1: return {"bar.red.and.pred " + reg('p') + ", 2, " + reg('p') + ";\n", "", {}};
      default: return {"bar.red.or.pred " + reg('p') + ", 3, " + reg('p') + ";\n", "", {}};
    }
  }

  Piece conditional(int depth) {
    std::string n = number();
    return {(below(2) ? "@" : "@!") + reg('p') + " bra I" + n + ";\n", "I" + n + ":\n", list(5, depth + 1)};
  }
  Piece either(int depth) {
    std::string n = number();
    Piece first{"@" + reg('p') + " bra E" + n + ";\n", "bra J" + n + ";\nE" + n + ":\n", list(4, depth + 1)};
    return {"", "J" + n + ":\n", {first, {"", "", list(4, depth + 1)}}};
  }
  Piece loop(int depth) {  // each thread goes round as often as a register of its own says, at most 8 times
    std::string n = number(), counter = "%n" + std::to_string(depth);
    return {"and.b32 " + counter + ", " + reg('r') + ", 7;\nT" + n + ":\n",
            "setp.gt.s32 %q, " + counter + ", 0; sub.s32 " + counter + ", " + counter + ", 1; @%q bra T" + n + ";\n",
            list(5, depth + 1)};
  }
  // Labels and jumps between them in any direction; a supply of steps ends it.
  Piece tangle(int depth) {
    std::string n = number(), steps = "%n" + std::to_string(depth);
    unsigned labels = 3 + below(3);
    Piece all{"mov.u32 " + steps + ", " + std::to_string(3 + below(10)) + ";\n", "X" + n + ":\n", {}};
    for (unsigned i = 0; i < labels; ++i) {
      std::string jump = "setp.lt.s32 %q, " + steps + ", 0; @%q bra X" + n + "; sub.s32 " + steps + ", " + steps +
                         ", 1; @" + reg('p') + " bra L" + n + "_" + std::to_string(below(labels)) + ";\n";
      all.inside.push_back({"L" + n + "_" + std::to_string(i) + ":\n", jump, list(3, depth + 1)});
    }
    // Taking a label's piece away would leave jumps to nowhere: the group goes or stays as a whole.
    std::string text = all.before;
    for (const Piece& piece : all.inside) text += flat(piece);
    return {text + all.after, "", {}};
  }
  static std::string flat(const Piece& piece) {
    std::string text = piece.before;
    for (const Piece& inside : piece.inside) text += flat(inside);
    return text + piece.after;
  }
  Piece table(int depth) {
    std::string n = number(), text = "B" + n + ": .branchtargets ";
    for (int i = 0; i < 3; ++i) text += (i ? ", " : "") + ("C" + n + "_" + std::to_string(i));
    text += ";\nand.b32 %u1, " + reg('r') + ", 1; brx.idx %u1, B" + n + ";\n";
    for (int i = 0; i < 3; ++i) {
      text += "C" + n + "_" + std::to_string(i) + ":\n";
      for (const Piece& piece : list(3, depth + 1)) text += flat(piece);
      if (i < 2 && below(3)) text += "bra Y" + n + ";\n";  // or falls through
    }
    return {text + "Y" + n + ":\n", "", {}};
  }

  Piece piece(int depth) {
    uint32_t kind = below(100);
    if (depth == 0 && kind < 18) return kind < 14 ? exchange() : reduce_in_block();
    if (depth < 3 && kind < 40) {
      switch (below(5)) {
        case 0: return conditional(depth);
        case 1: return either(depth);
        case 2: return loop(depth);
        case 3: return tangle(depth);
        default: return table(depth);
      }
    }
    if (kind < 46) return own_memory();
    if (kind < 49) return local_by_index();
    if (kind < 52) return gather();
    if (kind < 54) return count();
    if (kind < 56) return call();
    if (kind < 58) return carry_chain();
    if (kind < 60) return look_up();
    if (kind < 62) return split();
    return arithmetic();
  }
  std::vector<Piece> list(uint32_t most, int depth) {
    std::vector<Piece> pieces;
    for (uint32_t i = 1 + below(most); i > 0 && budget_ > 0; --i, --budget_) pieces.push_back(piece(depth));
    return pieces;
  }

  static std::string head() {
    std::string text =
        ".version 8.6\n.target sm_90\n.address_size 64\n"
        ".func (.param .b32 r) helper(.param .b32 a, .param .b32 b) {\n.reg .b32 %x<4>; .reg .pred %p;\n"
        "ld.param.b32 %x0, [a]; ld.param.b32 %x1, [b]; setp.lt.s32 %p, %x0, %x1; @%p bra A;\n"
        "mul.lo.s32 %x2, %x0, 7; bra B;\nA: xor.b32 %x2, %x0, %x1;\nB: st.param.b32 [r], %x2; ret;\n}\n"
        ".visible .entry k(.param .u64 in, .param .u64 out) {\n"
        ".reg .b16 %h<5>, %x<5>; .reg .b32 %r<5>; .reg .b64 %d<5>; .reg .f32 %f<5>; .reg .f64 %g<5>; .reg .pred "
        "%p<5>;\n"
        ".reg .b32 %i, %t, %u1, %n<4>, %own, %other; .reg .b64 %u2, %u3, %row, %to; .reg .pred %q;\n"
        ".local .align 8 .b8 stack[64]; .shared .align 8 .b8 box[6144]; .shared .align 8 .b8 total[32];\n"
        "mov.u32 %t, %tid.x; mov.u32 %i, %ctaid.x; mov.u32 %u1, %ntid.x; mad.lo.u32 %i, %i, %u1, %t;\n"
        "ld.param.u64 %row, [in]; mad.wide.u32 %row, %i, 128, %row; ld.param.u64 %to, [out]; mad.wide.u32 %to, %i, "
        "256, %to;\n"
        "mov.u32 %own, box; mad.lo.u32 %own, %t, 48, %own; sub.u32 %u1, %u1, 1; sub.u32 %u1, %u1, %t; mov.u32 %other, "
        "box; "
        "mad.lo.u32 %other, %u1, 48, %other;\n";
    for (int i = 0; i < 4; ++i)
      text += "mov.u64 %u2, 0; st.shared.b64 [%own+" + std::to_string(8 * i) + "], %u2; st.local.b64 [stack+" +
              std::to_string(8 * i) + "], %u2; st.local.b64 [stack+" + std::to_string(32 + 8 * i) + "], %u2;\n";
    text +=
        "setp.eq.u32 %q, %t, 0; @%q st.shared.v4.b32 [total], {0, 0, 0, 0}; @%q st.shared.b32 [total+16], -1; bar.sync "
        "0;\n";
    for (unsigned i = 0; i < kept; ++i) {
      std::string n = std::to_string(i), at = std::to_string(8 * i), next = std::to_string(8 * (i + 5));
      text += "ld.global.b32 %r" + n + ", [%row+" + at + "]; ld.global.b64 %d" + n + ", [%row+" + at +
              "]; ld.global.b16 %h" + n + ", [%row+" + at + "]; ld.global.b16 %x" + n + ", [%row+" + next +
              "]; ld.global.f32 %f" + n + ", [%row+" + next + "]; ld.global.f64 %g" + n + ", [%row+" +
              std::to_string(8 * (i + 10)) + "]; setp.lt.s32 %p" + n + ", %r" + n + ", 0;\n";
    }
    // One register of each kind that all threads of a block share: scalars in compiled code.
    return text + "mov.u32 %r4, %ctaid.x; cvt.u64.u32 %d4, %r4; cvt.rn.f32.u32 %f4, %r4; setp.eq.u32 %p4, %r4, 1;\n";
  }

  // Stores every register; NaN's bits are not defined (PTX ISA, "Floating-Point Instructions"), so that all are made
  // one.
  static std::string tail() {
    std::string text = "bar.sync 0;\n";
    for (unsigned i = 0; i < kept; ++i) {
      std::string n = std::to_string(i);
      auto at = [&](unsigned word) { return "[%to+" + std::to_string(8 * word) + "]"; };
      text += "st.global.b32 " + at(i) + ", %r" + n + "; st.global.b64 " + at(5 + i) + ", %d" + n + "; st.global.b16 " +
              at(10 + i) + ", %h" + n + ";\n";
      text += "setp.nan.f32 %q, %f" + n + ", %f" + n + "; selp.f32 %f" + n + ", 0f7FFFFFFF, %f" + n +
              ", %q; st.global.f32 " + at(15 + i) + ", %f" + n + ";\n";
      text += "setp.nan.f64 %q, %g" + n + ", %g" + n + "; selp.f64 %g" + n + ", 0d7FFFFFFFFFFFFFFF, %g" + n +
              ", %q; st.global.f64 " + at(20 + i) + ", %g" + n + ";\n";
      text += "setp.nan.f16 %q, %x" + n + ", %x" + n + "; selp.b16 %x" + n + ", 0x7fff, %x" + n +
              ", %q; st.global.b16 " + at(25 + i) + ", %x" + n + ";\n";
      text += "selp.b32 %u1, 1, 0, %p" + n + "; st.global.b8 [%to+" + std::to_string(8 * 30 + i) + "], %u1;\n";
    }
    text +=
        "ld.shared.v2.b32 {%u1, %t}, [total]; add.u32 %u1, %u1, %t; ld.shared.v2.b32 {%t, %i}, [total+8]; "
        "xor.b32 %t, %t, %i; add.u32 %u1, %u1, %t; ld.shared.b32 %t, [total+16]; xor.b32 %u1, %u1, %t; st.global.b32 "
        "[%to+248], %u1;\n";
    return text + "ret;\n}\n";
  }

  std::mt19937_64 random_;
  uint64_t serial_ = 0;
  int budget_ = 40;  // pieces: what a kernel of them takes to compile
  bool full_warps_ = true;
};

std::string text_of(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += piece.before + text_of(piece.inside) + piece.after;
  return text;
}

}  // namespace

std::string Program::text() const { return head + text_of(pieces) + tail; }

Program random_program(uint64_t seed) { return Maker(seed).make(); }

// Numbers of every size, and patterns that mean something as floats.
std::vector<uint64_t> random_input(uint64_t seed, size_t words) {
  constexpr uint64_t special[] = {0,
                                  1,
                                  ~uint64_t{0},
                                  0x3f800000,
                                  0x80000000,
                                  0x7f800000,
                                  0x7fc00000,
                                  0x3c00,
                                  0x7ff0000000000000,
                                  0x3ff0000000000000,
                                  0x8000000000000000,
                                  0x00000001,
                                  0x807fffff,
                                  0xbf8000003f800000,
                                  0xfc007c00};
  std::mt19937_64 random(seed);
  std::vector<uint64_t> all(words);
  for (uint64_t& word : all) {
    uint64_t kind = random() % 4;
    word = kind == 0 ? special[random() % std::size(special)] : kind == 1 ? random() >> random() % 64 : random();
  }
  return all;
}

std::vector<std::string> random_opcodes() {
  std::vector<std::string> all;
  for (const Template& one : templates) all.emplace_back(one.opcode);
  return all;
}

}  // namespace test
