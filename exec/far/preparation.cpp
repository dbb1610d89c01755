#include "exec/far/preparation.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "exec/far/lock_list.h"
#include "exec/far/remains.h"
#include "exec/hash.h"
#include "exec/files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;
using Environment = std::vector<std::pair<std::string, std::string>>;

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

std::string join(const std::vector<std::string>& folders) {
  std::string path;
  for (const std::string& folder : folders) path += (path.empty() ? "" : ":") + folder;
  return path;
}

// The folders of commands that a job may enter: others would mislead programs that look for themselves.
std::string open_path() {
  const Confinement confinement = usual_confinement();
  std::vector<std::string> open;
  std::istringstream folders(setting("PATH", "/usr/local/bin:/usr/bin:/bin"));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (folder.starts_with('/') && confinement.covers(folder)) open.push_back(folder);
  return join(open);
}

Environment environment_of(const Place& place, const std::string& id, const Spec& spec, const HostGpu& gpu) {
  const std::string folder = place.job(id);
  Environment all = {{"PATH", open_path()},
                     {"HOME", folder + "/home"},
                     {"TMPDIR", folder + "/tmp"},
                     {"USER", setting("USER", "outboard")},
                     {"SHELL", "/bin/sh"},
                     {"LANG", setting("LANG", "C.UTF-8")},
                     {"PYTHONDONTWRITEBYTECODE", "1"},  // or every run would bring caches back
                     {"OUTBOARD_CACHE", place.kernels()}};
  if (spec.terminal) all.emplace_back("TERM", "xterm-256color");
  all.insert(all.end(), gpu.environment.begin(), gpu.environment.end());
  all.insert(all.end(), spec.environment.begin(), spec.environment.end());
  std::vector<std::string> libraries = gpu.in_front_of_library_path;
  libraries.push_back(folder + libraries_name);
  for (const auto& [name, value] : spec.environment)
    if (name == "LD_LIBRARY_PATH") libraries.push_back(value);
  all.emplace_back("LD_LIBRARY_PATH", join(libraries));
  all.emplace_back(job_variable, id);
  return all;
}

// What else says which packages are wanted.
std::string more_of(const fs::path& lock_file) {
  return lock_file.filename() == "poetry.lock" ? content_of(lock_file.parent_path() / "pyproject.toml") : "";
}

// The same packages for the same interpreter are installed once. Whoever comes while another installs makes his own.
struct PythonEnvironment {
  std::string folder;
  bool is_ready = false;
  std::string mark() const { return folder + ".ready"; }
};

PythonEnvironment choose_environment(const Place& place, const std::string& id, const Spec& spec,
                                     const std::string& lock_file) {
  static base::Fd lock;  // as long as this supervisor lives
  const std::string key = spec.command + '\n' +
                          std::to_string(fs::last_write_time(spec.command).time_since_epoch().count()) + '\n' +
                          content_of(lock_file) + more_of(lock_file);
  PythonEnvironment made{place.environments() + "/" + hex(hash_of(std::as_bytes(std::span(key)))).substr(0, 24)};
  lock = base::Fd(open((made.folder + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  made.is_ready = fs::exists(made.mark());
  if (made.is_ready) return made;
  if (flock(lock.get(), LOCK_EX | LOCK_NB) < 0) made.folder += "-" + id;
  std::error_code error;
  fs::remove_all(made.folder, error);  // half of one
  return made;
}

// Turns `python3 x.py` with a lock file into what installs that file's packages, and the environment's own python3.
base::Status add_environment(const Place& place, const std::string& id, const Spec& spec, std::vector<Step>& steps) {
  Step& program = steps.back();
  const std::string lock_file = place.job(id) + files_name + "/" + spec.requirements;
  if (!fs::exists(lock_file)) return base::Error{"the lock file " + spec.requirements + " did not come"};
  const PythonEnvironment made = choose_environment(place, id, spec, lock_file);
  const std::string name = fs::path(lock_file).filename(), python = made.folder + "/bin/python3";
  program.launch.path = python;
  program.launch.environment.emplace_back("VIRTUAL_ENV", made.folder);
  program.launch.environment.emplace_back("PATH", made.folder + "/bin:" + open_path());
  program.confinement.rooms.run.push_back(made.folder);
  if (made.is_ready) return base::Done{};
  Step make = program, list = program, install = program;
  for (Step* step : {&make, &list, &install}) {
    mkdir(made.folder.c_str(), 0700);
    step->confinement.rooms.work.push_back(made.folder);
    step->launch.terminal = false;
    step->launch.no_input = true;
  }
  make.says = "making a Python environment with " + spec.command;
  make.launch.path = spec.command;
  make.launch.arguments = {spec.command, "-m", "venv", "--clear", made.folder};
  const bool is_list = is_pip_list(name);
  const std::string pips = is_list ? lock_file : made.folder + "/requirements.txt";
  list.says = "reading " + name;
  list.launch.arguments = {python, "-c", lock_list, lock_file, pips};
  install.says = "installing the packages of " + name;
  install.launch.arguments = {python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pips};
  if (!is_list)  // all of it is there, and nothing else shall come
    install.launch.arguments.insert(install.launch.arguments.end(), {"--require-hashes", "--no-deps"});
  install.marks = made.mark();
  std::vector<Step> before = {make};
  if (!is_list) before.push_back(list);
  before.push_back(install);
  steps.insert(steps.begin(), before.begin(), before.end());
  return base::Done{};
}

}  // namespace

Confinement usual_confinement() { return Confinement::of_job({}, {}); }

base::Result<std::vector<Step>> steps_of(const Place& place, const std::string& id, const Spec& spec,
                                         const HostGpu& gpu) {
  const std::string folder = place.job(id), files = folder + files_name;
  for (const char* name : {"/home", "/tmp"}) mkdir((folder + name).c_str(), 0700);
  Step step;
  step.launch.path = spec.program.empty() ? spec.command : files + "/" + spec.program;
  step.launch.arguments = spec.arguments;
  step.launch.environment = environment_of(place, id, spec, gpu);
  step.launch.folder = files + (spec.folder.empty() ? "" : "/" + spec.folder);
  step.launch.terminal = spec.terminal;
  step.launch.no_input = spec.detached;
  step.launch.rows = spec.rows;
  step.launch.columns = spec.columns;
  step.confinement = Confinement::of_job({files, folder + "/home", folder + "/tmp", place.kernels()}, gpu.readable);
  step.confinement.rooms.run.push_back(folder + libraries_name);
  // A virtual GPU is reached by the server's socket, which a /tmp of its own would hide.
  if (spec.vgpu.empty() && !place.folder.starts_with("/tmp/") && !place.folder.starts_with("/var/tmp/"))
    step.confinement.scratch = folder + "/tmp";
  std::vector<Step> steps = {step};
  if (!spec.requirements.empty()) TRY(add_environment(place, id, spec, steps));
  return steps;
}

}  // namespace exec
