// What the far side is told to do before any Outboard runs there, and what it answers. POSIX sh alone is expected
// there, behind whatever login shell the user has, which may print a greeting first.
#pragma once
#include <string>

namespace reach {

// One line that every login shell passes on whole. The script has no single quote and no newline.
std::string for_any_shell(const std::string& script);

// Becomes `outboard ARGUMENTS`: of the copy that --bootstrap made for this version of the protocol, or of this very
// program where `near_program` is not empty and lies there, too, or of the Outboard that is installed. With `says_mark`
// it says the mark first, or what the machine is and that there is none.
struct FarCommand {
  std::string arguments;
  std::string near_program{};
  bool says_mark = true;
  bool copy_alone = false;  // no other than the copy
  bool stays = false;       // the shell does, so that its exit code tells a server that was killed from ssh's own end
  std::string otherwise{};  // what it does where there is none, in place of ending with 127
};
std::string far_script(const FarCommand& command);
// Says by a mark what machine it is that has no Outboard (Mark::machine).
std::string say_missing();

// Where --bootstrap keeps its copies, for the far side's shell to expand.
inline constexpr const char* far_cache = "${XDG_CACHE_HOME:-$HOME/.cache}/outboard";
// What a copy is called there until it is whole, with more letters behind it. A job of Slurm's knows what is its own.
inline constexpr const char* half_done = "${XDG_CACHE_HOME:-$HOME/.cache}/outboard/new.$SLURM_JOB_ID";
// The link to the copy that speaks our protocol.
std::string protocol_name();

// Finds the line with the mark in what comes, byte by byte, and takes no byte more.
class Mark {
 public:
  enum class State { searching, found, lost };
  State take(char byte);
  State state() const { return state_; }
  const std::string& said() const { return said_; }
  bool is(const char* what) const { return state_ == State::found && said_ == what; }
  // Of a machine without Outboard, "Linux x86_64 glibc 2.36".
  std::string machine() const { return said_.starts_with("missing ") ? said_.substr(8) : ""; }

 private:
  State state_ = State::searching;
  size_t seen_ = 0;
  std::string line_, said_;
};

// The shell's words for saying it.
std::string say_mark(const std::string& what);

}  // namespace reach
