// A JSON value against a JSON schema: the part of the language that doctor/report/schema.json uses.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace outboard::doctor {

using nlohmann::json;

inline bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return type == "integer" && value.is_number_integer();
}

// The first thing that is wrong, or nothing. An unknown keyword is wrong, too: it would be passed over.
inline std::string against(const json& value, const json& schema, const json& whole, const std::string& where = "$") {
  for (const auto& [keyword, rule] : schema.items()) {
    if (keyword == "$schema" || keyword == "title" || keyword == "$defs") continue;
    if (keyword == "$ref") {
      std::string name = rule.get<std::string>().substr(std::string("#/$defs/").size());
      if (auto wrong = against(value, whole["$defs"][name], whole, where); !wrong.empty()) return wrong;
    } else if (keyword == "const") {
      if (value != rule) return where + " is not " + rule.dump();
    } else if (keyword == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end()) return where + " is none of " + rule.dump();
    } else if (keyword == "type") {
      bool fits = rule.is_string() && has_type(value, rule);
      if (rule.is_array())
        for (const std::string type : rule) fits = fits || has_type(value, type);
      if (!fits) return where + " is no " + rule.dump();
    } else if (keyword == "required") {
      for (const std::string name : rule)
        if (!value.contains(name)) return where + " lacks " + name;
    } else if (keyword == "properties") {
      for (const auto& [name, inner] : rule.items())
        if (value.contains(name))
          if (auto wrong = against(value[name], inner, whole, where + "." + name); !wrong.empty()) return wrong;
    } else if (keyword == "items") {
      for (const json& each : value)
        if (auto wrong = against(each, rule, whole, where + "[]"); !wrong.empty()) return wrong;
    } else if (keyword == "additionalProperties") {
      for (const auto& [name, unused] : value.items())
        if (!schema["properties"].contains(name)) return where + " has " + name;
    } else {
      return "the schema has the keyword " + keyword + ", which this test does not know";
    }
  }
  return {};
}

}  // namespace outboard::doctor
