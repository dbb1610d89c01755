// PTX ISA, "Linking Directives": .extern, .visible, .weak and .common decide which names meet.
#include "device/software/ptx/link.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace ptx {
namespace {

bool shared_name(const Variable& variable) { return variable.visible || variable.weak || variable.is_extern; }
bool shared_name(const Function& function) {
  return function.visible || function.weak || function.is_extern || (function.is_entry && function.defined);
}
bool is_definition(const Variable& variable) { return !variable.is_extern; }
bool is_definition(const Function& function) { return function.defined; }

class Linking {
 public:
  explicit Linking(Module& linked) : linked_(linked) {}

  bool add(Module&& module, std::string& error) {
    if (std::pair(module.version_major, module.version_minor) >
        std::pair(linked_.version_major, linked_.version_minor)) {
      linked_.version_major = module.version_major;
      linked_.version_minor = module.version_minor;
    }
    if (linked_.target.size() < module.target.size() ||
        (linked_.target.size() == module.target.size() && linked_.target < module.target))
      linked_.target = module.target;
    Map map;
    for (const Variable& variable : module.variables)
      if (!place(variable, linked_.variables, variable_names_, map.variables, error)) return false;
    for (const Function& function : module.functions)
      if (!place(function, linked_.functions, function_names_, map.functions, error)) return false;
    for (size_t i = 0; i < module.variables.size(); ++i) take(std::move(module.variables[i]), map.variables[i], map);
    for (size_t i = 0; i < module.functions.size(); ++i) take(std::move(module.functions[i]), map.functions[i], map);
    return true;
  }

 private:
  using Names = std::unordered_map<std::string, uint32_t>;
  struct Place {
    uint32_t index;
    bool taken;  // this module's object is the one that counts
  };
  struct Map {
    std::vector<Place> variables, functions;
  };

  // Finds the object's place in the linked module; what it refers to is not looked at yet.
  template <class T>
  bool place(const T& object, std::vector<T>& all, Names& names, std::vector<Place>& places, std::string& error) {
    auto fresh = [&] {
      all.emplace_back().name = object.name;
      return static_cast<uint32_t>(all.size() - 1);
    };
    if (!shared_name(object)) {
      uint32_t index = fresh();
      if (!used_.insert(object.name).second) all[index].name += "$" + std::to_string(index);
      used_.insert(all[index].name);
      places.push_back({index, true});
      return true;
    }
    auto [entry, added] = names.try_emplace(object.name, 0);
    if (added) {
      entry->second = fresh();
      rename(all, entry->second, object.name);
      places.push_back({entry->second, true});
      return true;
    }
    const T& earlier = all[entry->second];
    bool both = is_definition(object) && is_definition(earlier);
    if (both && !object.weak && !earlier.weak) {
      error = "'" + object.name + "' is defined in more than one of the linked modules";
      return false;
    }
    bool better = is_definition(object) && (!is_definition(earlier) || (earlier.weak && !object.weak));
    places.push_back({entry->second, better});
    return true;
  }

  // A shared name keeps its spelling: programs ask for it. An object of an earlier module's own steps aside.
  template <class T>
  void rename(std::vector<T>& all, uint32_t index, const std::string& name) {
    if (used_.insert(name).second) return;
    for (uint32_t i = 0; i < index; ++i)
      if (all[i].name == name) used_.insert(all[i].name = name + "$" + std::to_string(i));
  }

  void take(Variable&& variable, Place place, const Map& map) {
    if (!place.taken) return;
    for (auto& relocation : variable.relocations)
      relocation.index = (relocation.function ? map.functions : map.variables)[relocation.index].index;
    std::string name = linked_.variables[place.index].name;
    linked_.variables[place.index] = std::move(variable);
    linked_.variables[place.index].name = std::move(name);
  }

  void take(Function&& function, Place place, const Map& map) {
    if (!place.taken) return;
    for (Instruction& instruction : function.body) {
      for (auto* operands : {&instruction.operands, &instruction.results, &instruction.arguments})
        for (Operand& operand : *operands) point(operand, map);
    }
    std::string name = linked_.functions[place.index].name;
    linked_.functions[place.index] = std::move(function);
    linked_.functions[place.index].name = std::move(name);
  }

  static void point(Operand& operand, const Map& map) {
    bool symbol =
        operand.kind == Operand::symbol || (operand.kind == Operand::address && operand.base_kind == Operand::symbol);
    if (symbol && !operand.local) operand.index = map.variables[operand.index].index;
    if (operand.kind == Operand::function) operand.index = map.functions[operand.index].index;
    for (Operand& element : operand.elements) point(element, map);
  }

  Module& linked_;
  Names variable_names_, function_names_;
  std::unordered_set<std::string> used_;
};

}  // namespace

bool link(std::vector<Module> modules, Module& linked, std::string& error) {
  linked = {};
  if (modules.size() == 1) {
    linked = std::move(modules[0]);
    return true;
  }
  Linking linking(linked);
  for (Module& module : modules)
    if (!linking.add(std::move(module), error)) return false;
  return true;
}

}  // namespace ptx
