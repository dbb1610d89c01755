// Modifier words of PTX ISA, "Instruction Set". Words that only some opcodes know stay in `words` and,
// for atom, shfl, vote and their like, in `operation`.
#include "device/software/ptx/modifiers.h"

namespace ptx {
namespace {

template <class T>
struct Named {
  std::string_view word;
  T value;
};

template <class T, size_t n>
T find(const Named<T> (&table)[n], std::string_view word, T otherwise) {
  for (const Named<T>& row : table)
    if (row.word == word) return row.value;
  return otherwise;
}

constexpr Named<Type> types[] = {
    {"pred", Type::pred},      {"b8", Type::b8},         {"b16", Type::b16},
    {"b32", Type::b32},        {"b64", Type::b64},       {"b128", Type::b128},
    {"u8", Type::u8},          {"u16", Type::u16},       {"u32", Type::u32},
    {"u64", Type::u64},        {"s8", Type::s8},         {"s16", Type::s16},
    {"s32", Type::s32},        {"s64", Type::s64},       {"f16", Type::f16},
    {"f16x2", Type::f16x2},    {"bf16", Type::bf16},     {"bf16x2", Type::bf16x2},
    {"f32", Type::f32},        {"f32x2", Type::f32x2},   {"f64", Type::f64},
    {"tf32", Type::tf32},      {"e4m3", Type::e4m3},     {"e5m2", Type::e5m2},
    {"e4m3x2", Type::e4m3x2},  {"e5m2x2", Type::e5m2x2}, {"u16x2", Type::u16x2},
    {"e4m3x4", Type::e4m3x4},  {"e5m2x4", Type::e5m2x4}, {"e2m1x2", Type::e2m1x2},
    {"e2m1x4", Type::e2m1x4},  {"e2m3x2", Type::e2m3x2}, {"e2m3x4", Type::e2m3x4},
    {"e3m2x2", Type::e3m2x2},  {"e3m2x4", Type::e3m2x4}, {"ue8m0x2", Type::ue8m0x2},
    {"s16x2", Type::s16x2},    {"texref", Type::opaque}, {"samplerref", Type::opaque},
    {"surfref", Type::opaque}, {"b1", Type::b1},         {"s4", Type::s4},
    {"u4", Type::u4},          {"e2m1", Type::e2m1},     {"e2m3", Type::e2m3},
    {"e3m2", Type::e3m2},      {"ue8m0", Type::ue8m0},   {"ue4m3", Type::ue4m3},
};

constexpr Named<Space> spaces[] = {
    {"reg", Space::reg},     {"sreg", Space::sreg},   {"const", Space::constant}, {"global", Space::global},
    {"local", Space::local}, {"param", Space::param}, {"shared", Space::shared},
};

constexpr Named<Rounding> roundings[] = {
    {"rn", Rounding::rn},   {"rz", Rounding::rz},   {"rm", Rounding::rm},   {"rp", Rounding::rp},
    {"rni", Rounding::rni}, {"rzi", Rounding::rzi}, {"rmi", Rounding::rmi}, {"rpi", Rounding::rpi},
    {"rna", Rounding::rna}, {"rs", Rounding::rs},
};

constexpr Named<Compare> compares[] = {
    {"eq", Compare::eq},   {"ne", Compare::ne},   {"lt", Compare::lt},   {"le", Compare::le},   {"gt", Compare::gt},
    {"ge", Compare::ge},   {"lo", Compare::lo},   {"ls", Compare::ls},   {"hi", Compare::hi},   {"hs", Compare::hs},
    {"equ", Compare::equ}, {"neu", Compare::neu}, {"ltu", Compare::ltu}, {"leu", Compare::leu}, {"gtu", Compare::gtu},
    {"geu", Compare::geu}, {"num", Compare::num}, {"nan", Compare::nan},
};

constexpr Named<Boolean> booleans[] = {{"and", Boolean::and_}, {"or", Boolean::or_}, {"xor", Boolean::xor_}};
constexpr Named<Width> widths[] = {{"lo", Width::lo}, {"hi", Width::hi}, {"wide", Width::wide}};

// Mode words of atom, red, shfl, vote, match, redux, bar.red, testp and prmt.
constexpr std::string_view operations[] = {
    "add",        "min",    "max",       "inc", "dec", "and", "or",     "xor",  "exch",   "cas",      "up",
    "down",       "bfly",   "idx",       "all", "any", "uni", "ballot", "popc", "finite", "infinite", "number",
    "notanumber", "normal", "subnormal", "f4e", "b4e", "rc8", "ecl",    "ecr",  "rc16",
};

bool Modifiers::*flag_named(std::string_view word) {
  constexpr Named<bool Modifiers::*> flags[] = {
      {"ftz", &Modifiers::ftz},       {"sat", &Modifiers::sat},
      {"approx", &Modifiers::approx}, {"full", &Modifiers::full},
      {"uni", &Modifiers::uni},       {"cc", &Modifiers::cc},
      {"sync", &Modifiers::sync},     {"volatile", &Modifiers::is_volatile},
      {"NaN", &Modifiers::nan},       {"abs", &Modifiers::abs},
      {"to", &Modifiers::to},
  };
  bool Modifiers::*none = nullptr;
  if (word == "xorsign") return &Modifiers::xorsign_abs;
  return find(flags, word, none);
}

void add_type(Modifiers& modifiers, Type type) {
  if (modifiers.types.empty()) modifiers.type = type;
  if (modifiers.types.size() == 1) modifiers.source_type = type;
  modifiers.types.push_back(type);
}

}  // namespace

Type type_named(std::string_view word) { return find(types, word, Type::none); }
Space space_named(std::string_view word) { return find(spaces, word.substr(0, word.find("::")), Space::none); }

void add_modifier(Modifiers& modifiers, std::string_view word) {
  modifiers.words.emplace_back(word);
  if (Type type = type_named(word); type != Type::none) return add_type(modifiers, type);
  if (Space space = space_named(word); space != Space::none && modifiers.space == Space::none) modifiers.space = space;
  if (auto rounding = find(roundings, word, Rounding::none); rounding != Rounding::none) modifiers.rounding = rounding;
  if (auto compare = find(compares, word, Compare::none); compare != Compare::none) modifiers.compare = compare;
  if (auto boolean = find(booleans, word, Boolean::none); boolean != Boolean::none) modifiers.boolean = boolean;
  if (auto width = find(widths, word, Width::none); width != Width::none) modifiers.width = width;
  if (bool Modifiers::*flag = flag_named(word)) modifiers.*flag = true;
  if (word == "v2" || word == "v4" || word == "v8") modifiers.vector = static_cast<uint8_t>(word[1] - '0');
  for (std::string_view operation : operations)
    if (operation == word) modifiers.operation = word;
}

}  // namespace ptx
