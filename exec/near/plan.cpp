#include "exec/near/plan.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "exec/near/collect.h"
#include "exec/near/scripts.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

// What lists the packages of an environment, by the tools that write it; the first that is there counts.
constexpr const char* lock_files[] = {"requirements.txt", "pylock.toml", "uv.lock",
                                      "poetry.lock",      "pdm.lock",    "Pipfile.lock"};

class Planner {
 public:
  Planner(const Request& request, Refusal& refusal) : request_(request), refusal_(refusal) {}
  base::Result<Plan> make();

 private:
  base::Error refuse(int code, const std::string& why) {
    refusal_ = {code, why};
    return base::Error{why};
  }
  base::Status find_program();
  base::Status take_program(const std::string& path);
  base::Status take_script(const std::string& path);
  base::Status find_environment();
  base::Status take_lock_file(const std::filesystem::path& lock);
  base::Status check_outputs();
  base::Status collect();
  base::Status set_variables();
  void set_window();

  const Request& request_;
  Refusal& refusal_;
  Plan plan_;
  std::vector<std::string> shipped_;  // files that travel beside --in: program, script, lock file
};

base::Result<Plan> Planner::make() {
  Spec& spec = plan_.spec;
  spec.arguments = request_.command;
  spec.vgpu = request_.vgpu;
  spec.detached = request_.detach;
  spec.terminal = request_.terminal;
  if (request_.keep) spec.keep = *request_.keep;
  if (request_.grace) spec.grace = static_cast<int64_t>(*request_.grace);
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  spec.client = host;
  set_window();
  TRY(check_outputs());
  TRY(set_variables());
  TRY(find_program());
  TRY(find_environment());
  TRY(collect());
  return std::move(plan_);
}

void Planner::set_window() {
  winsize size{};
  if (!request_.terminal || ioctl(0, TIOCGWINSZ, &size) < 0 || !size.ws_row) return;
  plan_.spec.rows = size.ws_row;
  plan_.spec.columns = size.ws_col;
  if (const char* term = std::getenv("TERM")) plan_.spec.environment.emplace_back("TERM", term);
}

base::Status Planner::check_outputs() {
  for (std::string glob : request_.outputs) {
    while (glob.starts_with("./")) glob.erase(0, 2);
    if (glob.ends_with('/')) glob += "**";
    if (!is_inside(glob))
      return refuse(2, "--out '" + glob + "' leads outside of the program's folder; outputs are names below it");
    plan_.spec.outputs.push_back(glob);
  }
  return base::Done{};
}

// K=V, or K with the value it has here.
base::Status Planner::set_variables() {
  for (const std::string& text : request_.environment) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const char* here = std::getenv(name.c_str());
    if (name.empty() || (equals == text.npos && !here))
      return refuse(2, "--env '" + text + "': write NAME=VALUE, or the name of a variable that is set here");
    plan_.spec.environment.emplace_back(name, equals == text.npos ? here : text.substr(equals + 1));
  }
  return base::Done{};
}

// A name with a slash is a file of here. A name alone is a command of the host, as with ssh, unless it is one of the
// user's own folders of commands that has it here.
base::Status Planner::find_program() {
  const std::string& word = request_.command[0];
  if (word.find('/') != word.npos) return take_program(word);
  if (const std::string own = is_interpreter(word) ? "" : find_own_command(word); !own.empty()) {
    plan_.told.push_back(word + " is " + own + " and travels");
    return take_program(own);
  }
  plan_.commands.push_back(word);
  if (!is_interpreter(word)) return base::Done{};
  if (const std::string script = script_among(request_.command); !script.empty()) {
    plan_.told.push_back(script + " travels and is run by the host's " + word);
    shipped_.push_back(script);
    if (word.starts_with("python")) tell_missing_imports(script, request_.inputs, request_.folder, plan_.told);
  }
  return base::Done{};
}

base::Status Planner::take_program(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return refuse(127, "there is no program " + path);
  if (error) return refuse(126, "the program " + path + " cannot be read: " + error.message());
  if (status.type() != fs::file_type::regular) return refuse(126, path + " is no program, it is no plain file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse(126, "the program " + path + " cannot be read: " + std::strerror(errno));
  char start[4] = {};
  file.read(start, sizeof start);
  plan_.program = path;
  shipped_.push_back(path);
  if (!std::memcmp(start, "#!", 2)) return take_script(path);
  if (std::memcmp(start, "\177ELF", 4) != 0)
    return refuse(126, path + " is neither a program (ELF) nor a script with a first line #!...");
  if (access(path.c_str(), X_OK) < 0) return refuse(126, path + " is not executable; chmod +x " + path);
  plan_.needs = inspect(path);
  return base::Done{};
}

base::Status Planner::take_script(const std::string& path) {
  if (access(path.c_str(), X_OK) < 0) return refuse(126, path + " is not executable; chmod +x " + path);
  const std::string interpreter = interpreter_of(path);
  if (interpreter.empty()) return refuse(126, "the first line of " + path + " names no interpreter");
  plan_.commands.push_back(interpreter);
  plan_.told.push_back(path + " is run by the host's " + interpreter);
  if (fs::path(interpreter).filename().string().starts_with("python"))
    tell_missing_imports(path, request_.inputs, request_.folder, plan_.told);
  return base::Done{};
}

// --venv DIR: by its lock file, not by its files, which name folders of this machine. --venv FILE names that file.
base::Status Planner::find_environment() {
  if (request_.venv.empty()) return base::Done{};
  if (plan_.commands.empty() || !fs::path(plan_.commands[0]).filename().string().starts_with("python"))
    return refuse(2, "--venv is for programs that Python runs, and " + request_.command[0] + " is none");
  const fs::path named = fs::absolute(request_.venv).lexically_normal();
  if (fs::is_regular_file(named)) return take_lock_file(named);
  if (!fs::exists(named / "pyvenv.cfg"))
    return refuse(2, request_.venv + " is no virtual environment: it has no pyvenv.cfg");
  for (const fs::path& folder : {named, named.parent_path(), fs::current_path()})
    for (const char* name : lock_files)
      if (fs::exists(folder / name)) return take_lock_file(folder / name);
  return refuse(2, "beside " + request_.venv + " is no requirements.txt, and no lock file; write one: " +
                       request_.venv + "/bin/python -m pip freeze > requirements.txt");
}

base::Status Planner::take_lock_file(const fs::path& lock) {
  const bool lists = is_pip_list(lock.string());
  if (!lists && lock.extension() != ".toml" && std::ranges::find(lock_files, lock.filename()) == std::end(lock_files))
    return refuse(2, "--venv " + request_.venv + " is neither a virtual environment nor a lock file that is known");
  plan_.told.push_back("the host installs what " + lock.string() + " lists, for its own " + plan_.commands[0] +
                       (lists ? "" : ", without extras and groups"));
  plan_.spec.requirements = lock.string();  // collect() makes it a name in the bundle
  shipped_.push_back(lock);
  if (const fs::path project = lock.parent_path() / "pyproject.toml";
      lock.filename() == "poetry.lock" && fs::exists(project))
    shipped_.push_back(project);
  return base::Done{};
}

base::Status Planner::collect() {
  Collector collector(plan_.cargo);
  for (const std::string& path : request_.inputs) {
    base::Status added = collector.add(path);
    if (!added) return refuse(2, "--in " + path + ": " + added.error());
  }
  if (request_.folder) {
    base::Status added = collector.add_folder_without_ignored(".");
    if (!added) return refuse(2, "--cwd: " + added.error());
  }
  for (const std::string& path : shipped_) {
    base::Status added = collector.add(path);
    if (!added) return refuse(126, added.error());
  }
  base::Status finished = collector.finish();
  if (!finished) return refuse(2, finished.error());
  plan_.spec.folder = collector.name_of(fs::current_path());
  if (!plan_.program.empty()) plan_.spec.program = collector.name_of(plan_.program);
  if (!plan_.spec.requirements.empty()) plan_.spec.requirements = collector.name_of(plan_.spec.requirements);
  for (size_t i = 1; i < request_.command.size(); ++i)
    if (const std::string& word = request_.command[i]; word.starts_with('/') && collector.has(word))
      plan_.told.push_back("the argument " + word + " is an absolute path; there it is " +
                           fs::path(collector.name_of(word)).lexically_relative(plan_.spec.folder).string());
  return base::Done{};
}

}  // namespace

base::Result<Plan> make_plan(const Request& request, Refusal& refusal) { return Planner(request, refusal).make(); }

}  // namespace exec
