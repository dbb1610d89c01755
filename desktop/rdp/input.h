// A client's keyboard and mouse (MS-RDPBCGR 2.2.8.1) to the session's.
#pragma once
#include "desktop/input.h"
#include "desktop/rdp/freerdp.h"

namespace desktop::rdp {

// The viewer tells whose input a context is.
void register_input(rdpInput* input);
InputSink& input_sink_of(rdpContext* context);

}  // namespace desktop::rdp
