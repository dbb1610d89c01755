// Windows' numbers of keyboard layouts, as RDP clients tell them (MS-RDPBCGR 2.2.1.3.2, keyboardLayout), in XKB's
// names.
#pragma once
#include <cstdint>
#include <string>

namespace desktop {

// "de", "ch(fr)"; the part in brackets is the variant. Empty: not known, the keyboard stays as it is.
std::string xkb_layout(uint32_t windows_layout);

}  // namespace desktop
