#include "desktop/input/layouts.h"

namespace desktop {
namespace {

struct Layout {
  uint32_t windows;
  const char* xkb;
};

// The whole number where the layout differs from its language's usual one, then languages by their low half
// (MS-LCID 2.2).
constexpr Layout layouts[] = {{0x00010409, "us(dvorak)"},
                              {0x00020409, "us(intl)"},
                              {0x00010407, "de"},
                              {0x0001080C, "be"},
                              {0x00011009, "ca(multix)"},
                              {0x00010405, "cz(qwerty)"},
                              {0x0001040E, "hu"},
                              {0x00010415, "pl(qwertz)"},
                              {0x0001041F, "tr(f)"},
                              {0x0409, "us"},
                              {0x0809, "gb"},
                              {0x0C09, "us"},
                              {0x1009, "us"},
                              {0x1809, "ie"},
                              {0x4009, "in(eng)"},
                              {0x0407, "de"},
                              {0x0C07, "de"},
                              {0x0807, "ch"},
                              {0x040C, "fr"},
                              {0x080C, "be"},
                              {0x0C0C, "ca(fr-legacy)"},
                              {0x100C, "ch(fr)"},
                              {0x140C, "fr"},
                              {0x0410, "it"},
                              {0x0810, "ch(fr)"},
                              {0x040A, "es"},
                              {0x0C0A, "es"},
                              {0x080A, "latam"},
                              {0x0416, "br"},
                              {0x0816, "pt"},
                              {0x0413, "us(intl)"},
                              {0x0813, "be"},
                              {0x041D, "se"},
                              {0x081D, "se"},
                              {0x0414, "no"},
                              {0x0406, "dk"},
                              {0x040B, "fi"},
                              {0x040F, "is"},
                              {0x0415, "pl"},
                              {0x0405, "cz"},
                              {0x041B, "sk"},
                              {0x040E, "hu"},
                              {0x0418, "ro"},
                              {0x0402, "bg"},
                              {0x0408, "gr"},
                              {0x041F, "tr"},
                              {0x0419, "ru"},
                              {0x0422, "ua"},
                              {0x0423, "by"},
                              {0x0424, "si"},
                              {0x041A, "hr"},
                              {0x081A, "rs(latin)"},
                              {0x0C1A, "rs"},
                              {0x0425, "ee"},
                              {0x0426, "lv"},
                              {0x0427, "lt"},
                              {0x040D, "il"},
                              {0x0401, "ara"},
                              {0x0429, "ir"},
                              {0x0411, "jp"},
                              {0x0412, "kr"},
                              {0x0804, "cn"},
                              {0x0404, "tw"},
                              {0x041E, "th"},
                              {0x042A, "vn"},
                              {0x0439, "in"}};

const char* find(uint32_t windows) {
  for (const Layout& each : layouts)
    if (each.windows == windows) return each.xkb;
  return nullptr;
}

}  // namespace

std::string xkb_layout(uint32_t windows_layout) {
  const char* found = find(windows_layout);
  if (!found) found = find(windows_layout & 0xffff);
  return found ? found : "";
}

}  // namespace desktop
