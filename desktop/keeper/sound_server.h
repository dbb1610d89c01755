// A sound server for the programs of a session, whose output comes through a pipe.
#pragma once
#include <map>
#include <string>

#include "base/fd.h"
#include "desktop/keeper/display.h"

namespace desktop {

struct SoundServer {
  base::Fd pipe;                                   // invalid: no sound
  std::string description;                         // or why there is none
  std::map<std::string, std::string> environment;  // of the programs
};

// With a display of our own PulseAudio is started for it; of an attached one its user's server is listened to.
SoundServer make_sound_server(const Display& display, const std::string& folder);

}  // namespace desktop
