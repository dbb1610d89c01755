// Linux numbers the keys of the first 88 scan codes like set 1 itself (input-event-codes.h); the others are listed.
#include "desktop/input/scan_codes.h"

namespace desktop {
namespace {

struct Key {
  uint16_t scan_code;
  uint8_t number;  // KEY_ of input-event-codes.h
};

constexpr Key others[] = {
    {0x64, 183},   {0x65, 184},   {0x66, 185},   {0x67, 186},   {0x68, 187},   {0x69, 188},  // F13 to F18
    {0x6A, 189},   {0x6B, 190},   {0x6C, 191},   {0x6D, 192},   {0x6E, 193},   {0x76, 194},  // F19 to F24
    {0x70, 93},    {0x73, 89},    {0x79, 92},    {0x7B, 94},    {0x7D, 124},   {0x7E, 121},  // Japanese, Brazilian
    {0xE01C, 96},  {0xE01D, 97},  {0xE035, 98},  {0xE037, 99},  {0xE038, 100},               // Enter Ctrl / PrtSc AltGr
    {0xE047, 102}, {0xE048, 103}, {0xE049, 104}, {0xE04B, 105}, {0xE04D, 106},               // Home Up PgUp Left Right
    {0xE04F, 107}, {0xE050, 108}, {0xE051, 109}, {0xE052, 110}, {0xE053, 111},               // End Down PgDn Ins Del
    {0xE020, 113}, {0xE02E, 114}, {0xE030, 115}, {0xE05E, 116}, {0xE11D, 119},  // Mute Vol- Vol+ Power Pause
    {0xE046, 119}, {0xE05B, 125}, {0xE05C, 126}, {0xE05D, 127}, {0xE05F, 142},  // Break Super Super Menu Sleep
    {0xE010, 165}, {0xE019, 163}, {0xE022, 164}, {0xE024, 166}, {0xE032, 172},  // Prev Next Play Stop Home
    {0xE06A, 158}, {0xE069, 159}, {0xE067, 173}, {0xE065, 217}, {0xE06C, 155}, {0xE021, 140}  // Back Fwd Reload Search
};

}  // namespace

uint8_t x11_keycode(uint16_t scan_code) {
  constexpr int first = 8;  // X11 protocol, section 5: keycodes begin at 8
  const bool same = (scan_code >= 1 && scan_code <= 0x53) || (scan_code >= 0x56 && scan_code <= 0x58);
  if (same) return static_cast<uint8_t>(scan_code + first);
  for (const Key& each : others)
    if (each.scan_code == scan_code) return static_cast<uint8_t>(each.number + first);
  return 0;
}

}  // namespace desktop
