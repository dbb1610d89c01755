// Reports: for people, for machines, and in one line.
#pragma once
#include <string>
#include <vector>

#include "doctor/advice.h"
#include "doctor/diagnosis.h"

namespace outboard::doctor {

struct Style {
  bool colour = false;  // and symbols: on a terminal only
  bool all = false;     // -v: every piece of evidence, the other ways, the sources
  size_t width = 80;
};

std::string report_for_people(const Diagnosis& diagnosis, const std::vector<Way>& ways, const Style& style);
// The form that doctor/report/schema.json describes.
std::string report_for_machines(const Diagnosis& diagnosis, const std::vector<Way>& ways);
// The verdict, in one line without its end.
std::string report_in_a_line(const Diagnosis& diagnosis);
// The ids of what was found, one a line.
std::string report_ids(const Diagnosis& diagnosis);

// How a fact is called in a sentence: "w:CurrentBuild" is "Windows build".
std::string name_of_fact(const std::string& key);
// How an API is called: "cuda" is "CUDA".
std::string name_of_api(const std::string& api);

// A text in lines no longer than the width, each after so many spaces.
std::string wrapped(const std::string& text, size_t indent, size_t width);

}  // namespace outboard::doctor
