#include "desktop/keeper/sound_server.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "desktop/keeper/child.h"

namespace desktop {
namespace {

SoundServer without(const std::string& why) { return {base::Fd(), "none (" + why + ")", {}}; }

SoundServer listen_to_user(const std::string& folder) {
  if (!is_installed("parec")) return without("parec is not installed (Debian: pulseaudio-utils)");
  const std::string fifo = folder + "/sound";
  if (mkfifo(fifo.c_str(), 0600) != 0) return without("no pipe for sound");
  base::Fd pipe(open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ChildOptions recorder;
  recorder.command = {
      "sh", "-c",
      "exec parec --device=@DEFAULT_MONITOR@ --format=s16le --rate=48000 --channels=2 --latency-msec=20 > \"$0\"",
      fifo};
  recorder.log = folder + "/sound.log";
  auto started = spawn(recorder);
  if (!started) return without(started.error());
  return {std::move(pipe), "the user's PulseAudio", {}};
}

}  // namespace

SoundServer make_sound_server(const Display& display, const std::string& folder) {
  if (!display.server) return listen_to_user(folder);
  if (!is_installed("pulseaudio")) return without("pulseaudio is not installed");
  const std::string fifo = folder + "/sound", socket = folder + "/pulse";
  if (mkfifo(fifo.c_str(), 0600) != 0) return without("no pipe for sound");
  // Both ends, so that neither sees an end of file when the other begins.
  base::Fd pipe(open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!pipe.valid()) return without("no pipe for sound");
  ChildOptions server;
  server.command = {
      "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit",
      "--log-target=stderr", "-L", "module-native-protocol-unix auth-anonymous=1 socket=" + socket,
      // The clock of the system paces it: the pipe would take any amount at once.
      "-L",
      "module-pipe-sink sink_name=outboard use_system_clock_for_timing=yes format=s16le rate=48000 channels=2 file=" +
          fifo,
      "-L", "module-suspend-on-idle timeout=2"};
  server.environment = {{"PULSE_RUNTIME_PATH", folder + "/pulse-runtime"},
                        {"PULSE_STATE_PATH", folder + "/pulse-state"},
                        {"PULSE_COOKIE", folder + "/pulse-cookie"},
                        {"DBUS_SESSION_BUS_ADDRESS", "disabled:"}};
  server.log = folder + "/pulseaudio.log";
  auto started = spawn(server);
  if (!started) return without(started.error());
  return {std::move(pipe), "pulseaudio, started for this session", {{"PULSE_SERVER", "unix:" + socket}}};
}

}  // namespace desktop
