// PTX as typed data: what the parser makes and every pass reads. Holds no behaviour beyond look-ups.
//
// Names follow the PTX ISA manual. Registers, labels and variables are resolved by the parser, so
// that passes work on indices and never on names.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ptx {

enum class Type : uint8_t {
  none,
  pred,
  b8,
  b16,
  b32,
  b64,
  b128,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  f16x2,
  bf16,
  bf16x2,
  f32,
  f32x2,
  f64,
  tf32,
  e4m3,
  e5m2,
  e4m3x2,
  e5m2x2,
  e4m3x4,
  e5m2x4,
  e2m1x2,
  e2m1x4,
  e2m3x2,
  e2m3x4,
  e3m2x2,
  e3m2x4,
  ue8m0x2,
  u16x2,
  s16x2,
  b1,  // elements of matrices alone: b1 s4 u4 and the floats of 4 and 6 bits
  s4,
  u4,
  e2m1,
  e2m3,
  e3m2,
  ue8m0,  // scales of matrices' blocks
  ue4m3,
  opaque,  // .texref .samplerref .surfref
};

// Size of one value in bits; pred counts as 1, none as 0.
unsigned bits(Type type);
bool is_float(Type type);   // f16 bf16 f32 f64 tf32 and packed forms
bool is_signed(Type type);  // s8 .. s64, s16x2

enum class Space : uint8_t { none, reg, sreg, constant, global, local, param, shared, generic };

// One value per opcode word, made from instructions.def: Opcode::add, Opcode::ld, ...
// Words that are C++ keywords or macros carry a trailing underscore (and_, or_, xor_, not_).
enum class Opcode : uint16_t {
#define INSTRUCTION(name, word, operands) name,
#include "device/software/ptx/instructions.def"
  count,
};
const char* word(Opcode opcode);          // "add"
unsigned fewest_operands(Opcode opcode);  // of any of its forms

enum class Special : uint8_t {  // PTX ISA, "Special Registers"
  none,
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  clock,
  clock_hi,
  clock64,
  globaltimer,
  globaltimer_lo,
  globaltimer_hi,
  dynamic_smem_size,
  total_smem_size,
  aggr_smem_size,
  is_explicit_cluster,
  clusterid_x,
  clusterid_y,
  clusterid_z,
  nclusterid_x,
  nclusterid_y,
  nclusterid_z,
  cluster_ctaid_x,
  cluster_ctaid_y,
  cluster_ctaid_z,
  cluster_nctaid_x,
  cluster_nctaid_y,
  cluster_nctaid_z,
  cluster_ctarank,
  cluster_nctarank,
  envreg1,
  envreg2,
  zero,       // %pm0 ... and others of which nothing is known here but that they may be 0
  warp_size,  // WARP_SZ
  other,      // known to the ISA, not to us: the verifier refuses it by name
};

// The parts of a register, or of two, that a video instruction names: .b2, .h1, .h10, .b7654 (PTX ISA, "Video
// Instructions"). places[0] is the lowest lane's, which stands last in the text.
struct Selector {
  uint8_t width = 0;  // bits of a part: 8 or 16; 0: the whole register
  uint8_t count = 0;
  uint8_t places[4] = {};
};

struct Operand {
  enum Kind : uint8_t {
    none,
    reg,               // index: Function::registers; negated for !p
    integer,           // value: 64-bit two's complement
    real,              // value: bits of a double (0d... and decimal), or of a float when single is set (0f...)
    special_register,  // special
    symbol,            // index: Function::variables when local, Module::variables otherwise, plus offset value
    function,          // index: Module::functions
    address,           // [base + value]: base is `base_kind` reg/symbol/none(absolute) with index and local; elements:
                       // what follows in the brackets (a texture's sampler and coordinates)
    vector,            // elements; an element of kind none is the sink `_`
    label,             // index: Function::labels
    sink,              // _
    given,             // in no module: what a baseline step holds in place of a number (baseline/form.h)
  };
  Kind kind = none;
  Kind base_kind = none;  // of an address
  bool local = false;     // symbol or address base: function scope (true) or module scope (false)
  bool negated = false;
  bool single = false;  // real: given as 0f, value holds 32 bits
  Special special = Special::none;
  Selector selector;  // of a register in a video instruction
  uint32_t index = 0;
  int64_t value = 0;
  std::vector<Operand> elements;
};

enum class Rounding : uint8_t { none, rn, rz, rm, rp, rni, rzi, rmi, rpi, rna, rs };
enum class Compare : uint8_t {
  none,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  lo,
  ls,
  hi,
  hs,
  equ,
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan,
};
enum class Boolean : uint8_t { none, and_, or_, xor_ };
enum class Width : uint8_t { none, lo, hi, wide };  // mul mad

// The modifiers an instruction carries, decoded once. `words` keeps every one in source order
// (without dots), for the opcodes whose grammar is their own (mma, tex, cp.async, mbarrier ...).
struct Modifiers {
  std::vector<std::string> words;
  Type type = Type::none;         // the first type word:  add.s32, ld.global.f32, cvt DESTINATION type
  Type source_type = Type::none;  // the second type word: cvt source, set, dp4a b type, mma ...
  std::vector<Type> types;        // all type words in order
  Space space = Space::none;      // ld st atom red cvta isspacep ...; none on ld/st/atom = generic
  Rounding rounding = Rounding::none;
  Compare compare = Compare::none;
  Boolean boolean = Boolean::none;  // setp.lt.and
  Width width = Width::none;
  uint8_t vector = 1;  // .v2 .v4 .v8
  bool ftz = false, sat = false, approx = false, full = false, uni = false, cc = false, sync = false;
  bool is_volatile = false, nan = false, xorsign_abs = false, abs = false, to = false;  // cvta.to
  std::string operation;  // atom/red/shfl/vote/match/redux/bar/testp/prmt mode word: "add", "bfly", "ballot"

  bool has(const char* modifier) const;
};

struct Guard {  // @p, @!p
  int32_t reg = -1;
  bool negated = false;
};

// Of an instruction. What is written for a form with more of them than there are finds out by an exception: the emitter
// says which instruction it was.
class Operands : public std::vector<Operand> {
 public:
  using std::vector<Operand>::vector;
  Operand& operator[](size_t i) { return at(i); }
  const Operand& operator[](size_t i) const { return at(i); }
};

struct Instruction {
  Opcode opcode{};
  Modifiers modifiers;
  Guard guard;
  uint32_t line = 0;         // 1-based line of the PTX text
  Operands operands;         // in source order, destination first; setp p|q gives two destinations
  uint8_t destinations = 0;  // how many of `operands` are written (0 for st, bra, bar, ...)
  // call only
  Operands results;  // (ret, ...): symbols of Function::variables in .param space, or registers
  Operands arguments;
  int32_t prototype = -1;  // call through a register: Function::prototypes or label table index
};

struct Variable {
  std::string name;
  Space space = Space::none;
  Type type = Type::b8;
  uint32_t alignment = 1;  // bytes
  uint64_t size = 0;       // bytes; 0 for `extern .shared .align 16 .b8 x[]`
  bool is_extern = false, visible = false, weak = false, managed = false;
  std::vector<uint8_t> initial;  // empty = zeros
  struct Relocation {            // an address inside the initialiser (generic(x)+n, function name)
    uint64_t offset;
    bool function;
    uint32_t index;
    int64_t addend;
    uint8_t size;
  };
  std::vector<Relocation> relocations;
  std::string opaque;                                           // "texref", "samplerref", "surfref" of an opaque type
  std::vector<std::pair<std::string, std::string>> properties;  // of an opaque one: filter_mode = linear
};

struct Register {
  std::string name;
  Type type;
};

struct Prototype {  // .callprototype
  std::string name;
  std::vector<Variable> results, parameters;
};

struct Function {
  std::string name;
  bool is_entry = false, is_extern = false, visible = false, weak = false, noreturn = false;
  bool defined = false;              // false: declaration only
  std::vector<Variable> results;     // return parameters; also members of `variables` when defined
  std::vector<Variable> parameters;  // offset = natural C layout in order
  std::vector<uint32_t> parameter_offsets;
  uint32_t parameter_bytes = 0;
  std::vector<uint32_t> result_variables, parameter_variables;  // their indices in `variables`
  std::vector<Register> registers;
  std::vector<Variable> variables;  // all function-scope .param .local .shared .reg-less variables, results, parameters
  std::vector<Instruction> body;
  std::vector<uint32_t> labels;  // label index -> index into body of the instruction it stands before
  std::vector<std::string> label_names;
  struct BranchTable {
    std::string name;
    std::vector<uint32_t> labels;
  };  // .branchtargets, for brx.idx
  std::vector<BranchTable> branch_tables;
  std::vector<Prototype> prototypes;
  uint32_t maxntid[3] = {0, 0, 0}, reqntid[3] = {0, 0, 0}, reqnctapercluster[3] = {0, 0, 0};
  bool explicit_cluster = false;  // .explicitcluster: a launch must give a cluster's dimensions
  uint32_t minnctapersm = 0, maxnreg = 0;
  uint32_t line = 0;
  std::string_view text;  // of the definition, in the text that was parsed: valid as long as that is
};

struct Module {
  int version_major = 0, version_minor = 0;
  std::string target;  // "sm_75"
  int address_size = 64;
  std::vector<Variable> variables;                       // module scope: .global .const .shared
  std::vector<Function> functions;                       // definitions and declarations; one entry per name
  int32_t find_function(const std::string& name) const;  // -1 when absent
  int32_t find_variable(const std::string& name) const;
};

}  // namespace ptx
